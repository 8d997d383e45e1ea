"""Every real document of the corpus goes the real way, over HTTP and through the worker, and twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.sync.imports import Result
from tests.api.site import OneC, Site, running

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "commerceml"
DOCUMENTS = sorted(path.name for path in FOLDER.glob("[0-9]*.*")) if FOLDER.is_dir() else ["the corpus"]
ORDERS = ("orders", "contractors", "contragents", "query-response", "Order", "-to.xml", "-from.xml", "documents")
PART = 8 << 20


@pytest.fixture
def site(corpus: Path, database_url: str) -> Iterator[Site]:
    del corpus
    with running(database_url) as found:
        yield found


def push(site: Site, document: Path) -> list[Result]:
    """A whole session of 1C with this file, without waiting for its import, which the next login starts."""
    type_ = "sale" if any(word in document.name for word in ORDERS) else "catalog"
    onec = OneC(site)
    onec.begin(type_)
    with document.open("rb") as stream:
        while part := stream.read(PART):
            assert onec.send(document.name, part, type_=type_) == "success"
    with site.ctx.db.transaction() as conn:
        from syncd.sync import receive

        conn.execute("UPDATE upload SET updated_at = now() - interval '1 hour' WHERE state = 'open'")
        receive.sweep(conn, idle_seconds=60)
    return site.work()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_real_document_is_imported_and_its_repetition_changes_nothing(site: Site, name: str) -> None:
    document = FOLDER / name
    first = push(site, document)
    assert len(first) == 1, name
    state = site.row("SELECT state, outcome, error_code FROM package ORDER BY seq LIMIT 1")
    assert state["outcome"] in {"ok", "partial", "failed"}
    assert state["error_code"] != "E501"
    assert (state["outcome"] == "failed") == (state["error_code"] is not None)
    written = sum(counters["created"] for counters in first[0].counters.values())
    assert written or state["outcome"] != "ok" or not any(c["read"] for c in first[0].counters.values())
    revision = site.row("SELECT last_value FROM revision_seq")["last_value"]
    (second,) = push(site, document)
    assert second.outcome == first[0].outcome
    for entity, counters in second.counters.items():
        changed = {what: counters[what] for what in ("created", "updated", "removed")}
        assert changed == {"created": 0, "updated": 0, "removed": 0}, entity
        assert counters["read"] == first[0].counters[entity]["read"]
    assert site.row("SELECT last_value FROM revision_seq")["last_value"] == revision
    journal = site.rows("SELECT code, outcome FROM journal WHERE parent_id IS NULL AND kind = 'import'")
    assert [row["outcome"] for row in journal] == [first[0].outcome] * 2
    assert all(row["code"] for row in journal if row["outcome"] == "failed")
