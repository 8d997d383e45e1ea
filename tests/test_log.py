from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import structlog

from syncd import log
from syncd.errors import RemoteError

CANARY = "canary7Xq"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The JSON log of a test; logging is put back as it was."""
    root = logging.getLogger()
    before, level, said = root.handlers[:], root.level, io.StringIO()
    log.configure("json", "debug", stream=said)
    yield said
    root.handlers[:] = before
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


def last(lines: io.StringIO) -> dict[str, object]:
    line: dict[str, object] = json.loads(lines.getvalue().splitlines()[-1])
    return line


def test_a_line_is_one_json_object_with_level_name_and_time(lines: io.StringIO) -> None:
    log.get_logger("syncd.here").info("Заказ принят", order="А-1", rows=3)
    line = last(lines)
    assert (line["event"], line["order"], line["rows"]) == ("Заказ принят", "А-1", 3)
    assert (line["level"], line["logger"]) == ("info", "syncd.here")
    assert str(line["timestamp"]).endswith("Z")
    assert "Заказ принят" in lines.getvalue()


def test_libraries_that_use_the_standard_library_come_the_same_way(lines: io.StringIO) -> None:
    logging.getLogger("dramatiq.worker").warning("Worker %s is late", "w1", extra={"queue": "orders"})
    assert {"event": "Worker w1 is late", "logger": "dramatiq.worker", "queue": "orders"}.items() <= last(lines).items()


def test_the_correlation_is_on_every_line_within_and_on_none_after(lines: io.StringIO) -> None:
    with log.bind_correlation("abc", tenant="main") as correlation:
        assert correlation == "abc"
        logging.getLogger("x").info("inside")
        assert (last(lines)["correlation"], last(lines)["tenant"]) == ("abc", "main")
    log.get_logger().info("outside")
    assert "correlation" not in last(lines)
    with log.bind_correlation() as first, log.bind_correlation() as second:
        assert first != second


def test_levels_below_the_chosen_one_are_not_written() -> None:
    root = logging.getLogger()
    before, level, said = root.handlers[:], root.level, io.StringIO()
    try:
        log.configure("json", "warning", stream=said)
        log.get_logger().info("not this")
        log.get_logger().error("but this")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
    assert [json.loads(line)["event"] for line in said.getvalue().splitlines()] == ["but this"]


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "login_password",
        "Authorization",
        "set-cookie",
        "COOKIE",
        "api_key",
        "apikey",
        "token",
        "secret",
        "access_token",
        "client-secret",
        "x.api-key",
        "credentials",
        "Пароль",
    ],
)
def test_values_under_secret_names_are_masked_at_any_depth(lines: io.StringIO, key: str) -> None:
    log.get_logger().info("call", **{key: CANARY}, request={"headers": [{key: CANARY}], "body": {"a": {key: [CANARY]}}})
    assert CANARY not in lines.getvalue()
    assert "***" in lines.getvalue()


@pytest.mark.parametrize("key", ["tokenizer", "idempotency_key", "monkey", "secretary"])
def test_names_that_only_resemble_a_secret_keep_their_value(lines: io.StringIO, key: str) -> None:
    log.get_logger().info("call", **{key: "seen"})
    assert last(lines)[key] == "seen"


TEXTS = [
    f"postgresql://syncd:{CANARY}@db/x is gone",
    f"redis://:{CANARY}@cache:6379/0",
    f"Authorization: Basic {CANARY}==",
    f"authorization=Bearer {CANARY}.e30.x_y-z",
    f"bearer {CANARY}",
    f"the key sk_live_{CANARY} was refused",
    f"password={CANARY} host=db",
    f"login_password: {CANARY}",
    f"{{'password': '{CANARY} with spaces', 'user': 'u'}}",
    f'{{"token": "{CANARY}\\" and more {CANARY}"}}',
    f'"{{\\"api_key\\": \\"{CANARY}\\"}}"',
    f"GET /x?token={CANARY}&page=2",
    f"Cookie: {CANARY}",
    f"Cookie: lang=ru; sid={CANARY}",
    f"{{'Set-Cookie': 'sid={CANARY}; HttpOnly', 'x': 1}}",
    f"{[('cookie', f'lang=ru; sid={CANARY}')]}",
    f"{[(b'authorization', f'Digest {CANARY}'.encode())]}",
    f"<Password>{CANARY}</Password>",
    f"Пароль: {CANARY}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_secrets_inside_texts_are_masked(lines: io.StringIO, text: str) -> None:
    log.get_logger().info(text, detail=text, parts=[text], raw=text.encode())
    logging.getLogger("library").info("it said %s", text)
    assert CANARY not in lines.getvalue()


@pytest.mark.parametrize("text", TEXTS)
def test_secrets_inside_exceptions_are_masked(lines: io.StringIO, text: str) -> None:
    try:
        try:
            raise ValueError(text)  # noqa: TRY301 - the traceback is the matter
        except ValueError as cause:
            raise RemoteError("E501", error=text) from cause
    except RemoteError as error:
        log.get_logger().exception("import failed", error=error)
        logging.getLogger("library").exception("failed")
    assert CANARY not in lines.getvalue()
    assert "Traceback" in str(last(lines)["exception"])
    assert "RemoteError" in str(last(lines)["exception"])


def test_headers_given_as_pairs_are_masked(lines: io.StringIO) -> None:
    log.get_logger().info("call", headers=[("Cookie", f"sid={CANARY}"), (b"x-api-key", CANARY.encode()), ("a", "b")])
    assert CANARY not in lines.getvalue()
    assert ["a", "b"] in last(lines)["headers"]  # type: ignore[operator]


def test_objects_are_masked_as_the_text_they_show(lines: io.StringIO) -> None:
    @dataclass
    class Target:
        url: str
        password: str

    log.get_logger().info("to", target=Target("http://h", CANARY), deep=[[[[[[[[[[{"password": CANARY}]]]]]]]]]])
    assert CANARY not in lines.getvalue()
    assert "http://h" in lines.getvalue()


def test_what_is_no_secret_stays_readable() -> None:
    for text in (
        "http://127.0.0.1:8080/v1/orders?mail=a@b.example",
        "Basic realm is required",
        "3 tokens left in the bucket",
        "mode=checkauth&type=sale",
        "the password was refused",
    ):
        assert log.mask(text) == text


def test_the_readable_form_masks_as_well() -> None:
    root = logging.getLogger()
    before, level, said = root.handlers[:], root.level, io.StringIO()
    try:
        log.configure("console", "info", stream=said)
        log.get_logger().info("hello", password=CANARY, count=2)
        try:
            raise ValueError(f"sk_{CANARY}")  # noqa: TRY301 - the traceback is the matter
        except ValueError:
            log.get_logger().exception("bad")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        logging.captureWarnings(capture=False)
        structlog.reset_defaults()
    assert CANARY not in said.getvalue()
    assert "hello" in said.getvalue()
    assert "count=2" in said.getvalue()
    assert "ValueError: sk_***" in said.getvalue()
