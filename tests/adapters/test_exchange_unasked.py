"""What 1C sends and never asks to be imported: the rest of an archive, and what comes over a slow line."""

from __future__ import annotations

import pytest

from syncd.sync import receive
from tests.api.site import OneC, Site, archive, catalogue


def products(site: Site) -> list[str]:
    return [row["name"] for row in site.rows("SELECT name FROM products ORDER BY name")]


def age(site: Site, seconds: int) -> int:
    """Let uploads lie still for so long; how many packages come of it."""
    with site.ctx.db.transaction() as conn:
        conn.execute("UPDATE upload SET updated_at = updated_at - make_interval(secs => %s)", (seconds,))
        return receive.sweep(conn, idle_seconds=60)


def goods(*names: str) -> dict[str, bytes]:
    """A document for each product, which all have ids of their own."""
    documents = {}
    for n, name in enumerate(names, 1):
        document = catalogue(name, changes=True).decode()
        documents[f"import0_{n}.xml"] = document.replace("<Ид>p1<", f"<Ид>p{n}<").encode()
    return documents


@pytest.mark.parametrize("end", ["silence", "next session", "complete"])
def test_documents_of_an_archive_that_were_not_asked_for_are_imported_too(onec: OneC, end: str) -> None:
    answer = onec.push("v8_1.zip", archive(goods("Стул", "Стол", "Шкаф")), document="import0_2.xml")
    assert answer.startswith("success")
    assert products(onec.site) == ["Стол"]
    if end == "silence":
        assert age(onec.site, 30) == 0
        assert age(onec.site, 31) == 2
    elif end == "next session":
        onec.begin()
    else:
        onec.ask("type=catalog&mode=complete")
    onec.site.work()
    assert products(onec.site) == ["Стол", "Стул", "Шкаф"]
    assert age(onec.site, 100) == 0  # once is enough


def test_the_rest_of_an_archive_is_imported_once_when_it_is_asked_for_late(onec: OneC) -> None:
    onec.push("v8_1.zip", archive(goods("Стул", "Стол")), document="import0_1.xml")
    assert age(onec.site, 61) == 1
    assert onec.import_("import0_2.xml").startswith("success")
    assert onec.site.count("package") == 2


def test_an_archive_sent_again_after_an_import_replaces_what_is_left_of_the_first(onec: OneC) -> None:
    onec.push("v8_1.zip", archive(goods("Стул", "Стол")), document="import0_1.xml")
    assert onec.send("v8_1.zip", archive(goods("Кресло", "Стойка"))) == "success"
    assert onec.import_("import0_1.xml").startswith("success")
    assert onec.import_("import0_2.xml").startswith("success")
    assert age(onec.site, 61) == 0
    onec.site.work()
    assert products(onec.site) == ["Кресло", "Стойка"]


def test_a_later_session_is_not_told_success_for_a_file_of_an_archive_before_it(onec: OneC) -> None:
    onec.push("v8_1.zip", archive(goods("Стул")), document="import0_1.xml")
    onec.begin()
    assert onec.import_("import0_1.xml").startswith("failure\nE107 ")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251", "utf-16"])
def test_a_slow_line_has_time_for_the_next_part(onec: OneC, encoding: str) -> None:
    document = catalogue("Стул", "Стол").decode().replace("UTF-8", encoding).encode(encoding)
    cut = (
        document.index("</Товар>".encode(encoding.replace("16", "16-le")))
        + len("</Товар>".encode(encoding))
        - (2 if encoding == "utf-16" else 0)
    )
    onec.begin()
    assert onec.send("import0_1.xml", document[:cut]) == "success"  # a part may end with a tag
    assert age(onec.site, 600) == 0
    assert onec.send("import0_1.xml", document[cut:]) == "success"
    assert onec.import_("import0_1.xml").startswith("success")
    assert len(onec.site.rows("SELECT id FROM package WHERE outcome = 'ok'")) == 1


def test_what_never_becomes_whole_is_reported_in_the_end(onec: OneC) -> None:
    onec.begin()
    onec.send("import0_1.xml", catalogue("Стул")[:200])
    assert age(onec.site, 901) == 1
    onec.site.work()
    assert onec.site.codes() == ["E216"]
