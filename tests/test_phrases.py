"""What is stored in English is read in Russian by those who read Russian."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd import i18n, phrases
from syncd.errors import DataError, RequestError

ROOT = Path(phrases.__file__).parent


@pytest.fixture
def russian() -> Iterator[None]:
    i18n.use("ru")
    yield
    i18n.use(None)


def test_no_warning_of_the_reader_lacks_its_russian() -> None:
    said = {text for path in ROOT.rglob("*.py") for text in re.findall(r'warnings\["([^"]+)"\]', path.read_text())}
    assert said
    assert said <= phrases.WARNINGS.keys()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DataError("E206", name="a.zip", detail="there is no XML document inside"), "внутри нет документа XML."),
        (
            DataError("E206", name="a.zip", detail="the member '../x' points outside"),
            "файл '../x' внутри указывает наружу.",
        ),
        (RequestError("E105", name="../x", reason="it points outside"), "оно указывает наружу."),
        (DataError("E206", name="a.zip", detail="something else"), "something else."),
    ],
)
def test_a_reason_is_said_in_the_language_of_its_sentence(error: DataError | RequestError, said: str) -> None:
    assert said in error.text("ru")
    assert re.search("[а-яё]", error.text("en")) is None


@pytest.mark.usefixtures("russian")
def test_notes_of_an_import_are_russian_line_by_line() -> None:
    told = (
        "not read by syncd yet, kept in extra where a record holds it: Товар/Диво ×1\n"
        "warnings: control characters removed ×3, product stated more than once, the last statement counts ×2\n"
        "7 more bad records are counted, not listed"
    )
    assert phrases.notes(told) == (
        "syncd этого пока не читает; стоящее внутри записи хранится в её extra: Товар/Диво ×1\n"
        "предупреждения: управляющие символы удалены ×3, товар передан не один раз, действует последнее ×2\n"
        "ещё плохих записей, без списка: 7"
    )
    assert phrases.notes("approved by anna: so it is: yes") == "разрешено, anna: so it is: yes"


def test_in_english_they_stay_as_they_are() -> None:
    i18n.use("en")
    try:
        assert phrases.notes("warnings: surrogates repaired ×1") == "warnings: surrogates repaired ×1"
    finally:
        i18n.use(None)
