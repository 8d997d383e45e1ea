"""The log: JSON lines for machines, readable lines on a terminal, always to stderr, never with a secret.

Everything goes one way, ours and that of the libraries: through the standard library's root logger, whose formatter
masks secrets last, after exceptions have become text. Fields bound with ``bind_correlation`` are on every line.
"""

from __future__ import annotations

import contextlib
import logging
import re
import sys
import uuid
from collections.abc import Iterator, Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["GRANIAN_LOGGING", "bind_correlation", "configure", "get_logger", "mask"]

MASK = "***"
DEPTH = 8  # deeper structures are masked as text

_SENSITIVE = "password|passwd|pwd|secret|token|authorization|cookie|api[-_ ]?key|credentials?|пароль"
_SECRET_KEY = re.compile(rf"(?:^|[-_.\s])(?:{_SENSITIVE})s?(?:$|[-_.\s])", re.IGNORECASE)
_IN_TEXT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(://[^\s/:@'\"]*):[^\s/'\"]*@"), rf"\1:{MASK}@"),
    (re.compile(r"\b(Basic|Bearer)\s+(?!realm\b)[\w+/=.~-]{3,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\bsk_[\w-]+"), f"sk_{MASK}"),
    (re.compile(r"\bwhsec_[\w+/=-]+"), f"whsec_{MASK}"),
    (re.compile(r"(?<!\d)\d{6,}:[\w-]{30,}"), MASK),  # the token of a Telegram bot
    # a header's value goes on to the end of its line ("Cookie: a=1; b=2") or of its quotes (('cookie', 'a=1; b=2'))
    (
        re.compile(
            r"""\b((?:set-)?cookie|(?:proxy-)?authorization|x-api-key)"""
            r"""((?:["'\\]{0,2}\s*[:=]|["']\s*,)\s*b?["']?)[^\r\n"']+""",
            re.IGNORECASE,
        ),
        rf"\1\2{MASK}",
    ),
    # key=value, key: value, 'key': 'value', <Key>value</Key>; a quoted value may hold spaces and escaped quotes
    (
        re.compile(
            rf"""((?<![^\W_])(?:{_SENSITIVE})(?:["'\\]{{0,2}}\s*[:=]\s*|>))"""
            r"""(?!\s*(?:Basic|Bearer)\s)(?:\\?"(?:\\.|[^"\\])*\\?"|'(?:\\.|[^'\\])*'|[^\s"',;&<>)}\]]+)""",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)

# What granian is given as log_dictconfig, so that its lines go our way and not through handlers of its own.
GRANIAN_LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {},
    "handlers": {},
    "loggers": {
        "_granian": {"handlers": [], "level": "INFO", "propagate": True},
        "granian.access": {"handlers": [], "level": "INFO", "propagate": True},
    },
}

get_logger = structlog.stdlib.get_logger


def configure(
    kind: Literal["auto", "json", "console"] = "auto", level: str = "info", *, stream: TextIO | None = None
) -> None:
    """Set up the log of this process. ``auto`` is readable on a terminal and JSON elsewhere."""
    target = sys.stderr if stream is None else stream
    pretty = target.isatty() if kind == "auto" else kind == "console"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=not pretty),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,  # a later configure must reach loggers made at import
    )
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=target.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _mask_event,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    if level != "debug":
        for chatty in ("httpx", "httpcore", "apscheduler", "alembic.runtime.plugins"):
            logging.getLogger(chatty).setLevel(logging.WARNING)


@contextlib.contextmanager
def bind_correlation(correlation: str | None = None, **fields: object) -> Iterator[str]:
    """Put ``correlation`` (a new one when none is given) and more fields on every line within; yields it."""
    chosen = correlation or uuid.uuid4().hex[:16]
    with structlog.contextvars.bound_contextvars(correlation=chosen, **fields):
        yield chosen


def mask(text: str) -> str:
    """The text without passwords in URLs, Basic and Bearer values, API keys, and values that follow a secret's name."""
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def _mask_event(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    return {key: MASK if _names_a_secret(key) and value else _masked(value, DEPTH) for key, value in event.items()}


def _names_a_secret(key: object) -> bool:
    return _SECRET_KEY.search(str(key)) is not None


def _masked(value: object, depth: int) -> object:
    """The same shape with secrets masked; anything that is not plain data becomes masked text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if depth and isinstance(value, Mapping):
        return {
            mask(str(key)): MASK if _names_a_secret(key) and inner else _masked(inner, depth - 1)
            for key, inner in value.items()
        }
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str | bytes):  # a header
        name = value[0] if isinstance(value[0], str) else value[0].decode("latin-1")
        if _names_a_secret(name):
            return [name, MASK]
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_masked(inner, depth - 1) for inner in value]
    if isinstance(value, bytes | bytearray):
        return mask(bytes(value).decode("utf-8", "replace"))
    return mask(str(value))
