"""The bench measures what it says it measures: on a base of a few products, from end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import yardstick
from bench.__main__ import main
from bench.base import Documents, Parameters, find
from bench.report import Line

PRODUCTS = 200
PARAMETERS = Parameters(PRODUCTS, 220)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench")


@pytest.fixture(scope="module")
def run(out: Path) -> dict[str, Line]:
    """One run of the whole bench."""
    lines = main(["--products", str(PRODUCTS), "--out", str(out), "--profile", "--quiet", "1"])
    return {line.name: line for line in lines}


@pytest.fixture(scope="module")
def documents(run: dict[str, Line], out: Path) -> Documents:
    assert run
    found = find(PARAMETERS, out)
    assert found is not None
    return found


def test_everything_is_measured(run: dict[str, Line]) -> None:
    assert list(run) == ["yardstick", "reader", "render", "first", "unchanged", "changed"]
    for line in run.values():
        assert line.size > 1_000_000
        assert line.measured.seconds > 0
        assert line.measured.cpu > 0
        assert line.measured.records > PRODUCTS
        assert 10_000_000 < line.measured.peak < 400_000_000
        assert min(line.before.seconds, line.after.seconds) > 0
        assert line.ratio == line.measured.seconds / min(line.before.seconds, line.after.seconds)


def test_the_yardstick_and_our_reader_find_the_same_records(run: dict[str, Line], documents: Documents) -> None:
    catalogue = sum(
        run["first"].measured.counters[name]["read"] for name in ("category", "property", "price_type", "warehouse")
    )
    assert run["reader"].measured.records == run["yardstick"].measured.records + catalogue
    records = [record for path in documents.files("first") for record in yardstick.read(path)]
    products = [record for record in records if "groups" in record]
    assert len(products) == PRODUCTS
    assert 8 < sum(len(record["properties"]) for record in products) / PRODUCTS < 13
    offers = [record for record in records if "prices" in record]
    assert len(offers) == documents.offers
    assert {len(record["stocks"]) for record in offers} == {5}
    assert {len(record["prices"]) for record in offers} == {1, 3}  # two in a hundred have a retail price only


def test_the_first_import_creates_everything(run: dict[str, Line], documents: Documents) -> None:
    counters = run["first"].measured.counters
    assert counters["product"]["created"] == PRODUCTS
    assert counters["offer"]["created"] == documents.offers
    assert counters["stock"]["created"] == documents.offers * 5
    for counts in counters.values():
        assert counts["created"] == counts["read"] > 0


def test_the_same_again_changes_nothing(run: dict[str, Line]) -> None:
    first, again = run["first"].measured.counters, run["unchanged"].measured.counters
    assert again.keys() == first.keys()
    for name, counts in again.items():
        assert counts == {
            **counts,
            "read": first[name]["read"],
            "unchanged": counts["read"],
            "created": 0,
            "updated": 0,
        }


def test_after_a_round_of_changes_just_these_are_written(run: dict[str, Line], documents: Documents) -> None:
    counters = run["changed"].measured.counters
    assert 0 < documents.changed["product"] < 2 * 0.05 * PRODUCTS
    assert {name: counters[name]["updated"] for name in documents.changed} == documents.changed
    for counts in counters.values():
        assert counts["created"] == counts["removed"] == counts["failed"] == 0


def test_the_phases_of_an_import_add_up(run: dict[str, Line]) -> None:
    for name in ("first", "unchanged", "changed"):
        measured = run[name].measured
        phases = dict(measured.phases)
        assert phases.pop("store uploads") > 0
        assert min(phases.values()) >= 0
        assert "read + render" in phases
        if name != "unchanged":  # nothing of which is staged
            assert {"copy", "merge product", "merge offer", "merge price", "merge stock"} <= phases.keys()
        assert sum(phases.values()) == pytest.approx(measured.seconds)


def test_documents_of_the_same_parameters_are_used_again(run: dict[str, Line], out: Path, documents: Documents) -> None:
    before = [path.stat().st_mtime_ns for path in documents.files("first")]
    (line,) = main(["--products", str(PRODUCTS), "--out", str(out), "--only", "yardstick"])
    assert line.name == "yardstick"
    assert line.measured.records == run["yardstick"].measured.records
    assert [path.stat().st_mtime_ns for path in documents.files("first")] == before


def test_only_one_import_is_measured_after_the_ones_it_needs(out: Path, documents: Documents) -> None:
    (line,) = main(["--products", str(PRODUCTS), "--out", str(out), "--only", "changed"])
    assert line.name == "changed"
    updated = {name: line.measured.counters[name]["updated"] for name in documents.changed}
    assert updated == documents.changed


def test_the_split_files_of_3_1_hold_the_same_base(out: Path, documents: Documents) -> None:
    arguments = ["--products", str(PRODUCTS), "--out", str(out), "--shape", "3.1", "--only"]
    (first,) = main([*arguments, "first"])
    split = find(Parameters(PRODUCTS, 220, shape="3.1"), out)
    assert split is not None
    assert [path.name.partition("_")[0] for path in split.files("first")][-3:] == ["offers", "prices", "rests"]
    counters = first.measured.counters
    assert (counters["product"]["created"], counters["offer"]["created"]) == (PRODUCTS, documents.offers)
    assert counters["stock"]["created"] == documents.offers * 5
    records = [record for path in split.files("first") for record in yardstick.read(path)]
    assert sum(len(record.get("stocks", ())) for record in records) == counters["stock"]["read"]
    assert sum(len(record.get("prices", ())) for record in records) == counters["price"]["read"]
    (changed,) = main([*arguments, "changed"])
    assert {name: changed.measured.counters[name]["updated"] for name in split.changed} == split.changed


def test_documents_of_other_parameters_are_not_taken(out: Path, documents: Documents) -> None:
    told = documents.folder / "base.json"
    kept = told.read_text(encoding="utf-8")
    assert find(Parameters(PRODUCTS, 221), out) is None
    told.write_text(json.dumps({**json.loads(kept), "parameters": {}}), encoding="utf-8")
    assert find(PARAMETERS, out) is None
    told.write_text(kept, encoding="utf-8")
    assert find(PARAMETERS, out) == documents


def test_the_table_names_the_machine_and_every_measurement(
    out: Path, documents: Documents, capsys: pytest.CaptureFixture[str]
) -> None:
    assert documents.offers > PRODUCTS
    main(["--products", str(PRODUCTS), "--out", str(out), "--only", "first"])
    printed = capsys.readouterr().out
    assert "Postgres 18" in printed
    assert "lxml" in printed
    assert "import, first" in printed
    assert f"product +{PRODUCTS} ~0 =0 -0" in printed


@pytest.mark.parametrize("wrong", [["--products", "0"], ["--offers", "x"], ["--only", "nothing"]])
def test_what_makes_no_sense_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(wrong)
