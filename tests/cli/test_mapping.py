"""``syncd mapping`` and ``syncd metadata`` as a 1C developer types them, from an empty folder to a mapping in force."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from syncd.emulator.odata import OdataBase
from syncd.store.db import Database
from tests.conftest import CORPUS

from .conftest import ROOT, Run

METADATA = CORPUS / "odata" / "metadata"
SMALL = """<edmx:Edmx xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx" Version="1.0"><edmx:DataServices>
<Schema xmlns="http://schemas.microsoft.com/ado/2009/11/edm" Namespace="StandardODATA">
<EntityType Name="Catalog_Товары"><Key><PropertyRef Name="Ref_Key"/></Key>
<Property Name="Ref_Key" Type="Edm.Guid" Nullable="false"/><Property Name="Description" Type="Edm.String"/>
<Property Name="Артикул" Type="Edm.String" MaxLength="25"/><Property Name="Вес" Type="Edm.Double"/></EntityType>
<EntityContainer Name="E"><EntitySet Name="Catalog_Товары" EntityType="StandardODATA.Catalog_Товары"/></EntityContainer>
</Schema></edmx:DataServices></edmx:Edmx>"""
EXTRA = "A value without a field goes under extra."
GOOD = "products:\n  from: Catalog_Товары\n  fields:\n    id: Ref_Key\n    name: Description\n    sku: Артикул\n"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "metadata.xml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "trade.yaml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_a_good_mapping_is_ok_and_a_bad_one_is_told_line_by_line(run: Run, mine: Path, base: Path) -> None:
    ran = run("mapping", "check", "trade.yaml", "--metadata", "metadata.xml")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("OK trade.yaml ")
    mine.write_text(GOOD.replace("sku: Артикул", "sku: Артикль\n    nam: Description"), encoding="utf-8")
    ran = run("mapping", "check", "trade.yaml", "--metadata", "metadata.xml")
    assert ran.code == 7
    assert ran.out.splitlines() == [
        "E722 trade.yaml:6:5: Catalog_Товары has no property 'Артикль'. Did you mean Артикул?",
        f"E705 trade.yaml:7:5: products has no field 'nam'. Did you mean name? {EXTRA}",
    ]
    told = run("mapping", "check", "trade.yaml", "--metadata", "metadata.xml", "-o", "json").json
    assert not told["ok"]
    assert [(error["code"], error["line"], error["column"]) for error in told["errors"]] == [
        ("E722", 6, 5), ("E705", 7, 5),
    ]  # fmt: skip
    russian = run("--lang", "ru", "mapping", "check", "trade.yaml", "--metadata", "metadata.xml")
    assert "Возможно, Артикул?" in russian.out


def test_a_file_that_is_not_there_or_no_yaml_is_one_clear_error(run: Run, mine: Path) -> None:
    ran = run("mapping", "check", "none.yaml")
    assert (ran.code, ran.out) == (4, "")
    assert "E702 none.yaml: there is no such file." in ran.err
    mine.write_text("products:\n\tfrom: X\n", encoding="utf-8")
    assert "E702 trade.yaml:2:1: a tab is used" in run("mapping", "check", "trade.yaml").err


def test_a_preview_shows_source_rule_and_result(run: Run, mine: Path) -> None:
    record = json.dumps({"Ref_Key": "a", "Description": "Стул", "Артикул": "С-1 "}, ensure_ascii=False)
    rows = run("mapping", "preview", "trade.yaml", "-r", "-", "-o", "json", stdin=record).json
    assert {row["field"]: (row["source"], row["result"]) for row in rows} == {
        "id": ("Ref_Key", "a"), "name": ("Description", "Стул"), "sku": ("Артикул", "С-1"),
    }  # fmt: skip
    table = run("mapping", "preview", "trade.yaml", "-s", "products", "-r", "-", stdin='{"value": [{"Ref_Key": "b"}]}')
    assert "E741 products.name" in table.out


def test_a_preview_looks_references_up_where_it_is_told(run: Run, tmp_path: Path) -> None:
    (tmp_path / "books.json").write_text('{"Catalog_Валюты": {"r": {"Code": "643"}}}', encoding="utf-8")
    record = json.dumps({"Ref_Key": "a", "Description": "Опт", "ВалютаЦены_Key": "r"}, ensure_ascii=False)
    words = ("mapping", "preview", "ut11", "-s", "price_types", "-r", "-", "-o", "json")
    with_books = {row["field"]: row["result"] for row in run(*words, "-l", "books.json", stdin=record).json}
    assert with_books["currency"] == "RUB"
    without = {row["field"]: row["result"] for row in run(*words, stdin=record).json}
    assert "E745" in without["currency"]


def test_cases_beside_the_mapping_are_run(run: Run, mine: Path) -> None:
    cases = mine.with_name("trade.cases.yaml")
    cases.write_text("- section: products\n  given: {Ref_Key: a, Артикул: x}\n  expect: {sku: x}\n", encoding="utf-8")
    assert run("mapping", "test", "trade.yaml").code == 0
    cases.write_text("- section: products\n  given: {Ref_Key: a, Артикул: x}\n  expect: {sku: y}\n", encoding="utf-8")
    ran = run("mapping", "test", "trade.yaml")
    assert ran.code == 7
    assert "sku: wanted y, got x" in ran.out
    assert "E747" in ran.err
    (row,) = run("mapping", "test", "trade.yaml", "-o", "json").json
    assert (row["passed"], row["line"]) == (False, 1)


def test_a_mapping_is_begun_from_the_metadata_of_a_base(run: Run, tmp_path: Path) -> None:
    source = METADATA / "unf1.6.edmx.gz"
    if not source.is_file():
        pytest.skip("the corpus is not here")
    ran = run("mapping", "init", "--metadata", str(source))
    assert ran.code == 0, ran.err
    assert (tmp_path / "mapping.yaml").read_text(encoding="utf-8").startswith("# yaml-language-server:")
    assert "extends: unf\n" in (tmp_path / "mapping.yaml").read_text(encoding="utf-8")
    assert run("mapping", "check", "mapping.yaml", "--metadata", str(source)).code == 0
    assert run("mapping", "init", "unf").code == 4, "nothing is overwritten"
    assert "E706" in run("mapping", "init", "unff", "--file", "x.yaml").err


def test_publishing_refuses_mistakes_keeps_history_and_rolls_back(run: Run, db: Database, mine: Path) -> None:
    words = ("mapping", "publish", "trade.yaml", "--reason", "first", "--yes")
    assert run(*words).code == 0
    assert "in force already" in run(*words).err
    mine.write_text(GOOD.replace("Артикул", "Code"), encoding="utf-8")
    assert run("mapping", "publish", "trade.yaml", "--reason", "second").code == 4, "nobody can be asked"
    ran = run("mapping", "publish", "trade.yaml", "--reason", "second", "--yes")
    assert "products.fields.sku: Артикул → Code" in ran.err
    second, first = run("mapping", "history", "trade", "-o", "json").json
    assert (first["reason"], second["reason"]) == ("first", "second")
    (row,) = run("mapping", "diff", f"trade@{first['version']}", "trade", "-o", "json").json
    assert (row["path"], row["before"], row["after"]) == ("products.fields.sku", "Артикул", "Code")
    assert run("mapping", "rollback", "trade", first["version"][:6], "--reason", "back", "--yes").code == 0
    assert run("mapping", "history", "-o", "json").json[0]["version"] == first["version"]
    assert run("mapping", "rollback", "trade", "ffff", "--reason", "x", "--yes").code == 4
    mine.write_text(GOOD.replace("sku:", "skuu:"), encoding="utf-8")
    bad = run("mapping", "publish", "trade.yaml", "--reason", "third", "--yes")
    assert bad.code == 4
    assert "E749" in bad.err
    assert "E705 trade.yaml:6:5" in bad.out
    assert len(run("mapping", "history", "-o", "json").json) == 3
    assert run("mapping", "history", "--tenant", "other", "-o", "json").json == []


def test_the_diff_shows_what_becomes_of_records(run: Run, mine: Path) -> None:
    mine.with_name("new.yaml").write_text(GOOD.replace("Артикул", "Description"), encoding="utf-8")
    record = json.dumps([{"Ref_Key": "a", "Description": "Стул", "Артикул": "С"}], ensure_ascii=False)
    words = ("mapping", "diff", "trade.yaml", "new.yaml", "-s", "products", "-r", "-", "-o", "json")
    (row,) = run(*words, stdin=record).json
    assert row == {"record": "Стул", "field": "sku", "before": "С", "after": "Стул"}


def test_metadata_is_kept_shown_searched_and_compared(run: Run, db: Database, base: Path, mine: Path) -> None:
    assert run("metadata", "pull", "metadata.xml", "--base", "trade").code == 0
    rows = run("metadata", "show", "Catalog_Товары", "--base", "trade", "-o", "json").json
    assert {row["name"]: row["length"] for row in rows}["Артикул"] == 25
    assert run("metadata", "search", "товар", "артикул", "--base", "trade", "-o", "json").json[0]["name"] == "Артикул"
    assert "Did you mean Catalog_Товары?" in run("metadata", "show", "Catalog_Товар", "--base", "trade").err
    assert run("mapping", "publish", "trade.yaml", "--reason", "first", "--yes").code == 0
    base.write_bytes(gzip.compress(SMALL.replace("Артикул", "АртикулТовара").encode()))
    ran = run("metadata", "pull", "metadata.xml", "--base", "trade")
    assert ran.code == 7, "the published mapping of this base breaks"
    assert "E722" in ran.err
    assert "Changes since the last state: 2" in ran.err
    new, old = run("metadata", "show", "--base", "trade", "-o", "json").json
    changes = run("metadata", "diff", f"trade@{old['hash']}", "trade", "-o", "json").json
    assert {change["path"] for change in changes} == {"Catalog_Товары.Артикул", "Catalog_Товары.АртикулТовара"}
    broken = run("metadata", "diff", f"trade@{old['hash']}", f"trade@{new['hash']}", "--mapping", "trade.yaml")
    assert broken.code == 7
    assert "has no property 'Артикул'" in broken.out
    assert run("metadata", "show", "X", "--base", "nobody").code == 4
    assert "E732" in run("metadata", "pull", "trade.yaml", "--base", "trade").err


def test_the_schema_is_printed_as_it_is_shipped(run: Run) -> None:
    shipped = json.loads((ROOT / "config" / "mappings" / "schema.json").read_text(encoding="utf-8"))
    assert run("mapping", "schema").json == shipped


def test_metadata_is_pulled_from_a_base_by_its_address(run: Run, db: Database) -> None:
    with OdataBase("unf", size=2, password="не для чужих").running() as base:
        words = ("metadata", "pull", base.url, "--base", "small", "--login", base.user, "--password-stdin")
        ran = run(*words, stdin=base.password + "\n")
        assert ran.code == 0, ran.err
        assert run("metadata", "pull", base.url, "--base", "small", "--login", "x").code != 0
    assert run("mapping", "check", "unf", "--base", "small").code == 0
    assert base.password not in run("metadata", "show", "--base", "small").out
