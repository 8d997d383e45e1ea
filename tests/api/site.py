"""A site made of the real parts, for tests: the application over a real Postgres, asked as 1C and storefronts ask."""

from __future__ import annotations

import base64
import io
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from syncd.api.app import make_app
from syncd.config import Exchange, Settings
from syncd.emulator.client import StandardClient
from syncd.queue.broker import Doorbell
from syncd.store import access
from syncd.store.db import Database, Row, every, one
from syncd.sync import imports
from syncd.sync.context import Context

with warnings.catch_warnings():  # it would rather have a client library that nothing else here needs
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

LOGIN, PASSWORD = "1c", "correct horse battery"
ADDRESS = "/1c_exchange"
CHAIR = "b7a64c0e-0000-4000-8000-000000000001"


def settings(**exchange: Any) -> Settings:
    """Defaults, with a ``progress`` that is not held back, as tests run the imports themselves."""
    return Settings(exchange=Exchange(progress_hold_seconds=0, **exchange))


class Site:
    """One process of the API, and a worker that runs when a test says so."""

    def __init__(self, database_url: str, chosen: Settings | None = None) -> None:
        self.ctx = Context(Database(database_url, size=12), chosen or settings(), Doorbell(None))
        self.app: FastAPI = make_app(self.ctx)
        self.http = TestClient(self.app, raise_server_exceptions=False, follow_redirects=False)

    def close(self) -> None:
        """Give the connections back, once the backends of imports have put away their temporary tables."""
        self.http.close()
        while self.count("pg_stat_activity", "application_name = 'syncd import' AND datname = current_database()"):
            pass
        self.ctx.db.close()

    def add_infobase(
        self, *, tenant: str = "default", name: str = "trade", login: str = LOGIN, dialect: str = "auto"
    ) -> None:
        """Let a 1C in."""
        with self.ctx.db.transaction() as conn:
            access.add_infobase(conn, tenant, name, login, PASSWORD, dialect=dialect, zone="Europe/Moscow")

    def key(
        self, storefront: str = "shop", *, tenant: str = "default", scopes: tuple[str, ...] = ("read", "orders")
    ) -> str:
        """Let a storefront in."""
        with self.ctx.db.transaction() as conn:
            name = f"{storefront} {len(access.keys(conn, tenant))}"
            return access.create_key(conn, tenant, name, storefront, list(scopes))

    def work(self) -> list[imports.Result]:
        """Import everything that is queued."""
        done = []
        while claim := imports.claim_next(self.ctx):
            result = imports.run(self.ctx, claim)
            assert result is not None
            done.append(result)
        return done

    def rows(self, query: str, **parameters: Any) -> list[Row]:
        """Look into Postgres."""
        with self.ctx.db.transaction() as conn:
            return every(conn, query, **parameters)

    def row(self, query: str, **parameters: Any) -> Row:
        """The first row there."""
        with self.ctx.db.transaction() as conn:
            found = one(conn, query, **parameters)
        assert found is not None
        return found

    def count(self, table: str, where: str = "true") -> int:
        """How many rows a table has."""
        return int(self.row(f"SELECT count(*) AS n FROM {table} WHERE {where}")["n"])

    def codes(self) -> list[str]:
        """The codes of the failures in the journal, oldest first; rows under another are left out."""
        rows = self.rows("SELECT code FROM journal WHERE parent_id IS NULL AND outcome <> 'ok' ORDER BY at, id")
        return [row["code"] for row in rows]

    def emulator(self, **options: Any) -> StandardClient:
        """The emulated 1C, connected to this site."""
        return StandardClient("http://testserver" + ADDRESS, LOGIN, PASSWORD, transport=self.http._transport, **options)

    def order(self, key: str, idempotency: str, body: dict[str, Any]) -> httpx.Response:
        """Place an order."""
        headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": idempotency}
        response: httpx.Response = self.http.post("/v1/orders", json=body, headers=headers)
        return response

    def get(self, path: str, key: str) -> httpx.Response:
        """Ask the API."""
        response: httpx.Response = self.http.get(path, headers={"Authorization": f"Bearer {key}"})
        return response


@contextmanager
def running(database_url: str, chosen: Settings | None = None) -> Iterator[Site]:
    """A site with one infobase, for as long as the block lasts."""
    site = Site(database_url, chosen)
    try:
        site.add_infobase()
        yield site
    finally:
        site.close()


def basic(login: str = LOGIN, password: str = PASSWORD) -> str:
    """The header's value."""
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()


@dataclass
class OneC:
    """A 1C that does exactly what a test tells it to. It knows only the cookie of the body of checkauth."""

    site: Site
    address: str = ADDRESS
    login: str = LOGIN
    password: str = PASSWORD
    cookie: str = ""
    send_basic: bool = True
    post_all: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, query: str, body: bytes | None = None, *, address: str | None = None) -> httpx.Response:
        """One request with the query as it is."""
        headers = dict(self.headers)
        if self.send_basic:
            headers["Authorization"] = basic(self.login, self.password)
        if self.cookie:
            headers["Cookie"] = self.cookie
        method = "POST" if body is not None or self.post_all else "GET"
        url = f"{self.address if address is None else address}?{query}"
        response: httpx.Response = self.site.http.request(method, url, headers=headers, content=body)
        self.site.http.cookies.clear()
        return response

    def checkauth(self, type_: str = "catalog") -> list[str]:
        """Log in; the lines of the answer."""
        self.cookie = ""
        lines = self.ask(f"type={type_}&mode=checkauth").text.split("\n")
        if lines[0] == "success":
            self.cookie = f"{lines[1]}={lines[2]}"
        return lines

    def init(self, type_: str = "catalog", extra: str = "") -> list[str]:
        """Begin; the lines of the answer."""
        return self.ask(f"type={type_}&mode=init{extra}").text.split("\n")

    def begin(self, type_: str = "catalog") -> None:
        """checkauth and init."""
        self.checkauth(type_)
        self.init(type_)

    def send(self, name: str, data: bytes, *, type_: str = "catalog") -> str:
        """One part of a file; the answer."""
        return self.ask(f"type={type_}&mode=file&filename={name}", data).text

    def import_(self, name: str, *, type_: str = "catalog") -> str:
        """Ask for an import, and again after the worker has worked; the last answer."""
        query = f"type={type_}&mode=import&filename={name}"
        answer = self.ask(query).text
        if answer.startswith("progress"):
            self.site.work()
            answer = self.ask(query).text
        return answer

    def push(self, name: str, data: bytes, *, type_: str = "catalog", document: str | None = None) -> str:
        """A whole session with one file; the answer of its import."""
        self.begin(type_)
        assert self.send(name, data, type_=type_) == "success"
        return self.import_(document or name, type_=type_)

    def query(self) -> str:
        """Fetch orders within the session."""
        return self.ask("type=sale&mode=query").content.decode("utf-8" if "version" in self.headers else "windows-1251")

    def success(self) -> str:
        """Confirm them."""
        return self.ask("type=sale&mode=success").text


def catalogue(*names: str, version: str = "2.07", changes: bool = False) -> bytes:
    """A catalogue with these products; their ids are ``p1``, ``p2``…"""
    goods = "".join(
        f"<Товар><Ид>p{n}</Ид><Артикул>A-{n}</Артикул><Наименование>{name}</Наименование></Товар>"
        for n, name in enumerate(names, 1)
    )
    flag = "true" if changes else "false"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<КоммерческаяИнформация ВерсияСхемы="{version}" '
        f'ДатаФормирования="2026-11-20T10:00:00"><Каталог СодержитТолькоИзменения="{flag}"><Ид>c1</Ид>'
        f"<ИдКлассификатора>k1</ИдКлассификатора><Наименование>Каталог</Наименование><Товары>{goods}</Товары>"
        "</Каталог></КоммерческаяИнформация>"
    ).encode()


def archive(members: dict[str, bytes], *, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return buffer.getvalue()


def order_body(number: str | None = "W-1", **more: Any) -> dict[str, Any]:
    """An order with one line."""
    body: dict[str, Any] = {
        "customer": {"name": "Иванов Иван", "phone": "+7 900 000-00-00"},
        "lines": [{"offer_id": CHAIR, "name": "Стул", "quantity": "2", "price": "10.50"}],
    }  # fmt: skip
    return {**body, **({"number": number} if number is not None else {}), **more}
