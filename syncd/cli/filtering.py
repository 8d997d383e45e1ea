"""``--where``: the filter language on the command line."""

from __future__ import annotations

from datetime import datetime

import click

from syncd.filters.language import Filter, FilterError, Vocabulary, parse
from syncd.schedules import rows
from syncd.store.db import Conn


def parsed(text: str, vocabulary: Vocabulary, now: datetime) -> Filter:
    """Read a filter; a mistake in it is one of usage (exit code 2)."""
    try:
        return parse(text, vocabulary, now)
    except FilterError as error:
        raise click.UsageError(f"{error.code} {error.text()}") from None


def where_filter(conn: Conn, text: str | None, vocabulary: Vocabulary) -> Filter | None:
    """The filter of ``--where``, if one was given; moments in it count from Postgres's clock."""
    return parsed(text, vocabulary, rows.clock(conn)) if text is not None and text.strip() else None
