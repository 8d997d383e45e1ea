"""How the emulated 1C says that something went wrong."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.errors import DataError, Refused, SyncdError, TransportError
from syncd.i18n import Language, language


@dataclass(frozen=True, slots=True)
class Said:
    """One text in both languages, so that an error can be shown in either after it was raised."""

    en: str
    ru: str

    def __str__(self) -> str:
        return self.ru if language() == "ru" else self.en


class ProtocolViolation(SyncdError):
    """The site answered what 1C does not understand: a real 1C would end the exchange with an error here. Code E601.

    ``head`` holds the first 200 bytes of the answer.
    """

    def __init__(self, asked: str, problem: Said, *, status: int = 0, answer: bytes = b"") -> None:
        self.asked = asked
        self.problem = problem
        self.head = answer[:200]
        super().__init__("E601", asked=asked, problem=problem, status=status, head=repr(self.head))

    def text(self, lang: Language | None = None) -> str:
        """The sentence, with the problem in the same language."""
        return _with_problem(self, self.problem, lang)


class SiteRefused(Refused):
    """The site answered ``failure`` with a reason. Code E602."""


class NoAnswer(TransportError):
    """The connection broke or the answer did not come in time. Code E603."""


class DocumentRefused(DataError):
    """УТ 11 would throw an exception on this order. Code E604."""

    def __init__(self, number: str, problem: Said) -> None:
        self.number = number
        self.problem = problem
        super().__init__("E604", number=number, problem=problem)

    def text(self, lang: Language | None = None) -> str:
        """The sentence, with the problem in the same language."""
        return _with_problem(self, self.problem, lang)


def _with_problem(error: SyncdError, problem: Said, lang: Language | None) -> str:
    said = problem.ru if (lang or language()) == "ru" else problem.en
    rendered = SyncdError(error.code, **{**error.params, "problem": said})
    return rendered.text(lang)
