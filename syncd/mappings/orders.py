"""Orders in the words of one 1C: how statuses, payment, delivery, taxes and currencies are called there.

The file is ``exchange.orders_mapping``, or one infobase's own; ``config/mappings/orders.yaml`` explains every key.
Without a file the defaults here hold, which are those of that file.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from syncd.commerceml.requisites import normalised
from syncd.errors import ConfigError
from syncd.i18n import tr
from syncd.yamlfile import Document, said

Status = Literal["new", "confirmed", "shipped", "completed", "cancelled"]
FIELDS: Final = (
    "number", "id", "status", "status_id", "currency", "amount", "comment", "storefront", "created_at",
    "customer.id", "customer.type", "customer.name", "customer.full_name", "customer.inn", "customer.kpp",
    "customer.email", "customer.phone", "customer.address",
    "payment.method", "payment.name", "payment.id", "payment.kind", "payment.paid",
    "delivery.method", "delivery.name", "delivery.id", "delivery.address", "delivery.price", "delivery.comment",
)  # fmt: skip
"""What a requisite may be taken from. ``payment.method`` is the storefront's code, ``name`` and ``id`` are 1C's."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class StatusRule(_Part):
    """What one status of 1C means to us. ``listed`` statuses are announced to 1C in ``mode=info``."""

    means: Status
    id: str = ""
    listed: bool = True


class Payment(_Part):
    """How a method of payment is called in 1C."""

    name: Annotated[str, Field(min_length=1)]
    id: str = ""
    kind: str = ""


class Delivery(_Part):
    """How a method of delivery is called in 1C. ``service``: GUID of the service that stands for it among the lines."""

    name: Annotated[str, Field(min_length=1)]
    id: str = ""
    service: str = ""
    tax: str = ""


class Requisite(_Part):
    """Where a requisite comes from: a field of the order, else a constant."""

    field: str = ""
    value: str = ""

    @field_validator("field")
    @classmethod
    def _known(cls, name: str) -> str:
        if name and name not in FIELDS:
            near = difflib.get_close_matches(name, FIELDS, 1)
            hint = tr(f"; did you mean {near[0]}?", f"; возможно, {near[0]}?") if near else ""
            raise ValueError(tr(f"an order has no field {name!r}", f"у заказа нет поля {name!r}") + hint)
        return name


def _short(key: str) -> BeforeValidator:
    """Allow a plain text in place of a section: it is the value of this key."""
    return BeforeValidator(lambda value: {key: value} if isinstance(value, str) else value)


_REQUISITES: Final[Mapping[str, str]] = {
    "Номер на сайте": "number",
    "Метод оплаты": "payment.name",
    "Метод оплаты ИД": "payment.id",
    "Тип оплаты": "payment.kind",
    "Заказ оплачен": "payment.paid",
    "Способ доставки": "delivery.name",
    "Метод доставки ИД": "delivery.id",
    "Адрес доставки": "delivery.address",
    "Стоимость доставки": "delivery.price",
    "Комментарий к доставке": "delivery.comment",
}
"""Requisites of every order; one whose field is empty in an order is left out."""


class OrdersMapping(_Part):
    """The whole file. Codes of payment and delivery are the storefront's."""

    statuses: dict[str, Annotated[StatusRule, _short("means")]] = Field(
        default_factory=lambda: {
            "Ожидается согласование": StatusRule(means="confirmed"),
            "Не согласован": StatusRule(means="new"),
            "К выполнению": StatusRule(means="confirmed"),
            "К обеспечению": StatusRule(means="confirmed"),
            "К отгрузке": StatusRule(means="confirmed"),
            "Отгружен": StatusRule(means="shipped"),
            "Закрыт": StatusRule(means="completed"),
            "Отменен": StatusRule(means="cancelled"),
        }
    )
    payments: dict[str, Annotated[Payment, _short("name")]] = Field(default_factory=dict)
    deliveries: dict[str, Annotated[Delivery, _short("name")]] = Field(default_factory=dict)
    delivery_as: Literal["line", "requisites"] = "line"
    taxes: dict[str, Annotated[Decimal, Field(ge=0, lt=100)]] = Field(default_factory=dict)
    default_tax: Annotated[Decimal, Field(ge=0, lt=100)] = Decimal(0)
    currencies: dict[str, str] = Field(default_factory=dict)
    requisites: dict[str, Annotated[Requisite, _short("field")] | None] = Field(default_factory=dict)

    def status(self, text: str | None) -> Status | None:
        """What a status of 1C, by name or id, means; ``None`` for one that is not in the mapping."""
        wanted = normalised(text or "")
        return next(
            (rule.means for name, rule in self.statuses.items() if wanted in {normalised(name), normalised(rule.id)}),
            None,
        ) if wanted else None  # fmt: skip

    def status_for(self, status: str) -> tuple[str, str]:
        """Name and id of the first listed status of 1C with this meaning; empty when there is none."""
        return next(
            ((name, rule.id) for name, rule in self.statuses.items() if rule.means == status and rule.listed), ("", "")
        )

    def payment(self, code: str) -> Payment:
        """1C's words for a storefront's method; the storefront's own where the mapping has none."""
        return self.payments.get(code) or Payment(name=code)

    def delivery(self, code: str) -> Delivery:
        """As ``payment``."""
        return self.deliveries.get(code) or Delivery(name=code)

    def currency(self, code: str) -> str:
        """The base's name of a currency, by its ISO code."""
        return self.currencies.get(code, code)

    def iso(self, name: str) -> str:
        """The ISO code of a currency by the base's name; the name where the mapping has none."""
        return next((code for code, own in self.currencies.items() if normalised(own) == normalised(name)), name)

    def rate(self, label: str | None) -> Decimal:
        """VAT in per cent by a label, or a number written as text; else the default."""
        wanted = normalised((label or "").replace("%", ""))
        for name, rate in self.taxes.items():
            if wanted and normalised(name.replace("%", "")) == wanted:
                return rate
        digits = wanted.removeprefix("ндс")
        return Decimal(digits) if digits.isascii() and digits.isdigit() else self.default_tax

    def requisites_of(self, values: Mapping[str, str]) -> dict[str, str]:
        """Requisites of an order whose fields have these values; empty ones are left out."""
        rules: dict[str, Requisite | None] = {name: Requisite(field=key) for name, key in _REQUISITES.items()}
        found = {
            name: values.get(rule.field, "") or rule.value
            for name, rule in (rules | self.requisites).items()
            if rule is not None
        }
        return {name: value for name, value in found.items() if value}


def load(path: Path | None) -> OrdersMapping:
    """The mapping in this file, read once per process; the defaults without a file.

    Raises ``ConfigError``: E401 unknown key, E402 no readable YAML file, E406 wrong value; all with file and line.
    """
    return _loaded(path) if path else _defaults()


@lru_cache(maxsize=1)
def _defaults() -> OrdersMapping:
    return OrdersMapping()


@lru_cache(maxsize=16)
def _loaded(path: Path) -> OrdersMapping:
    return _checked(path, None)


@lru_cache(maxsize=256)
def parse(text: str, path: Path) -> OrdersMapping:
    """The mapping with this text, which ``path`` is only named for in messages. Raises ``ConfigError`` as ``load``."""
    return _checked(path, text)


def _checked(path: Path, text: str | None) -> OrdersMapping:
    inner = _words(path, text)
    if inner is not None:
        path, text = inner
    document = Document.read(path, OrdersMapping, _hint, text=text)
    for problem in document.problems:
        raise problem
    try:
        return OrdersMapping.model_validate(document.values)
    except ValidationError as error:
        found = error.errors()[0]
        parts = [str(part) for part in found["loc"] if not str(part).startswith(("function-", "constrained-"))]
        key = next(
            (name for n in range(len(parts), 0, -1) if (name := ".".join(parts[:n])) in document.lines), ".".join(parts)
        )
        place = document.lines.get(key, str(path))
        raise ConfigError("E406", key=".".join(parts), detail=f"{said(found)} ({place})") from error


def _words(path: Path, text: str | None) -> tuple[Path, str] | None:
    """Of a whole mapping (``syncd.mappings.language``): its ``words``, in the lines where they stand."""
    try:
        whole = path.read_text(encoding="utf-8") if text is None else text
        root = yaml.compose(whole, Loader=yaml.SafeLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None  # told with its place when it is read
    for key, value in root.value if isinstance(root, yaml.MappingNode) else ():
        if key.value == "words" and isinstance(value, yaml.MappingNode):
            start, end = value.start_mark, value.end_mark
            return path, "\n" * start.line + " " * start.column + whole[start.index : end.index]
    return None


def _hint(key: str, model: type[BaseModel]) -> str:
    word = key.rpartition(".")[2]
    near = difflib.get_close_matches(word, model.model_fields, 1)
    if near:
        return tr(f" Did you mean {near[0]}?", f" Возможно, {near[0]}?")
    known = ", ".join(model.model_fields)
    return tr(f" Known keys: {known}.", f" Известные ключи: {known}.")


def flat(values: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """Nested values as texts under dotted names: true and false as 1C writes them, nothing as an empty text."""
    texts = {True: "true", False: "false", None: ""}
    return {
        prefix + name: texts[value] if value is None or isinstance(value, bool) else str(value)
        for name, value in values.items()
    }
