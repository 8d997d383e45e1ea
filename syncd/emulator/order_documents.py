"""Orders back to the site, in the shape of УТ 11: ``orders-<guid>_N.xml``, schema 2.07."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from uuid import uuid4

from syncd.emulator.catalogue import plain
from syncd.emulator.orders import Counterparty, OrderLine, TradeOrder
from syncd.emulator.xmltext import ROOT_END, attribute, element, encode, requisites, root, wrap

NAMES = {
    "number": "Номер по 1С",
    "date": "Дата по 1С",
    "payment": "Номер оплаты по 1С",
    "payment_date": "Дата оплаты по 1С",
    "shipment": "Номер отгрузки по 1С",
    "shipment_date": "Дата отгрузки по 1С",
}
"""Requisites as the Russian configurations name them."""

UKRAINIAN_NAMES = {key: name.replace(" по 1С", " за 1С") for key, name in NAMES.items()}
"""As BAS names them (BAS УТ, 5570-5608)."""


def orders_file_name(number: int = 1) -> str:
    """A fresh name: УТ takes a new GUID for every export."""
    return f"orders-{uuid4()}_{number}.xml"


def orders_xml(orders: Iterable[TradeOrder], formed_at: str, *, names: dict[str, str] | None = None) -> Iterator[bytes]:
    """The documents.

    Ид is the GUID of 1C's order, Номер, Дата and Время are the site's; only what has happened is among the requisites.
    """
    return encode(_pieces(orders, formed_at, names or NAMES))


def _pieces(orders: Iterable[TradeOrder], formed_at: str, names: dict[str, str]) -> Iterator[str]:
    yield root("urn:1C.ru:commerceml_2", "2.07", formed_at)
    for order in orders:
        yield _document(order, names)
    yield ROOT_END


def _document(order: TradeOrder, names: dict[str, str]) -> str:
    tax = wrap(
        "Налог",
        element("Наименование", "НДС"),
        element("УчтеноВСумме", "true" if order.price_includes_vat else "false"),
        element("Сумма", "0"),
    )
    return wrap(
        "Документ",
        element("Ид", order.guid),
        element("Номер", order.number),
        element("Дата", order.date),
        element("ХозОперация", "Заказ товара"),
        element("Роль", "Продавец"),
        element("Валюта", order.currency),
        element("Курс", "1"),
        element("Сумма", plain(order.total)),
        wrap("Контрагенты", _counterparty(order.counterparty)),
        element("Время", order.time),
        element("Комментарий", order.comment[:3000]),
        wrap("Налоги", tax),
        wrap("Товары", *map(_line, order.lines)),
        requisites(_happened(order, names)),
    )


def _counterparty(buyer: Counterparty) -> str:
    official = buyer.official_name or buyer.name
    named = element("ОфициальноеНаименование", official) if buyer.legal else element("ПолноеНаименование", buyer.name)
    inn = element("ИНН", buyer.inn) if buyer.inn else ""
    id_ = element("Ид", buyer.id) if buyer.id else ""
    role = element("Роль", "Покупатель")
    return wrap("Контрагент", id_, element("Наименование", buyer.name), named, inn, role)


def _line(line: OrderLine) -> str:
    rate = (
        ""
        if line.vat is None
        else wrap(
            "СтавкиНалогов", wrap("СтавкаНалога", element("Наименование", "НДС"), element("Ставка", plain(line.vat)))
        )
    )
    kind = "Услуга" if line.service else "Товар"
    return wrap(
        "Товар",
        element("Ид", line.product_id),
        element("Наименование", line.name),
        f'<БазоваяЕдиница Код="{attribute(line.unit):<4}" НаименованиеПолное="{attribute(line.unit)}"/>',
        rate,
        requisites([("ВидНоменклатуры", kind), ("ТипНоменклатуры", kind)]),
        element("ЦенаЗаЕдиницу", plain(line.price)),
        element("Количество", plain(line.quantity)),
        element("Сумма", plain(line.amount)),
        element("Единица", line.unit),
        element("Коэффициент", "1"),
    )


def _happened(order: TradeOrder, names: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield names["number"], order.number_1c
    yield names["date"], order.date_1c
    yield "ПометкаУдаления", _flag(order.deletion_mark)
    yield "Проведен", _flag(order.posted)
    if order.posted and order.payment:
        yield names["payment"], order.payment.number
        yield names["payment_date"], order.payment.at
    if order.posted and order.shipment:
        yield names["shipment"], order.shipment.number
        yield names["shipment_date"], order.shipment.at
    if order.cancelled:
        yield "Отменен", "true"
    if order.status:
        yield "Статус заказа", order.status


def _flag(value: bool) -> str:
    return "true" if value else "false"


def containers_file_name() -> str:
    """A fresh name as the Bitrix module makes it."""
    return f"documents___{uuid4()}.xml"


def containers_xml(orders: Iterable[TradeOrder], formed_at: str) -> Iterator[bytes]:
    """The same for the Bitrix module (3.1): one Контейнер an order, with its payment and shipment as documents beside
    it.
    """
    return encode(_container_pieces(orders, formed_at))


def _container_pieces(orders: Iterable[TradeOrder], formed_at: str) -> Iterator[str]:
    yield root("urn:1C.ru:commerceml_3", "3.1", formed_at, "Обмен с сайтом")
    for order in orders:
        yield wrap("Контейнер", _order_31(order), *_attached(order))
    yield ROOT_END


def _head_31(order: TradeOrder, id_: str, operation: str, number_1c: str, at: str) -> str:
    return "".join(
        (
            element("Ид", id_),
            element("ПометкаУдаления", _flag(order.deletion_mark)),
            element("Номер", order.number),
            element("Номер1С", number_1c),
            element("Дата", order.date),
            element("Дата1С", at.partition("T")[0]),
            element("Время", order.time),
            element("ХозОперация", operation),
            element("Роль", "Продавец"),
            element("Валюта", order.currency),
            element("Курс", "1"),
        )
    )


def _order_31(order: TradeOrder) -> str:
    told = [
        ("Отменен", _flag(order.cancelled)),
        ("Проведен", _flag(order.posted)),
        ("Статуса заказа ИД", order.status),
        *((name, value) for name, value in _happened(order, NAMES) if name.endswith("по 1С")),
    ]
    lines = [_line(line).replace("ЦенаЗаЕдиницу>", "Цена>") for line in order.lines]
    return wrap(
        "Документ",
        _head_31(order, order.site_id, "Заказ товара", order.number_1c, order.date_1c),
        element("Сумма", plain(order.total)),
        wrap("Контрагенты", _counterparty(order.counterparty)),
        element("Комментарий", order.comment[:3000]),
        wrap("Товары", *lines),
        requisites(told),
    )


def _attached(order: TradeOrder) -> Iterator[str]:
    """The payment and the shipment; Основание is the site's id of the order."""
    happened = (
        (order.shipment, "Отпуск товара", order.total, "Отгружен"),
        (order.payment, "Выплата безналичных денег", order.paid, "Оплачен"),
    )
    for document, operation, amount, mark in happened:
        if document and order.posted:
            head = _head_31(order, f"{order.guid}-{mark}", operation, document.number, document.at)
            basis = element("Основание", order.site_id)
            yield wrap("Документ", head, element("Сумма", plain(amount)), basis, requisites([(mark, "true")]))
