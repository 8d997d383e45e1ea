"""A few seconds of `make fuzz`, always the same ones, and that it finds what is broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz import bombs, cases, reading, runner
from fuzz.lab import Broken, Lab

SEED = 20_260


def test_mutated_documents_are_survived(database_url: str, tmp_path: Path) -> None:
    report = runner.run(SEED, seconds=12, cases=120, url=database_url, out=tmp_path)
    assert [(finding.case.name, finding.check, finding.problems) for finding in report.findings] == []
    assert report.cases >= 10
    assert {outcome.partition(" ")[0] for outcome in report.outcomes} >= {"read", "import", "compare"}


def test_without_the_corpus_documents_of_the_emulator_are_mutated() -> None:
    made = [cases.make(SEED, number, corpus=False) for number in range(20)]
    assert len({case.data for case in made}) > 15
    assert all(case.original.endswith(".xml") for case in made)


def test_a_case_is_the_same_whenever_it_is_made() -> None:
    assert [cases.make(3, number).data for number in range(30)] == [cases.make(3, number).data for number in range(30)]


def test_a_document_that_needs_too_much_memory_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MEMORY", 64 << 20)
    monkeypatch.setattr("syncd.commerceml.parsing.HELD_LIMIT", 1 << 40)
    swarm = bombs.PLACES[3].replace("{}", f"<б>{'<а/>' * 1_000_000}</б>")
    document = f"<КоммерческаяИнформация>{swarm}</КоммерческаяИнформация>".encode()
    try:
        found = reading.in_child(document, "1")
    except Broken:  # libxml2 may give up the process before Python can say so
        return
    assert found.problems or found.outcome == "E201"  # or say that it has no memory for the document


def test_a_process_that_hangs_is_ended_and_begun_anew() -> None:
    with Lab("fuzz.reading") as lab:
        with pytest.raises(Broken, match="no answer"):
            lab.ask(("<чужой>другого</чужой>".encode(), "1"), 0.0)
        assert lab.ask(("<чужой>другого</чужой>".encode(), "1"), 60.0).outcome == "E203"


def test_a_finding_is_written_down_with_the_command_that_runs_it_again(tmp_path: Path) -> None:
    case = cases.make(SEED, 1)
    path = runner.keep(runner.Finding(case, "read", ["it hurts"]), SEED, 1, tmp_path)
    assert path.read_bytes() == case.data
    text = path.with_suffix(".txt").read_text(encoding="utf-8")
    assert f"python -m fuzz --seed {SEED} --case 1" in text
    assert "it hurts" in text
