"""The command line as a person or a script meets it: arguments in; stdout, stderr and an exit code out."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import pytest
from click.testing import CliRunner

from syncd import cli
from syncd.queue import outbox
from syncd.store.db import Database, execute
from syncd.store.ids import order_id

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Ran:
    """What one command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its stdout as one JSON document."""
        return json.loads(self.out)


class Run(Protocol):
    """Runs ``syncd`` with these words."""

    def __call__(self, *words: str, stdin: str = "") -> Ran: ...


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a command through ``main`` itself, so that errors and exit codes are the real ones. No terminal is there."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str, stdin: str = "") -> Ran:
        monkeypatch.setattr(sys, "argv", ["syncd", *words])
        with CliRunner().isolation(input=stdin) as (out, err, _):
            code = 0
            try:
                cli.main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
            return Ran(code, out.getvalue().decode(), err.getvalue().decode())

    return call


@pytest.fixture
def db(database_url: str, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Database]:
    """The database the commands work with, empty."""
    del home
    monkeypatch.setenv("SYNCD_DATABASE_URL", database_url)
    found = Database(database_url, size=2)
    yield found
    found.close()


Order = Callable[..., UUID]


@pytest.fixture
def order(db: Database) -> Order:
    """Store an order with its outbox message in a state; returns the message's id."""

    def store(
        number: str,
        state: str = "pending",
        *,
        shop: str = "shop",
        code: str | None = None,
        infobase: UUID | None = None,
    ) -> UUID:
        made = order_id("default", shop, number)
        with db.transaction() as conn:
            execute(
                conn,
                """INSERT INTO sales_order (tenant, id, storefront, number, exchange_number, status, currency, amount,
                                            customer, lines)
                   VALUES ('default', %(id)s, %(shop)s, %(n)s, %(x)s, 'new', 'RUB', 10, '{}', '[]')""",
                id=made, n=number, shop=shop, x=number if shop == "shop" else f"{shop}-{number}",
            )  # fmt: skip
            message = outbox.enqueue(conn, "default", kind="order", key=str(made), infobase_id=infobase)
            execute(
                conn,
                """UPDATE outbox SET state = %(state)s, error_code = %(code)s,
                          error_params = jsonb_build_object('order', %(n)s::text, 'detail', 'no lines')
                   WHERE id = %(id)s""",
                state=state, code=code, id=message, n=number,
            )  # fmt: skip
        return message

    return store
