"""What 1C is told about names in Cyrillic: every client shows it, and a person can read it."""

from __future__ import annotations

from syncd.adapters.exchange.latin import latin
from tests.api.site import OneC


def test_cyrillic_is_written_by_its_sound() -> None:
    assert latin("Ёлка, щётка; №5 «Ґудзик» – є") == b'Yolka, shchyotka; No.5 "Gudzik" - ye'
    assert latin("a₽\n") == b"a\\u20bd\n"


def test_a_refusal_names_the_file_so_that_it_can_be_known_again(onec: OneC) -> None:
    onec.begin()
    answer = onec.ask("type=catalog&mode=import&filename=Товары.xml")
    assert answer.text.startswith("failure\nE107 File 'Tovary.xml' was not uploaded")
    assert answer.content.isascii()


def test_a_wrong_root_is_named_beside_the_right_one(onec: OneC) -> None:
    answer = onec.push("import.xml", b"<html><body>no</body></html>")
    assert "The root element is <html>, not <KommercheskayaInformatsiya>." in answer
