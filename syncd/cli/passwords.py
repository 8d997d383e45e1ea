"""Where a command takes a password from: a variable, a file, stdin. Never an argument: others see those."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from syncd.i18n import tr


def password_from(source: str) -> str:
    """The password behind ``env:NAME``, ``file:PATH`` or ``-`` (stdin, asked for without an echo on a terminal).

    One newline at its end is taken off. Raises ``click.UsageError`` that does not repeat what was given.
    """
    scheme, _, rest = source.partition(":")
    if source == "-":
        found = _stdin()
    elif scheme == "env" and rest:
        if rest not in os.environ:
            raise click.UsageError(f"--password-from env:{rest}: " + tr("it is not set", "она не задана"))
        found = os.environ[rest]
    elif scheme == "file" and rest:
        try:
            found = Path(rest).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "UTF-8"
            raise click.UsageError(f"--password-from file:{rest}: {reason}") from None
    else:  # perhaps the password itself: it must not be repeated
        raise click.UsageError("--password-from: env:NAME, file:PATH, -")
    password = found.removesuffix("\r\n") if found.endswith("\r\n") else found.removesuffix("\n")
    if not password:
        raise click.UsageError(tr("The password is empty.", "Пароль пуст."))
    return password


def _stdin() -> str:
    if sys.stdin.isatty():
        return str(click.prompt(tr("Password", "Пароль"), hide_input=True, confirmation_prompt=True, err=True))
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise click.UsageError(tr("The password is not UTF-8.", "Пароль не в UTF-8.")) from None
