"""Discounts, kinds of discount cards, discount cards (3.1): read as they come, nothing is computed from them."""

from __future__ import annotations

from typing import Any, Final

from lxml.etree import _Element as Element

from syncd.commerceml import blocks
from syncd.commerceml.names import NAMES, line_of
from syncd.commerceml.policy import Context
from syncd.commerceml.values import boolean, plain, text_of, timestamp
from syncd.errors import DataError
from syncd.model.records import Record

ENTITY_OF: Final = {
    "ИнформацияОСкидке": "discount", "Скидка": "discount",  # the type's name in the schema, and the element's
    "ВидДисконтнойКарты": "discount_card_kind", "ДисконтнаяКарта": "discount_card",
}  # fmt: skip
"""Element to entity."""
_COMMON: Final = {"Наименование": "name", "НомерВерсии": "version"}
_TEXTS: Final[dict[str, dict[str, str]]] = {
    "discount": {**_COMMON, "ТипСкидки": "kind", "Значение": "value", "ГруппаСовместногоПрименения": "combination"},
    "discount_card_kind": _COMMON,
    "discount_card": {
        **_COMMON, "Штрихкод": "barcode", "ШтрихКод": "barcode", "ВидДисконтнойКарты": "kind_id", "Статус": "status",
    },
}  # fmt: skip
_MOMENTS: Final = {"ДатаНачала": "starts_at", "ДатаЗавершения": "ends_at"}


def read(element: Element, context: Context) -> Record:
    """One of ``ENTITY_OF``. Raises ``DataError`` E211 without ``Ид``."""
    tag = NAMES[element.tag]
    entity = ENTITY_OF[tag]
    identity = ""
    fields: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    gone = blocks.is_deleted_status(element.get("Статус"))
    for item in element:
        name = NAMES[item.tag]
        if name == "Ид":
            identity = text_of(item)
        elif name == "ПометкаУдаления":
            gone = gone or blocks.deleted(name, item)
        elif name in _TEXTS[entity]:
            fields[_TEXTS[entity][name]] = text_of(item)
        elif name and not (entity == "discount" and _of_discount(name, item, fields)):
            if name != "Контрагент":
                context.unknown[f"{tag}/{name}"] += 1
            blocks.keep(name, item, extra)
    if entity == "discount_card":
        holder = extra.get("Контрагент")
        fields["counterparty_id"] = str(holder.get("Ид", "")) if isinstance(holder, dict) else ""
    if not identity:
        raise DataError("E211", element=tag)
    return Record(entity, (identity,), fields, extra or None, gone, False, line_of(element))


def _of_discount(name: str, item: Element, fields: dict[str, Any]) -> bool:
    """Read one child into its field; ``False`` where it has none, or does not fit into it."""
    if name in _MOMENTS:
        fields[_MOMENTS[name]] = moment(text_of(item))
    elif name == "Активность":
        fields["active"] = boolean(item.text)
        return fields["active"] is not None or not text_of(item)
    elif name == "Приоритет":
        if not text_of(item).lstrip("-").isdecimal():
            return False
        fields["priority"] = int(text_of(item))
    elif name == "Условия":
        fields["conditions"] = [plain(condition) for condition in item if NAMES[condition.tag]]
    else:
        return False
    return True


def moment(text: str) -> str:
    """A date of 1C in ISO 8601 without a zone, ``""`` for its empty date; one that cannot be read stays as it is."""
    try:
        found = timestamp(text, "")
    except DataError:
        return text
    return found.isoformat() if found else ""
