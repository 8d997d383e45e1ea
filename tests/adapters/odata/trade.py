"""Rules for orders of УТ 11, as a 1C developer would write them, and what the delivery engine does with a target."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint
from syncd.adapters.odata.filters import Filter, all_of, equals
from syncd.adapters.odata.literals import EMPTY_REF
from syncd.adapters.odata.markers import Marker
from syncd.adapters.odata.orders import Order, OrderMapping, Reference, Refs
from syncd.adapters.odata.target import OrdersTarget
from syncd.adapters.ports import Delivery, Receipt
from syncd.emulator.odata import OdataBase
from syncd.emulator.odata.server import Heard
from syncd.errors import TransportError, UnknownOutcome

ORDERS = "Document_ЗаказКлиента"
MARKER = Marker(ORDERS, "НомерПоДаннымКлиента")


def by_inn(order: Order, _refs: Refs) -> list[Filter]:
    customer = order["customer"]
    return [all_of(equals("ИНН", customer["inn"]), equals("КПП", customer["kpp"])), equals("ИНН", customer["inn"])]


def by_name(order: Order, _refs: Refs) -> list[Filter]:
    return [equals("Description", order["customer"]["name"])]


def counterparty(order: Order, refs: Refs) -> Mapping[str, Any]:
    customer = order["customer"]
    return {
        "Description": customer["name"],
        "НаименованиеПолное": customer["name"],
        "ИНН": customer["inn"],
        "КПП": customer["kpp"],
        "ЮрФизЛицо": "ЮрЛицо",
        "Партнер_Key": refs["partner"],
    }


def build(order: Order, refs: Refs) -> Mapping[str, Any]:
    return {
        "Date": datetime.fromisoformat(order["created_at"]),
        "Партнер_Key": refs["partner"],
        "Контрагент_Key": refs["counterparty"],
        "Организация_Key": order["company"],
        "Склад_Key": order["warehouse"],
        "Статус": "НеСогласован",
        "ЦенаВключаетНДС": True,
        "Комментарий": order["comment"],
        "Товары": [line(each) for each in order["lines"]],
    }


def line(each: Mapping[str, Any]) -> dict[str, Any]:
    product, _, variant = each["offer_id"].partition("#")
    return {
        "Номенклатура_Key": product,
        "Характеристика_Key": variant or EMPTY_REF,
        "Количество": Decimal(each["quantity"]),
        "Цена": Decimal(each["price"]),
        "Сумма": Decimal(each["amount"]),
        "СуммаСНДС": Decimal(each["amount"]),
    }


def products(order: Order) -> list[str]:
    return [each["offer_id"].partition("#")[0] for each in order["lines"]]


RULES = OrderMapping(
    marker=MARKER,
    build=build,
    references=(
        Reference(
            "partner", "Catalog_Партнеры", by_name, lambda order: str(order["customer"]["name"]),
            lambda order, _: {"Description": order["customer"]["name"], "Клиент": True},
        ),
        Reference(
            "counterparty", "Catalog_Контрагенты", by_inn, lambda order: str(order["customer"]["inn"]), counterparty
        ),
    ),
    existing={"Catalog_Номенклатура": products},
)  # fmt: skip


def order(base: OdataBase, number: int = 1, **changes: Any) -> dict[str, Any]:
    """An order of a new customer for two goods of this base."""
    store = "Catalog_Склады" if "Catalog_Склады" in base.store.tables else "Catalog_СтруктурныеЕдиницы"
    goods = [row["Ref_Key"] for row in base.rows("Catalog_Номенклатура") if not row["IsFolder"]][:2]
    return {
        "number": f"W-{number}",
        "created_at": "2026-11-20T21:30:00+00:00",
        "comment": "Позвонить О'Нилу до 18:00",
        "company": base.rows("Catalog_Организации")[0]["Ref_Key"],
        "warehouse": base.rows(store)[-1]["Ref_Key"],
        "customer": {"name": "ООО «Ромашка»", "inn": "7707083893", "kpp": "770701001"},
        "lines": [
            {"offer_id": goods[0], "quantity": "3", "price": "10.10", "amount": "30.30"},
            {"offer_id": goods[1], "quantity": "1.5", "price": "200", "amount": "300.00"},
        ],
        **changes,
    }


def delivery(body: Mapping[str, Any], *, revision: int = 1, attempt: int = 1) -> Delivery:
    """A message of the outbox, with the same mark for the same number."""
    marker = str(uuid5(UUID(int=0), str(body["number"])))
    return Delivery(
        tenant="t", id=UUID(int=1), kind="order", key=marker, revision_no=revision, attempt=attempt, marker=marker,
        body=body, created_at=datetime(2026, 11, 20, 21, 30, tzinfo=UTC),
    )  # fmt: skip


OPENED: list[Client] = []
"""Closed after each test (conftest)."""


def connected(base: OdataBase, **settings: Any) -> Client:
    client = Client(Endpoint(base.url, base.user, base.password, **settings), sleep=lambda _: None)
    OPENED.append(client)
    return client


def target(base: OdataBase, rules: OrderMapping = RULES, **settings: Any) -> OrdersTarget:
    return OrdersTarget(connected(base, **settings), rules)


def engine(to: OrdersTarget, message: Delivery, *, attempts: int = 20) -> Receipt:
    """What the queue does: transport failures wait, an unknown outcome is looked up, nothing is sent blindly."""
    unconfirmed = False
    for _ in range(attempts):
        try:
            if unconfirmed and (receipt := to.look_up(message)) is not None:
                return receipt
            unconfirmed = False
            return to.deliver(message)
        except UnknownOutcome:
            unconfirmed = True
        except TransportError:
            continue
    raise AssertionError("never delivered")


def heard(base: OdataBase, many: int) -> list[Heard]:
    """The log of the base once it has ``many`` requests: a request is logged after its answer was sent."""
    news = threading.Condition()

    def listen(_: Heard) -> None:
        with news:
            news.notify_all()

    with news:
        base.listen(listen)
        news.wait_for(lambda: len(base.requests) >= many, timeout=10)
    return base.requests


def live(base: OdataBase, marker: str) -> list[dict[str, Any]]:
    """Documents of this mark that are not marked for deletion."""
    rows = base.documents("ЗаказКлиента")
    return [dict(row) for row in rows if row["НомерПоДаннымКлиента"] == marker and not row["DeletionMark"]]
