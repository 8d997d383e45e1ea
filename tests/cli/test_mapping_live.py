"""``syncd mapping`` and ``syncd metadata`` against a base that syncd knows: its own metadata, its own records."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.emulator.odata import OdataBase
from syncd.store.db import Database, every, execute

from .conftest import Run

MINE = "extends: ut11\nproducts:\n  fields:\n    sku: КодДляПоиска\n"


@pytest.fixture
def base(run: Run, db: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[OdataBase]:
    monkeypatch.setenv("BASE_PASSWORD", "odata")
    (tmp_path / "trade.yaml").write_text(MINE, encoding="utf-8")
    with OdataBase("ut11", size=6).running() as found:
        ran = run("endpoint", "add", "erp", "--kind", "odata", "--address", found.url, "--login", found.user,
                  "--password-from", "env:BASE_PASSWORD", "--takes", "", "--set", "mapping=ut11")  # fmt: skip
        assert ran.code == 0, ran.err
        yield found


def goods(base: OdataBase) -> list[str]:
    return [str(row["Ref_Key"]) for row in base.rows("Catalog_Номенклатура") if not row["IsFolder"]]


def test_a_mapping_is_begun_and_checked_with_the_base_s_own_metadata(run: Run, base: OdataBase) -> None:
    ran = run("mapping", "init", "--endpoint", "erp", "--file", "mine.yaml")
    assert ran.code == 0, ran.err
    assert "extends ut11" in ran.err
    assert run("mapping", "check", "mine.yaml", "--endpoint", "erp").code == 0
    asked = [one.path for one in base.requests if one.path.endswith("$metadata")]
    assert len(asked) == 1, "what was fetched is kept"
    assert run("mapping", "check", "ut11", "--endpoint", "none").code == 3
    Path("mine.yaml").write_text(MINE.replace("КодДляПоиска", "КодДляПоискаа"), encoding="utf-8")
    bad = run("mapping", "check", "mine.yaml", "--endpoint", "erp")
    assert (bad.code, bad.out.strip()) == (
        7, "E722 mine.yaml:4:5: Catalog_Номенклатура has no property 'КодДляПоискаа'. Did you mean КодДляПоиска?"
    )  # fmt: skip


def test_a_record_of_the_base_is_shown_with_what_its_references_lead_to(run: Run, base: OdataBase) -> None:
    ref = goods(base)[2]
    words = ("mapping", "preview", "trade.yaml", "--endpoint", "erp", "-o", "json")
    rows = {row["field"]: row for row in run(*words, "-s", "products", "--id", ref).json}
    assert (rows["id"]["result"], rows["sku"]["source"]) == (ref, "КодДляПоиска")
    assert rows["unit"]["result"].startswith("{code: '796'")
    prices = run(*words, "-s", "prices", "--sample", "2").json
    assert {row["result"] for row in prices if row["field"] == "currency"} == {"RUB"}
    assert len({row["record"] for row in prices}) == 2
    missing = run(*words, "-s", "products", "--id", "00000000-0000-0000-0000-00000000000f")
    assert missing.code == 4
    assert "E752" in missing.err
    assert run("mapping", "preview", "trade.yaml").code == 2, "it must be said what to look at"


def test_a_published_mapping_is_checked_and_shown_by_its_name(run: Run, base: OdataBase) -> None:
    assert run("mapping", "publish", "trade.yaml", "--reason", "first", "--yes", "--endpoint", "erp").code == 0
    assert run("mapping", "check", "trade", "--endpoint", "erp").code == 0
    assert run("mapping", "preview", "trade", "--endpoint", "erp", "-s", "warehouses", "-o", "json").json
    assert base.requests


def test_the_diff_counts_the_stored_records_that_would_change(
    run: Run, base: OdataBase, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = goods(base)
    for number, ref in enumerate(known[:4]):
        base.change("Catalog_Номенклатура", ref, {"КодДляПоиска": f"П-{number}"})
    Path("own.yaml").write_text("schedules:\n  catalogue: {pull: catalogue, every: 1h}\n", encoding="utf-8")
    monkeypatch.setenv("SYNCD_CONFIG", "own.yaml")
    ran = run("schedule", "run", "catalogue@erp", "--wait")
    assert ran.code == 0, ran.err
    with db.transaction() as conn:
        execute(conn, "UPDATE products SET deleted_at = now() WHERE id = %(id)s", id=known[0])
        stored = {row["id"] for row in every(conn, "SELECT id FROM products WHERE deleted_at IS NULL")}
    assert len(stored) == len(known) - 1
    told = run("mapping", "diff", "ut11", "trade.yaml", "--endpoint", "erp", "-s", "products", "-o", "json").json
    [products] = told
    assert (products["tried"], products["left_out"], products["taken_in"]) == (len(stored), 0, 0)
    [change] = products["fields"]
    assert change["field"] == "sku"
    assert change["count"] == products["changed"] > 0
    assert run("mapping", "diff", "ut11", "ut11", "--endpoint", "erp", "-s", "products").out == ""
    limited = run("mapping", "diff", "ut11", "trade.yaml", "--endpoint", "erp", "-s", "products", "--limit", "2",
                  "-o", "json").json  # fmt: skip
    assert limited[0]["tried"] == 2
    Path("less.yaml").write_text(MINE + "  when: пусто(КодДляПоиска)\n", encoding="utf-8")
    [less] = run("mapping", "diff", "trade.yaml", "less.yaml", "--endpoint", "erp", "-s", "products", "-o", "json").json
    assert less["left_out"] == 3


def test_a_look_at_all_bases_tells_what_does_not_fit_and_journals_it(run: Run, base: OdataBase) -> None:
    ran = run("metadata", "watch")
    assert ran.code == 0, ran.err + ran.out
    [row] = run("metadata", "watch", "--endpoint", "erp", "-o", "json").json
    assert (row["mapping"], row["broken"], row["changes"]) == ("ut11", 0, 0)
    Path("trade.yaml").write_text(MINE.replace("КодДляПоиска", "КодПоиска"), encoding="utf-8")
    assert run("mapping", "publish", "trade.yaml", "--reason", "unchecked", "--yes").code == 0
    assert run("endpoint", "set", "erp", "--set", "mapping=trade").code == 0
    assert base.requests
    ran = run("metadata", "watch", "-o", "json")
    assert ran.code == 7
    [journal] = [one for one in run("journal", "tail", "-o", "json").json if one["code"] == "E750"]
    assert journal["subject"] == "erp"
    assert run("issue", "list", "-o", "json").json
