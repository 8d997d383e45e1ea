"""One record, written in many ways by turns: what is skipped as unchanged must be so, and the last statement counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import pytest

from tests.api.site import OneC, archive, catalogue


def _declared(document: bytes, declared: str, encoding: str) -> bytes:
    return document.decode().replace("UTF-8", declared).encode(encoding)


def _prefixed(document: bytes) -> bytes:
    text = re.sub(r"<(/?)([А-Я])", r"<\1x:\2", document.decode())
    root = "<x:КоммерческаяИнформация"
    return text.replace(root, f'{root} xmlns:x="urn:1C.ru:commerceml_2"').encode()


def _rewritten(pattern: str, by: str) -> Callable[[bytes], bytes]:
    return lambda document: re.sub(pattern, by, document.decode()).encode()


FORMS: Final[dict[str, Callable[[bytes], bytes]]] = {
    "UTF-16": lambda document: _declared(document, "UTF-16", "utf-16"),
    "windows-1251": lambda document: _declared(document, "windows-1251", "cp1251"),
    "koi8-r": lambda document: _declared(document, "koi8-r", "koi8-r"),
    "UTF-8 declared as windows-1251": lambda document: _declared(document, "windows-1251", "utf-8"),
    "windows-1251 declared as UTF-8": lambda document: _declared(document, "UTF-8", "cp1251"),
    "prefixed names": _prefixed,
    "blanks in tags": _rewritten("</Ид>", "</Ид >"),
    "CDATA": _rewritten(r"<Ид>(p\d+)", r"<Ид><![CDATA[\1]]>"),
    "Ид last": _rewritten(r"(<Ид>p\d+</Ид>)(.*?)(</Товар>)", r"\2\1\3"),
    "an attribute of Ид": _rewritten("<Ид>p", '<Ид a="1">p'),
    "a reference in Ид": _rewritten("<Ид>p", "<Ид>&#112;"),
    "a line break in Ид": _rewritten("<Ид>p", "<Ид>\n p"),
    "no characteristic": _rewritten(r"<Ид>p(\d+)", r"<Ид>p\1#p\1"),
}


def _goods(name: str) -> bytes:
    return catalogue(*(f"{name} {n}" for n in range(30)))


def _name(onec: OneC) -> str:
    return str(onec.site.row("SELECT name FROM products WHERE id = 'p1'")["name"])


@pytest.mark.parametrize("form", FORMS)
def test_bytes_seen_before_are_read_again_when_another_form_changed_the_record(onec: OneC, form: str) -> None:
    usual, other = _goods("Стул"), FORMS[form](_goods("Стол"))
    for document, name in ((usual, "Стул"), (other, "Стол"), (usual, "Стул"), (other, "Стол"), (other, "Стол")):
        assert onec.push("import.xml", document).startswith("success")
        assert _name(onec) == f"{name} 0"


@pytest.mark.parametrize("form", FORMS)
def test_the_last_document_of_a_package_has_the_last_word(onec: OneC, form: str) -> None:
    usual, other = _goods("Стул"), FORMS[form](_goods("Стол"))
    for documents, name in (((usual,), "Стул"), ((other, usual), "Стул"), ((usual, other), "Стол"), ((usual,), "Стул"),
                            ((other, usual), "Стул")):  # fmt: skip
        packed = archive({f"import0_{n}.xml": document for n, document in enumerate(documents, 1)})
        assert onec.push("v8.zip", packed).startswith("success")
        assert _name(onec) == f"{name} 0"


def test_a_wrong_declaration_is_told(onec: OneC) -> None:
    assert onec.push("import.xml", FORMS["UTF-8 declared as windows-1251"](_goods("Стул"))).startswith("success")
    told = onec.site.row("SELECT detail FROM journal WHERE kind = 'import'")["detail"]
    assert told == "warnings: encoding is not the declared one ×1"
