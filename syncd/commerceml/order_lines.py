"""Lines of a document: ``Товары/Товар`` inside ``Документ``."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.names import NAMES
from syncd.commerceml.policy import Context
from syncd.commerceml.requisites import normalised
from syncd.commerceml.values import base_id, decimal, text_of
from syncd.model.records import OrderLine

DELIVERY_ID = "ORDER_DELIVERY"
"""Id of the line that is the delivery, in Bitrix' documents."""

_NOTHING = Decimal(0)
_PATH = "Документ/Товары/Товар/"
_TEXTS = frozenset({"Ид", "Наименование", "Артикул", "Количество", "ЦенаЗаЕдиницу", "Цена", "Сумма"})
_OF_THE_PRODUCT = frozenset({"ИдКаталога", "ИдКлассификатора", "Группы"})
_KEPT = frozenset({
    "Коэффициент", "Скидки", "Склад", "Склады", "Резерв", "ГТД",
    "СтранаПроисхождения", "ДопРасходы", "ЗначенияСвойств", "ХарактеристикиТовара", "ГруппаМаркировки", "Маркировки",
})  # fmt: skip
"""Elements that are met and have no field: they stay in ``extra``."""
_TYPES = frozenset(map(normalised, ("ТипНоменклатуры", "ВидНоменклатуры", "ТипНоменклатури")))


@dataclass(slots=True)
class _Parts:
    texts: dict[str, str] = field(default_factory=dict)
    requisites: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    rate: Decimal | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def read_line(element: Element, context: Context) -> OrderLine:
    """A line; price and amount follow from each other where one is missing.

    Raises ``DataError`` E212 for what is no number.
    """
    parts = _Parts()
    for item in element:
        _part(NAMES[item.tag], item, parts, context)
    texts = parts.texts
    quantity = decimal(texts.get("Количество"), _PATH + "Количество") or _NOTHING
    price = decimal(texts.get("ЦенаЗаЕдиницу") or texts.get("Цена"), _PATH + "ЦенаЗаЕдиницу")
    amount = decimal(texts.get("Сумма"), _PATH + "Сумма")
    if price is None:
        price = amount / quantity if amount is not None and quantity else _NOTHING
    identity = base_id(texts.get("Ид"))
    return OrderLine(
        product_id=identity,
        name=texts.get("Наименование", ""),
        quantity=quantity,
        price=price,
        amount=price * quantity if amount is None else amount,
        sku=texts.get("Артикул", ""),
        unit=parts.units.get("БазоваяЕдиница") or parts.units.get("Единица", ""),
        is_service=identity == DELIVERY_ID or _is_service(parts.requisites),
        requisites=parts.requisites,
        tax_rate=parts.rate,
        extra=parts.extra,
    )


def flat_requisites(element: Element) -> dict[str, str]:
    """``ЗначенияРеквизитов`` of a document or a line: several values in one text, an empty one as ``""``."""
    found: dict[str, Any] = blocks.requisites(element)
    return {key: "; ".join(value) if isinstance(value, list) else value or "" for key, value in found.items()}


def _part(name: str, item: Element, parts: _Parts, context: Context) -> None:
    if name in _TEXTS:
        parts.texts[name] = text_of(item)
    elif name == "ЗначенияРеквизитов":
        parts.requisites = flat_requisites(item)
    elif name in ("БазоваяЕдиница", "Единица"):
        parts.units[name] = _unit(item)
    elif name == "СтавкиНалогов":
        rate = blocks.tax(item)[0]
        parts.rate = parts.rate if rate is None else rate
    elif name == "Налоги":
        blocks.keep(name, item, parts.extra)
        parts.rate = _rate(item) if parts.rate is None else parts.rate
    elif name and name not in _OF_THE_PRODUCT:
        blocks.keep(name, item, parts.extra)
        if name not in _KEPT:
            context.unknown["Документ/Товар/" + name] += 1


def _is_service(requisites: dict[str, str]) -> bool:
    return any(value.casefold() == "услуга" for key, value in requisites.items() if normalised(key) in _TYPES)


def _unit(element: Element) -> str:
    found = blocks.unit(element)
    return str(found.get("name") or found.get("full_name") or found.get("code") or "")


def _rate(element: Element) -> Decimal | None:
    """The rate in ``Налоги/Налог`` of a line."""
    for tax in element:
        for part in tax:
            if NAMES[part.tag] == "Ставка":
                return blocks.tax_rate(text_of(part))
    return None
