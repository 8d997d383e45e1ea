# ruff: noqa: DTZ001 - times of 1C are naive
from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from syncd.commerceml.policy import ReadPolicy
from syncd.commerceml.reader import Reader
from syncd.commerceml.requisites import ORDER_REQUISITES, normalised
from syncd.model.records import BadRecord, OrderDocument, OrderLine

Read = Callable[..., tuple[list[Any], Reader]]


@pytest.fixture
def orders(read_fixture: Read) -> list[OrderDocument]:
    return [item for item in read_fixture("orders.xml")[0] if isinstance(item, OrderDocument)]


@pytest.fixture
def order(read_xml: Read) -> Any:
    """Read one document with these requisites."""

    def read(requisites: dict[str, str], inner: str = "", policy: ReadPolicy | None = None) -> OrderDocument:
        rows = "".join(
            f"<ЗначениеРеквизита><Наименование>{name}</Наименование><Значение>{value}</Значение></ЗначениеРеквизита>"
            for name, value in requisites.items()
        )
        text = f"<Документ><Номер>1</Номер>{inner}<ЗначенияРеквизитов>{rows}</ЗначенияРеквизитов></Документ>"
        (item,) = read_xml(text, policy)[0]
        assert isinstance(item, OrderDocument)
        return item

    return read


def test_an_order_of_1c_is_read_with_its_course(orders: list[OrderDocument]) -> None:
    order = orders[0]
    assert (order.id, order.number, order.operation, order.currency) == ("1c-order-1", "1001", "Заказ товара", "RUB")
    assert order.date == datetime(2026, 2, 3, 4, 5, 6)
    assert order.amount == Decimal("1250.50")
    assert order.comment == "позвонить\nпосле шести"
    assert (order.number_1c, order.date_1c) == ("УТ-000077", datetime(2026, 2, 3, 12))
    assert (order.status, order.posted, order.deletion_mark) == ("К отгрузке", True, False)
    assert order.paid is True
    assert order.shipped is None, "1C's empty date is no shipment"
    assert order.cancelled is None, "what is absent was not said"
    assert order.tax_included is False
    assert order.requisites["Дата оплаты"] == "2026-02-04"


def test_lines_follow_from_what_stands_in_them(orders: list[OrderDocument]) -> None:
    assert orders[0].lines == [
        OrderLine(
            "p-1#v-1", "Кеды", Decimal(2), Decimal("500.25"), Decimal("1000.50"), sku="K-1", unit="Штука",
            requisites={"ТипНоменклатуры": "Товар"}, tax_rate=Decimal(20),
        ),
        OrderLine("ORDER_DELIVERY", "Доставка", Decimal(1), Decimal(250), Decimal(250), unit="шт", is_service=True),
    ]  # fmt: skip


def test_the_customer_stays_with_the_order(read_fixture: Read) -> None:
    items, _ = read_fixture("orders.xml")
    first = items[0]
    assert isinstance(first, OrderDocument)
    (party,) = first.counterparties
    assert party.key == ("u-1",)
    assert party.fields["legal_kind"] == "legal"
    assert all(isinstance(item, (OrderDocument, BadRecord)) for item in items)


def test_an_order_without_id_and_lines_says_only_what_it_says(orders: list[OrderDocument]) -> None:
    order = orders[1]
    assert (order.id, order.number, order.number_1c) == ("", "1002", "К-1")
    assert order.cancelled is True
    assert order.lines is None
    assert order.comment is None
    assert order.amount is None


def test_a_bad_date_is_reported_beside_the_order_and_a_bad_number_costs_it(read_fixture: Read) -> None:
    items, reader = read_fixture("orders.xml")
    bad = [(item.key, item.error.code) for item in items if isinstance(item, BadRecord)]
    assert bad == [("1003", "E213"), ("1004", "E212"), ("", "E211")]
    assert [item.number for item in items if isinstance(item, OrderDocument)] == ["1001", "1002", "1003"]
    assert reader.counts["Документ"] == 5


def test_containers_hold_orders_payments_and_shipments(read_fixture: Read) -> None:
    items, _ = read_fixture("containers.xml")
    born, inner, payment, shipment = (item for item in items if isinstance(item, OrderDocument))
    assert (born.id, born.number, born.number_1c, born.version) == ("site-7", "", "УТ-9", "AAAB")
    assert born.date is None
    assert born.date_1c == datetime(2026, 2, 6, 10, 11, 12)
    assert born.status == "P"
    assert born.deletion_mark is False
    assert (inner.id, inner.basis) == ("ship-0", "site-7")
    assert (payment.basis, payment.paid) == ("site-7", True)
    assert (shipment.basis, shipment.shipped) == ("site-7", True)


@pytest.mark.parametrize(
    "name", ["Номер по 1С", "Номер по 1C", "номер  по 1с", "Номер за 1С", "НомерПо1С", "Номер у 1С"]
)
def test_requisites_are_known_in_translation_and_misspelt(order: Any, name: str) -> None:
    assert order({name: "77"}).number_1c == "77"


@pytest.mark.parametrize(
    ("requisites", "paid"),
    [
        ({"Номер оплаты по 1С": "1"}, True),
        ({"Дата оплаты по 1С": "2026-01-01"}, True),
        ({"Дата оплаты по 1С": "0001-01-01T00:00:00"}, None),
        ({"Оплачен": "true"}, True),
        ({"Оплачено": "нет"}, False),
        ({"Оплачено": "false", "Номер оплаты по 1С": "1"}, True),
        ({"Дата оплаты": "2026-01-01"}, None),
        ({"Номер оплаты по 1С": ""}, None),
        ({}, None),
    ],
)
def test_paid_is_what_1c_says_and_never_an_echo(order: Any, requisites: dict[str, str], paid: bool | None) -> None:
    assert order(requisites).paid is paid


def test_a_policy_names_the_requisites_of_a_customisation(order: Any) -> None:
    policy = ReadPolicy(order_requisites={**ORDER_REQUISITES, normalised("Стадия"): "status"})
    assert order({"Стадия": "Сборка"}, policy=policy).status == "Сборка"


def test_order_lines_are_counted_as_products_and_yield_none(read_fixture: Read) -> None:
    _, reader = read_fixture("orders.xml")
    assert reader.counts["Товар"] == 3


def test_a_document_beside_a_catalogue_does_not_disturb_it(read_xml: Read) -> None:
    line = "<Товары><Товар><Ид>l</Ид><Количество>1</Количество></Товар></Товары>"
    items, _ = read_xml(
        f"<Документ><Номер>1</Номер>{line}</Документ><Каталог><Ид>c</Ид><Товары><Товар><Ид>p</Ид></Товар></Товары></Каталог>"
    )
    assert [type(item).__name__ for item in items] == ["OrderDocument", "CatalogueHead", "Record"]


def test_a_direct_counterparty_and_its_telephone_are_read(order: Any) -> None:
    party = "<Контрагент><Ид>1</Ид><Наименование>Н</Наименование><Телефон>+7</Телефон></Контрагент>"
    (found,) = order({}, party).counterparties
    assert found.fields["contacts"] == [{"type": "Телефон", "value": "+7"}]
