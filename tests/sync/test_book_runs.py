"""Reference books that say they are full: what that removes, and that no portion removes another one's items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from syncd.sync import removals
from tests.api.site import OneC, Site, archive, running
from tests.sync.test_runs import chosen, cli_import, complete, silence


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with running(database_url, chosen()) as found:
        yield found


def books(*ids: str, full: bool = True, book: str = "Бренды", bad: bool = False) -> bytes:
    rows = "".join(f"<ЭлементСправочника><Ид>{id_}</Ид></ЭлементСправочника>" for id_ in ids)
    rows += "<ЭлементСправочника><Наименование>без Ид</Наименование></ЭлементСправочника>" * bad
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<КоммерческаяИнформация ВерсияСхемы="3.1">'
        f'<ПользовательскиеСправочники СодержитТолькоИзменения="{str(not full).lower()}">'
        f"<Справочник><Ид>{book}</Ид><ЭлементыСправочника>{rows}"
        "</ЭлементыСправочника></Справочник></ПользовательскиеСправочники></КоммерческаяИнформация>"
    ).encode()


def push(onec: OneC, *portions: bytes) -> None:
    for n, data in enumerate(portions):
        assert onec.push(f"references___{n}.xml", data, type_="reference").startswith("success")
        removals.settle(onec.site.ctx)


def kept(site: Site, book: str = "Бренды") -> list[str]:
    rows = site.rows("SELECT id FROM reference_items WHERE book_id = %(b)s AND deleted_at IS NULL ORDER BY id", b=book)
    return [row["id"] for row in rows]


def states(site: Site) -> list[str]:
    return [row["state"] for row in site.rows("SELECT state FROM export_run WHERE kind = 'book' ORDER BY first_seq")]


def whole(*parts: Sequence[str]) -> list[bytes]:
    return [books(*ids) for ids in parts]


def test_a_later_portion_of_a_full_book_does_not_remove_the_items_of_earlier_ones(site: Site, onec: OneC) -> None:
    push(onec, *whole("ab", "cd", "ef"))
    assert kept(site) == list("abcdef")
    silence(site)
    assert kept(site) == list("abcdef")
    assert states(site) == ["nothing"]


def test_what_no_portion_stated_is_removed_when_the_export_is_over_and_not_before(site: Site, onec: OneC) -> None:
    push(onec, *whole("ab", "cd"))
    silence(site)
    push(onec, *whole("ax", "y"))
    assert kept(site) == list("abcdxy")
    silence(site)
    assert kept(site) == list("axy")


def test_complete_ends_the_export_of_a_book(site: Site, onec: OneC) -> None:
    push(onec, *whole("abc"))
    complete(onec)
    push(onec, *whole("a", "b"))
    complete(onec)
    assert kept(site) == ["a", "b"]


def test_a_portion_sent_twice_does_not_remove_the_others(site: Site, onec: OneC) -> None:
    push(onec, *whole("ab", "cd", "ef"))
    silence(site)
    push(onec, *whole("ab", "ab"))  # the first answer was lost
    assert kept(site) == list("abcdef")
    push(onec, *whole("cd", "ef"))
    silence(site)
    assert kept(site) == list("abcdef")


def test_exports_that_follow_one_another_closely_are_told_apart(site: Site, onec: OneC) -> None:
    push(onec, *whole("abc", "abc", "ab"))
    assert kept(site) == ["a", "b", "c"], "the export that left out c may go on"
    push(onec, *whole("ab"))
    assert kept(site) == ["a", "b"]


def test_silence_after_fewer_portions_than_last_time_is_held(site: Site, onec: OneC) -> None:
    push(onec, *whole("ab", "cd"))
    silence(site)
    push(onec, *whole("ab"))
    silence(site)
    assert kept(site) == list("abcd")
    assert states(site)[-1] == "held"
    assert "E514" in site.codes()


def test_changes_of_a_book_remove_nothing_and_count_as_stated(site: Site, onec: OneC) -> None:
    push(onec, *whole("abc"))
    silence(site)
    push(onec, books("a"), books("b", full=False), books("n", full=False))
    silence(site)
    assert kept(site) == ["a", "b", "n"]


def test_a_book_that_shrinks_too_much_waits_for_a_person(site: Site, onec: OneC) -> None:
    push(onec, *whole([f"{n:03}" for n in range(100)]))
    silence(site)
    push(onec, *whole(["001"]))
    silence(site)
    assert len(kept(site)) == 100
    assert "E511" in site.codes()


def test_a_portion_with_a_bad_item_leaves_everything_where_it_is(site: Site, onec: OneC) -> None:
    push(onec, *whole("abc"))
    silence(site)
    push(onec, books("a"), books("b", bad=True))
    silence(site)
    assert kept(site) == ["a", "b", "c"]
    assert "E512" in site.codes()


def test_items_of_another_book_with_the_same_ids_stay(site: Site, onec: OneC) -> None:
    push(onec, books("a", "b"), books("a", "b", book="Сезоны"))
    silence(site)
    push(onec, books("a"))
    silence(site)
    assert (kept(site), kept(site, "Сезоны")) == (["a"], ["a", "b"])


def test_an_empty_book_removes_nothing(site: Site, onec: OneC) -> None:
    push(onec, *whole("ab"))
    silence(site)
    push(onec, books())
    silence(site)
    assert kept(site) == ["a", "b"]


def test_one_archive_with_all_portions_is_one_export(site: Site, onec: OneC) -> None:
    push(onec, *whole("abcd"))
    silence(site)
    packed = archive({"references___1.xml": books("a"), "references___2.xml": books("b")})
    onec.begin("reference")
    onec.send("v8_1.zip", packed, type_="reference")
    onec.checkauth("reference")
    site.work()
    silence(site)
    assert kept(site) == ["a", "b"]


def test_a_book_from_the_command_line_is_an_export_of_its_own(site: Site) -> None:
    cli_import(site, ("references.xml", books("a", "b", "c")))
    cli_import(site, ("references.xml", books("a", "d")))
    assert kept(site) == ["a", "d"]


def test_a_removed_item_comes_back_when_it_is_stated_and_a_replay_does_not_bring_it_back(
    site: Site, onec: OneC
) -> None:
    from syncd.store import packages

    push(onec, *whole("abc"))
    silence(site)
    push(onec, *whole("ab"))
    silence(site)
    first = site.row("SELECT id FROM package ORDER BY seq LIMIT 1")["id"]
    with site.ctx.db.transaction() as conn:
        packages.replay(conn, "default", first, by="test", reason="again")
    site.work()
    assert kept(site) == ["a", "b"]
    push(onec, books("c", full=False))
    assert kept(site) == ["a", "b", "c"]
