"""Two languages for everything a user reads: Russian and English.

A text is written as a pair at the place where it is said, so that neither language can be forgotten
(both arguments are required) and the reader of the code sees both.
"""

from __future__ import annotations

import os
from typing import Literal

Language = Literal["ru", "en"]

_chosen: Language | None = None


def use(language: Language | None) -> None:
    """Choose the language for this process; ``None`` goes back to what the environment says."""
    global _chosen  # noqa: PLW0603 - one process speaks one language
    _chosen = language


def language() -> Language:
    """The language in force: the chosen one, else ``SYNCD_LANG``, else the locale, else English."""
    if _chosen is not None:
        return _chosen
    for name in ("SYNCD_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(name, "")
        if value:
            return "ru" if value.lower().startswith("ru") else "en"
    return "en"


def tr(en: str, ru: str) -> str:
    """The text of the pair that is in the language in force."""
    return ru if language() == "ru" else en
