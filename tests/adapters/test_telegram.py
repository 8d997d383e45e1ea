"""Events to Telegram, to a server that answers as the Bot API does."""

from __future__ import annotations

import json
import logging
import socket
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from uuid import UUID

import pytest

from syncd import log
from syncd.adapters.ports import Delivery
from syncd.adapters.telegram import LONGEST, TelegramTarget, cut, open_target
from syncd.errors import ConfigError, Refused, RemoteError, SyncdError, TransportError, UnknownOutcome
from tests.adapters.receiver import Receiver, receiving
from tests.adapters.rows import endpoint

TOKEN = "1234567890:" + "AbCdEfGhIjKlMnOpQrStUvWxYz0123456-_"
EVENT = UUID("019328aa-0000-7000-8000-000000000001")


def answer(status: int, **told: Any) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps(told).encode()


@pytest.fixture
def api() -> Iterator[Receiver]:
    with receiving() as found:
        found.answers = [answer(200, ok=True, result={"message_id": 77})]
        yield found


@pytest.fixture
def bot(api: Receiver) -> Iterator[TelegramTarget]:
    found = TelegramTarget(f"http://127.0.0.1:{api.port}/", TOKEN, chat="-100500", topic=4, timeout=5)
    yield found
    found.close()


def delivery(text: str = "hello") -> Delivery:
    body = {"type": "test", "timestamp": "2026-11-22T09:00:00+00:00", "data": {"text": text}}
    return Delivery(
        tenant="acme", id=EVENT, kind="event", key="k", revision_no=1, attempt=1, marker=str(EVENT), body=body,
        created_at=datetime(2026, 11, 22, 9, tzinfo=UTC),
    )  # fmt: skip


def test_a_message_reaches_its_chat(api: Receiver, bot: TelegramTarget) -> None:
    receipt = bot.deliver(delivery("<b>5 > 3</b>"))
    assert receipt.confirmed
    assert receipt.ref == "77"
    (came,) = api.came
    body = json.loads(came.body)
    assert came.path == f"/bot{TOKEN}/sendMessage"
    assert (body["chat_id"], body["message_thread_id"]) == ("-100500", 4)
    assert "<b>5 > 3</b>" in body["text"]
    assert "parse_mode" not in body  # what others wrote is no markup


def failure(bot: TelegramTarget) -> SyncdError:
    with pytest.raises(SyncdError) as caught:
        bot.deliver(delivery())
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    return caught.value


def test_too_many_messages_wait_as_long_as_telegram_says(api: Receiver, bot: TelegramTarget) -> None:
    api.answers = [answer(429, ok=False, description="Too Many Requests", parameters={"retry_after": 17})]
    error = failure(bot)
    assert isinstance(error, TransportError)
    assert error.retry_after == 17


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(400, Refused, "E950"), (403, Refused, "E950"), (401, RemoteError, "E951"), (404, RemoteError, "E951"),
     (502, TransportError, "E946")],
)  # fmt: skip
def test_failures_are_told_apart(
    api: Receiver, bot: TelegramTarget, status: int, kind: type[SyncdError], code: str
) -> None:
    api.answers = [answer(status, ok=False, description=f"Bad Request: chat of {TOKEN} not found")]
    error = failure(bot)
    assert type(error) is kind
    assert error.code == code


def test_a_group_that_became_a_supergroup_is_named(api: Receiver, bot: TelegramTarget) -> None:
    api.answers = [answer(400, ok=False, description="group upgraded", parameters={"migrate_to_chat_id": -1009})]
    assert "-1009" in str(failure(bot))


def test_a_lost_answer_is_an_unknown_outcome(api: Receiver, bot: TelegramTarget) -> None:
    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)

    api.raw = hang_up
    assert isinstance(failure(bot), UnknownOutcome)


def test_an_api_that_is_away_was_sent_nothing() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        bot = TelegramTarget(f"http://127.0.0.1:{taken.getsockname()[1]}", TOKEN, chat="1", timeout=2)
        assert isinstance(failure(bot), TransportError)
        bot.close()


def test_the_token_is_in_no_log_and_no_repr(
    api: Receiver, bot: TelegramTarget, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        bot.deliver(delivery())
        api.answers = [answer(500)]
        failure(bot)
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(bot)
    assert TOKEN not in log.mask(f"POST /bot{TOKEN}/sendMessage")
    assert "hush" not in log.mask("secret is whsec_hush+/=")


def test_a_long_text_is_cut_to_what_telegram_takes(api: Receiver, bot: TelegramTarget) -> None:
    text = "😀" * 5_000
    assert len(cut(text).encode("utf-16-le")) // 2 <= LONGEST
    assert cut("short") == "short"
    assert cut(text).endswith(" …")


@pytest.mark.parametrize(
    "wrong", [{"address": "api.telegram.org"}, {"token": "hush"}, {"chat": ""}, {"proxy": "no proxy"}]
)
def test_an_endpoint_that_cannot_work_is_refused_when_it_is_made(wrong: dict[str, str]) -> None:
    given = {"address": "https://api.telegram.org", "token": TOKEN, "chat": "1", **wrong}
    with pytest.raises(ConfigError, match="E952") as caught:
        TelegramTarget(given.pop("address"), given.pop("token"), **given)  # type: ignore[arg-type]
    assert "hush" not in str(caught.value)


def test_an_endpoint_is_opened_as_its_row_says(api: Receiver) -> None:
    bot = open_target(endpoint("telegram", f"http://127.0.0.1:{api.port}", chat=-100, topic="5", lang="en"), TOKEN)
    bot.deliver(delivery())
    bot.close()
    body = json.loads(api.came[0].body)
    assert (body["chat_id"], body["message_thread_id"]) == ("-100", 5)
    assert body["text"].startswith("A trial message")
