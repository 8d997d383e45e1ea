"""Broken documents of one package: each is told, up to a number; the rest are counted."""

from __future__ import annotations

import gc

import pytest

from syncd.commerceml.reader import Reader
from syncd.sync.reading import Run
from tests.api.site import OneC, Site, archive, catalogue


def test_broken_documents_are_told_up_to_a_number_and_the_rest_are_counted(
    site: Site, onec: OneC, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.sync.imports.BAD_RECORDS_KEPT", 3)
    broken = {f"import{n}.xml": b"<\xd0\x9a>" for n in range(1, 6)}
    onec.begin()
    onec.send("v8_1.zip", archive({"import0.xml": catalogue("Стул"), **broken}))
    onec.checkauth()
    (result,) = site.work()
    assert result.outcome == "partial"
    assert site.count("products") == 1
    told = site.rows("SELECT file, code FROM journal WHERE kind = 'document' ORDER BY file")
    assert [row["file"] for row in told] == ["import1.xml", "import2.xml", "import3.xml"]
    assert (
        "2 more broken documents are counted, not listed"
        in site.row("SELECT detail FROM journal WHERE kind = 'import'")["detail"]
    )


def test_all_of_a_few_broken_documents_are_told(site: Site, onec: OneC) -> None:
    onec.begin()
    onec.send("v8_1.zip", archive({"import1.xml": b"<\xd0\x9a>", "import2.xml": b"<html/>"}))
    onec.checkauth()
    (result,) = site.work()
    assert result.outcome == "failed"
    assert site.count("journal", "kind = 'document'") == 2
    assert site.row("SELECT detail FROM journal WHERE kind = 'import'")["detail"] is None


def test_nothing_of_an_import_waits_for_the_collector(site: Site, onec: OneC) -> None:
    onec.begin()
    onec.send("v8_1.zip", archive({"import0.xml": catalogue("Стул"), "import1.xml": b"<\xd0\x9a>"}))
    onec.checkauth()
    (result,) = site.work()
    assert result.outcome == "partial"
    assert [left for left in gc.get_objects() if isinstance(left, Run | Reader)] == []
