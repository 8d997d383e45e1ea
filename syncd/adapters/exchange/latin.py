"""Texts for clients that read an answer in the system's code page: ASCII that a person can still read."""

from __future__ import annotations

from typing import Final

_LETTERS: Final = "абвгдезийклмнопрстуфыэіїєґўёжхцчшщъьюя«»–—…№"
_WRITTEN: Final = (
    "a b v g d e z i y k l m n o p r s t u f y e i yi ye g u yo zh kh ts ch sh shch ' ' yu ya \" \" - - ... No."
)
_SOUNDS: Final = dict(zip(_LETTERS, _WRITTEN.split(), strict=True))


def latin(text: str) -> bytes:
    """The text in ASCII: Cyrillic by its sound, what is no letter of it by its number."""
    return "".join(_sound(sign) for sign in text).encode("ascii", "backslashreplace")


def _sound(sign: str) -> str:
    if sign.isascii():
        return sign
    sound = _SOUNDS.get(sign.lower(), sign)
    return sound.capitalize() if sign != sign.lower() else sound
