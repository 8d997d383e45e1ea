"""A CMS's own exchange endpoint as a target: what changed in the store goes there as CommerceML, as if from 1C.

A push says which changes it carries by a transaction id of Postgres (``cursor``): the next one begins there. What was
sent twice does no harm, as a package holds full records; what a transaction wrote that was not yet committed when the
package was made is above the cursor, so nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from zoneinfo import ZoneInfo

from psycopg import Connection
from psycopg.rows import DictRow

from syncd.adapters.exchange.client import SiteClient, known_settings
from syncd.adapters.ports import Delivery, Receipt
from syncd.commerceml.write_catalogue import Offered, Package, write_catalogue, write_offers
from syncd.errors import ConfigError
from syncd.model import ENTITIES
from syncd.model.records import Record
from syncd.store.db import Database, every, one
from syncd.store.endpoints import Endpoint

KIND: Final = "push"
CALL_SECONDS: Final = 180.0
"""For one request, as 1C gives its connection; the endpoint's own timeout is for an import."""
_ROWS: Final = 500
_NOTHING: Final = Decimal(0)
_NAME: Final = "Основной каталог товаров"


class Site:
    """``Target`` of one endpoint of kind ``cms``. Each push has a connection of its own, as sessions are per push.

    Raises ``ConfigError`` E990 for unknown settings.
    """

    can_look_up = False
    idempotent = True

    def __init__(self, endpoint: Endpoint, password: str | None, db: Database) -> None:
        if unknown := known_settings(endpoint.settings):
            raise ConfigError("E990", endpoint=endpoint.name, key=unknown[0])
        self._endpoint = endpoint
        self._password = password
        self._db = db
        self.connect().close()  # an address that cannot be used is said now

    def connect(self) -> SiteClient:
        """A client of the site, to be closed by the caller."""
        settings = self._endpoint.settings
        return SiteClient(
            self._endpoint.address, login=settings.get("login"), password=self._password,
            timeout=min(CALL_SECONDS, self._endpoint.timeout_seconds), ca=settings.get("ca"),
            merge=bool(settings.get("merge", False)), patience=self._endpoint.timeout_seconds,
        )  # fmt: skip

    def deliver(self, delivery: Delivery) -> Receipt:
        """Make the package in one snapshot of the store, then send it; nothing is sent when nothing changed."""
        with TemporaryDirectory(prefix="syncd_push_") as name:
            folder = Path(name)
            (folder / "files").mkdir()
            since = None if delivery.body.get("full") else self._since(delivery)
            cursor, counts, files = self._write(folder / "files", since)
            if files:
                client = self.connect()
                try:
                    client.push(files, folder)
                finally:
                    client.close()
        return Receipt(confirmed=True, answer={"cursor": cursor, "since": since, "files": len(files), **counts})

    def look_up(self, delivery: Delivery) -> Receipt | None:
        """A site cannot be asked; a push may come twice."""
        del delivery
        return None

    def close(self) -> None:
        """Nothing is open between pushes."""

    # --- the package --------------------------------------------------------------------------------------------------

    def _since(self, delivery: Delivery) -> str | None:
        """Where the last push that arrived ended. ``None``, for all of it, when there was none, its row is gone, or
        this Postgres has never been so far: it was restored from a copy, and counts its transactions anew.
        """
        with self._db.transaction() as conn:
            row = one(
                conn,
                """SELECT CASE WHEN cursor::xid8 <= pg_snapshot_xmax(pg_current_snapshot()) THEN cursor END AS cursor
                   FROM (SELECT receipt->'answer'->>'cursor' AS cursor FROM outbox
                   WHERE tenant = %(t)s AND endpoint_id = %(e)s AND kind = %(k)s AND state = 'acknowledged'
                   ORDER BY seq DESC LIMIT 1) AS last""",
                t=delivery.tenant, e=self._endpoint.id, k=KIND,
            )  # fmt: skip
        return row["cursor"] if row else None

    def _write(self, folder: Path, since: str | None) -> tuple[str, dict[str, int], list[Path]]:
        """The files of one snapshot, a pair for each catalogue with changes; the cursor; how many records."""
        now = datetime.now(ZoneInfo(self._endpoint.zone))
        counts = {"products": 0, "offers": 0}
        files: list[Path] = []
        with self._db.transaction() as conn:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            snapshot = one(conn, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS cursor")
            assert snapshot is not None
            store = _Store(conn, self._endpoint, since)
            for n, catalogue in enumerate(store.catalogues()):
                package = Package(
                    catalogue or "syncd", _NAME, now, namespace=bool(self._endpoint.settings.get("namespace", True))
                )
                first, second = folder / f"import{n}_1.xml", folder / f"offers{n}_1.xml"
                with first.open("wb") as out:
                    products = write_catalogue(
                        out, package, categories=store.all("category"), properties=store.all("property"),
                        products=store.products(catalogue),
                    )  # fmt: skip
                with second.open("wb") as out:
                    offers = write_offers(
                        out, package, price_types=store.price_types(), warehouses=store.all("warehouse"),
                        offers=store.offers(catalogue),
                    )  # fmt: skip
                files += [path for path, made in ((first, products), (second, offers)) if made]
                counts = {"products": counts["products"] + products, "offers": counts["offers"] + offers}
        return str(snapshot["cursor"]), counts, files


class _Store:
    """Records of one tenant in one snapshot, streamed. Without ``since`` all that are there, else what changed."""

    def __init__(self, conn: Connection[DictRow], endpoint: Endpoint, since: str | None) -> None:
        self._conn = conn
        self._tenant = endpoint.tenant
        self._since = since
        self._types: Sequence[str] | None = endpoint.settings.get("price_types")
        self._images = bool(endpoint.settings.get("images", False))

    def catalogues(self) -> list[str]:
        """Ids of catalogues, of products and offers; an empty one for records that came with none."""
        rows = every(
            self._conn,
            """SELECT DISTINCT coalesce(catalogue_id, '') AS id FROM products WHERE tenant = %(t)s
               UNION SELECT coalesce(catalogue_id, '') FROM offers WHERE tenant = %(t)s ORDER BY 1""",
            t=self._tenant,
        )
        return [row["id"] for row in rows]

    def all(self, entity: str) -> list[Record]:
        """A short list, whole: sites need it to understand the rest."""
        table = ENTITIES[entity].plural
        query = f"SELECT * FROM {table} WHERE tenant = %(t)s AND deleted_at IS NULL ORDER BY id"  # noqa: S608 - our own name
        return [self._record(entity, row) for row in every(self._conn, query, t=self._tenant)]

    def price_types(self) -> list[Record]:
        """Those that go to this site."""
        return [each for each in self.all("price_type") if self._types is None or each.key[0] in self._types]

    def products(self, catalogue: str) -> Iterator[Record]:
        """Products of a catalogue; of a first push only those that are there."""
        query = """SELECT * FROM products WHERE tenant = %(t)s AND coalesce(catalogue_id, '') = %(c)s
                     AND CASE WHEN %(since)s::text IS NULL THEN deleted_at IS NULL
                              ELSE xid >= %(since)s::text::xid8 END"""
        for row in self._streamed("push_products", query, c=catalogue):
            yield self._record("product", row)

    def offers(self, catalogue: str) -> Iterator[Offered]:
        """Offers of which anything changed, with all their prices and stocks; a stock that is gone counts as none."""
        query = """
            SELECT o.*,
                   (SELECT jsonb_agg(jsonb_build_array(p.price_type_id, p.currency, p.min_quantity::text, p.value::text)
                                     ORDER BY p.price_type_id, p.currency, p.min_quantity)
                    FROM prices p WHERE p.tenant = o.tenant AND p.offer_id = o.id AND p.deleted_at IS NULL
                      AND p.value IS NOT NULL
                      AND (%(types)s::text[] IS NULL OR p.price_type_id = ANY(%(types)s))) AS price_rows,
                   (SELECT jsonb_agg(jsonb_build_array(s.warehouse_id,
                                     CASE WHEN s.deleted_at IS NULL
                                          THEN (coalesce(s.on_hand, 0) - coalesce(s.reserved, 0))::text ELSE '0' END)
                                     ORDER BY s.warehouse_id)
                    FROM stocks s WHERE s.tenant = o.tenant AND s.offer_id = o.id) AS stock_rows
            FROM offers o
            WHERE o.tenant = %(t)s AND coalesce(o.catalogue_id, '') = %(c)s
              AND CASE WHEN %(since)s::text IS NULL THEN o.deleted_at IS NULL
                       ELSE o.xid >= %(since)s::text::xid8
                            OR EXISTS (SELECT FROM prices p WHERE p.tenant = o.tenant AND p.offer_id = o.id
                                         AND p.xid >= %(since)s::text::xid8)
                            OR EXISTS (SELECT FROM stocks s WHERE s.tenant = o.tenant AND s.offer_id = o.id
                                         AND s.xid >= %(since)s::text::xid8) END"""
        for row in self._streamed("push_offers", query, c=catalogue):
            identity = row["id"]
            prices = [
                Record("price", (identity, kind, money, Decimal(least)), {"value": Decimal(value)})
                for kind, money, least, value in row["price_rows"] or ()
            ]
            stocks = [
                Record("stock", (identity, place), {"on_hand": Decimal(count)})
                for place, count in row["stock_rows"] or ()
            ]
            yield Offered(self._record("offer", row), prices, stocks if row["stock_rows"] is not None else None)

    def _streamed(self, name: str, query: str, **parameters: Any) -> Iterator[DictRow]:
        with self._conn.cursor(name) as cursor:
            cursor.itersize = _ROWS
            cursor.execute(
                query.encode(),
                {"t": self._tenant, "since": self._since, "types": list(self._types) if self._types else None}
                | parameters,
            )
            yield from cursor

    def _record(self, entity: str, row: DictRow) -> Record:
        kind = ENTITIES[entity]
        left_out = () if self._images else ("images",)  # a path without its picture is worse than none
        fields = {each.name: row[each.name] for each in kind.fields if each.name not in left_out}
        return Record(
            entity, tuple(row[name] for name in kind.key_names),
            {name: value for name, value in fields.items() if value is not None}, deleted=row["deleted_at"] is not None,
        )  # fmt: skip


def open_target(endpoint: Endpoint, secret: str | None, db: Database) -> Site:
    """The target behind an endpoint of kind ``cms``; the secret is its password."""
    return Site(endpoint, secret, db)
