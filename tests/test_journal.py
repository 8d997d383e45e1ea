"""Every failure is a row, a hammering client is one row, and no secret is in any of them."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
import structlog

from syncd import journal, log
from syncd.errors import RequestError
from syncd.journal import Entry
from tests.api.site import PASSWORD, OneC, Site, catalogue, order_body, running


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with running(database_url) as found:
        yield found


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged, as it is logged in production."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    log.configure("json", "debug", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)


def entry(subject: str = "catalog file a.xml", **more: str) -> Entry:
    return Entry("exchange", "in", "failed", subject=subject, error=RequestError("E107", name="a.xml"), **more)  # type: ignore[arg-type]


def test_a_thousand_repetitions_are_one_row_that_counts(site: Site) -> None:
    onec = OneC(site)
    onec.checkauth()
    for _ in range(200):
        onec.ask("type=catalog&mode=import&filename=none.xml")
    with site.ctx.db.transaction() as conn:
        one = Entry("exchange", "in", "failed", subject="x", error=RequestError("E107", name="x"))
        ids = {journal.write_failure(conn, "default", one) for _ in range(800)}
    assert len(ids) == 1
    rows = site.rows("SELECT subject, repeats FROM journal ORDER BY at")
    assert [(row["subject"], row["repeats"]) for row in rows] == [("catalog import none.xml", 200), ("x", 800)]


def test_different_failures_have_rows_of_their_own(site: Site) -> None:
    with site.ctx.db.transaction() as conn:
        made = {
            journal.write_failure(conn, "default", e) for e in (entry(), entry("b"), entry(file="c"), entry(key="d"))
        }
        made.add(journal.write_failure(conn, "other", entry()))
    assert len(made) == 5


def test_a_failure_that_comes_again_after_the_window_is_a_new_row(site: Site) -> None:
    with site.ctx.db.transaction() as conn:
        first = journal.write_failure(conn, "default", entry())
        conn.execute("UPDATE journal SET last_at = now() - interval '61 seconds'")
        assert journal.write_failure(conn, "default", entry()) != first


def test_texts_that_postgres_cannot_store_are_written_all_the_same(site: Site) -> None:
    with site.ctx.db.transaction() as conn:
        made = journal.write(conn, "default", entry("nul \0 half \ud800 pair" + "x" * 10_000))
        row = journal.find(conn, "default", str(made))
    assert row is not None
    assert row["subject"].startswith("nul � half ? pair")
    assert len(row["subject"]) == journal.TEXT_LIMIT


def test_a_row_is_found_by_either_end_of_its_id_and_not_across_companies(site: Site) -> None:
    with site.ctx.db.transaction() as conn:
        made = str(journal.write(conn, "default", entry()))
        for word in (made, made.upper(), made[:18], made[-8:]):
            row = journal.find(conn, "default", word)
            assert row is not None
            assert str(row["id"]) == made
        assert journal.find(conn, "other", made) is None
        assert journal.find(conn, "default", "") is not None
        journal.write(conn, "default", entry())
        assert journal.find(conn, "default", "") is None


def test_failures_are_summed_up_by_code(site: Site) -> None:
    with site.ctx.db.transaction() as conn:
        for _ in range(3):
            journal.write_failure(conn, "default", entry())
        journal.write(conn, "default", Entry("import", "in", "ok"))
        found = journal.failures(conn, "default", hours=1)
    assert [(row["code"], row["count"], row["owner"]) for row in found] == [("E107", 3, "1c-developer")]


def test_old_rows_go_and_young_ones_stay(site: Site) -> None:
    with site.ctx.db.transaction() as conn:
        journal.write(conn, "default", entry("old"), id_=uuid4())  # of no week: it lies in the default part
        conn.execute("UPDATE journal SET at = now() - interval '91 days'")
        journal.write(conn, "default", entry("young"))
        assert journal.prune(conn, 90) == 1
    assert [row["subject"] for row in site.rows("SELECT subject FROM journal")] == ["young"]


def test_no_secret_is_in_a_journal_row_or_a_log_line_or_an_upload(site: Site, lines: io.StringIO) -> None:
    key = site.key()
    wrong = OneC(site, password="wrong-" + PASSWORD)
    wrong.ask("type=catalog&mode=checkauth")
    onec = OneC(site)
    token = onec.checkauth()[2]
    onec.init()
    onec.ask("type=catalog&mode=nothing")
    onec.ask("type=catalog&mode=import&filename=none.xml")
    onec.send("import.xml", catalogue("Стул")[:100])
    onec.import_("import.xml")
    onec.ask(f"type=sale&mode=query&cookie={token}")
    site.order(key, "k1", order_body())
    site.order(key, "k1", order_body(comment="other"))
    site.get("/v1/products?bad=1", key + "x")
    with site.ctx.db.transaction() as conn:
        conn.execute("ALTER TABLE exchange_session RENAME TO hidden")
    onec.ask("type=catalog&mode=init")
    with site.ctx.db.transaction() as conn:
        conn.execute("ALTER TABLE hidden RENAME TO exchange_session")
    said = lines.getvalue()
    assert "exchange refused" in said
    assert "a request failed inside syncd" in said
    tables = [r["t"] for r in site.rows("SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public'")]
    kept = "\n".join(str(row) for table in tables for row in site.rows(f"SELECT x::text FROM {table} x"))
    assert "catalog import none.xml" in kept
    for secret in (PASSWORD, token, key, re.sub(r"\W", "", PASSWORD) + "x"):
        assert secret not in said
        assert secret not in kept
