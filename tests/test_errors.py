"""What the catalogue of errors makes of what others said."""

from __future__ import annotations

import pytest

from syncd.errors import CATALOGUE, ConfigError, RequestError


@pytest.mark.parametrize(
    "said", ["it is locked", "it is locked.", "it is locked?\n", "it is locked...", "it is locked!"]
)
@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_sentence_of_others_inside_ours_brings_no_end_of_its_own(said: str, language: str) -> None:
    text = CATALOGUE["E602"].render({"asked": "sale/query", "reason": said}, "ru" if language == "ru" else "en")
    assert ": it is locked. " in text


def test_what_is_kept_of_an_error_is_what_was_said() -> None:
    error = ConfigError("E403", detail="Is the server running?")
    error.text()
    assert error.params == {"detail": "Is the server running?"}


def test_a_missing_parameter_and_one_that_is_no_text_are_shown_all_the_same() -> None:
    assert RequestError("E307").text("en") == "The request is not valid: {detail}."
    assert RequestError("E307", detail=404).text("en") == "The request is not valid: 404."


def test_a_failure_inside_speaks_to_shops_and_to_1c_alike() -> None:
    for language in ("en", "ru"):
        text = CATALOGUE["E111"].render({"error": "X", "correlation": "c"}, "ru" if language == "ru" else "en")
        assert "1C" not in text
        assert "1С" not in text
