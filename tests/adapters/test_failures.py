"""What bodies of real failures mean, whatever status they came with; and the pauses other sides ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest

from syncd.adapters import failures
from syncd.errors import RemoteError, SyncdError, TransportError, UnknownOutcome

NONE = httpx.Headers()
CRASH = "<title>1C:Enterprise 8 application error:</title>"
Told = tuple[type[SyncdError], str]

REAL: list[tuple[str, int, Told, Told]] = [
    # file, status; what it means for a write, and for a question
    ("session_blocked_403_virtual_resource.json", 403, (TransportError, "E929"), (TransportError, "E929")),
    ("application_error_500.html", 500, (UnknownOutcome, "E933"), (TransportError, "E939")),
    ("fresh_login_page_200.html", 200, (UnknownOutcome, "E933"), (TransportError, "E939")),
    ("gateway_200_maintenance.xhtml", 200, (UnknownOutcome, "E933"), (TransportError, "E939")),
    ("gateway_200_maintenance.xhtml", 503, (TransportError, "E929"), (TransportError, "E929")),
    ("hs_200_handler_error_texts.txt", 200, (UnknownOutcome, "E933"), (TransportError, "E939")),
    ("hs_200_handler_error_texts.txt", 500, (UnknownOutcome, "E933"), (TransportError, "E939")),
    ("soap_fault_500_derived.xml", 500, (UnknownOutcome, "E933"), (TransportError, "E939")),
]


@pytest.mark.parametrize(("name", "status", "write", "question"), REAL, ids=lambda value: str(value)[:40])
def test_bodies_of_real_failures_mean(corpus: Path, name: str, status: int, write: Told, question: Told) -> None:
    body = (corpus / "odata" / "errors" / name).read_bytes()
    for expected, writes in ((write, True), (question, False)):
        error = failures.of_answer(status, NONE, body, "1c.example", write=writes)
        assert (type(error), error.code) == expected
        assert error.text("ru")
        assert len(error.text("en")) < 1500


def test_blocked_sessions_are_maintenance_with_a_long_pause(corpus: Path) -> None:
    body = (corpus / "odata" / "errors" / "session_blocked_403_virtual_resource.json").read_bytes()
    error = failures.of_answer(403, NONE, body, "h", write=True)
    assert isinstance(error, TransportError)
    assert error.maintenance
    assert error.retry_after == failures.MAINTENANCE_SECONDS


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (401, "", TransportError, "E928"),
        (403, "<html>Forbidden</html>", TransportError, "E928"),
        (403, '{"#exception":"x","exception":{"descr":"Не обнаружено свободной лицензии!"}}', TransportError, "E930"),
        (404, "<html>404</html>", TransportError, "E931"),
        (405, "", TransportError, "E931"),
        (302, "", TransportError, "E931"),
        (406, "", TransportError, "E930"),
        (408, "", TransportError, "E930"),
        (429, "", TransportError, "E930"),
        (400, "<html>Bad Request</html>", RemoteError, "E932"),
        (413, "", RemoteError, "E932"),
        (500, "", UnknownOutcome, "E933"),
        (502, "<html>Bad Gateway</html>", UnknownOutcome, "E933"),
        (503, "<html>Service Unavailable</html>", UnknownOutcome, "E933"),
        (504, "", UnknownOutcome, "E933"),
        (200, "", UnknownOutcome, "E933"),
        (204, "", UnknownOutcome, "E933"),
        (500, f"{CRASH}There are no free licenses!", TransportError, "E930"),
        (500, f"{CRASH}Информационная база не обнаружена", TransportError, "E924"),
        (500, "{HTTPСервис.А.Модуль(1)}: Не обнаружено свободной лицензии!", UnknownOutcome, "E933"),
        (500, "{HTTPСервис.А.Модуль(1)}: Ведутся технические работы", UnknownOutcome, "E933"),
    ],
)  # fmt: skip
def test_a_write_was_certainly_not_done_only_where_no_handler_can_have_begun(
    status: int, body: str, kind: type[SyncdError], code: str
) -> None:
    error = failures.of_answer(status, NONE, body.encode(), "h", write=True)
    assert (type(error), error.code) == (kind, code)


def test_what_the_service_says_of_itself_is_believed() -> None:
    error = failures.of_answer(500, NONE, b'{"errors": [{"message": "x"}]}', "h", write=True, remote="locked")
    assert (type(error), error.params["detail"]) == (RemoteError, "locked")


@pytest.mark.parametrize("status", [429, 503])
def test_an_answer_with_a_pause_is_a_busy_server(status: int) -> None:
    error = failures.of_answer(status, httpx.Headers({"Retry-After": "17"}), b"", "h", write=True)
    assert (type(error), error.code, error.retry_after) == (TransportError, "E930", 17.0)


def test_a_pause_is_read_as_seconds_or_as_a_date_and_never_beyond_an_hour() -> None:
    def pause(value: str) -> float | None:
        return failures.retry_after(httpx.Headers({"retry-after": value}))

    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    found = pause(soon)
    assert found is not None
    assert 85 < found <= 90
    assert pause(format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)) == 0
    assert pause("86400") == failures.LONGEST_PAUSE_SECONDS
    assert pause("Sun, 06 Nov 2095 08:49:37") == failures.LONGEST_PAUSE_SECONDS
    assert [pause(value) for value in ("", "soon", "-5", "1.5")] == [None, None, None, None]


def test_details_are_cut_and_carry_no_secret() -> None:
    page = b"<html><body>" + b"x " * 5000 + b"</body></html>"
    assert len(failures.of_answer(500, NONE, page, "h", write=True).params["detail"]) < 650
    error = failures.of_exception(httpx.ReadError("Authorization: Basic c2VjcmV0"), "h", write=True)
    assert "c2VjcmV0" not in error.text()
