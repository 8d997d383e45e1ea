"""The orders mapping: what a 1C developer may write in it, and what becomes of an order by it."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from syncd.commerceml.orders import BITRIX, STANDARD, Dialect, write_orders
from syncd.commerceml.reader import Reader
from syncd.emulator.answers import without_declaration
from syncd.emulator.base import OrderBase
from syncd.errors import ConfigError
from syncd.mappings.orders import FIELDS, OrdersMapping, load
from syncd.model.records import OrderDocument
from syncd.store.access import Infobase
from syncd.sync.orders_out import to_document

SHIPPED = Path(__file__).resolve().parents[2] / "config" / "mappings" / "orders.yaml"
BASE = Infobase("default", UUID(int=1), "trade", "1c", "auto", "Europe/Moscow")
SERVICE = "9e1c7a52-1f0b-11ee-9d3a-00155d0a1b02"
MOMENT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def mapping(text: str, tmp_path: Path) -> OrdersMapping:
    path = tmp_path / f"{abs(hash(text))}.yaml"
    path.write_text(text, encoding="utf-8")
    return load(path)


def test_the_shipped_file_is_the_default() -> None:
    assert load(SHIPPED) == load(None)


def test_every_example_in_the_shipped_file_is_valid(tmp_path: Path) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    for empty in ("payments: {}", "deliveries: {}", "taxes: {}", "currencies: {}", "requisites: {}"):
        text = text.replace(empty, empty.removesuffix(" {}"))
    found = mapping(text.replace("\n#  ", "\n  "), tmp_path)
    assert found.payment("card").id == "2"
    assert found.delivery("courier").service
    assert found.rate("Без НДС") == 0
    assert found.currency("RUB") == "руб"
    assert "Комментарий к доставке" not in found.requisites_of({"delivery.comment": "x"})


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("statuse:\n  a: new\n", "E401", ":1:1: unknown key 'statuse'. Did you mean statuses?"),
        ("payments:\n  a: {name: x, idd: 5}\n", "E401", ":2:16: unknown key 'payments.a.idd'. Did you mean id?"),
        ("payments:\n  a: x\n  a: y\n", "E402", "line 3: a is given twice"),
        ("statuses:\n  a: newest\n", "E406", "one of 'new', 'confirmed', 'shipped', 'completed' or 'cancelled'"),
        ("requisites:\n  Адрес: delivry.address\n", "E406", "did you mean delivery.address?"),
        ("taxes:\n  НДС: many\n", "E406", "a number is needed"),
        ("default_tax: 120\n", "E406", "default_tax"),
        ("payments: [a]\n", "E406", "payments"),
        ("payments:\n  a: {}\n", "E406", "it is missing"),
        ("a: [\n", "E402", "not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, code: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        mapping(text, tmp_path)
    assert caught.value.code == code
    assert said in caught.value.text("en")
    assert ".yaml" in caught.value.text("ru")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="E402"):
        load(tmp_path / "none.yaml")


def test_codes_are_texts_as_they_are_written(tmp_path: Path) -> None:
    found = mapping("payments:\n  1: {name: 5, id: 007}\nstatuses:\n  no: {means: new, id: 010}\n", tmp_path)
    assert (found.payment("1").name, found.payment("1").id) == ("5", "007")
    assert found.status("010") == "new"
    assert found.status("NO") == "new"


def test_a_status_is_known_by_text_or_id_and_an_unknown_one_means_nothing(tmp_path: Path) -> None:
    found = mapping("statuses:\n  В работе: {means: confirmed, id: P}\n  Готов: completed\n", tmp_path)
    assert [found.status(text) for text in ("в  работе", "P", "Готов", "Иное", "", None)] == [
        "confirmed", "confirmed", "completed", None, None, None,
    ]  # fmt: skip


def order(**more: Any) -> dict[str, Any]:
    line = {
        "offer_id": "p1", "name": "Стул", "sku": "", "unit": "796", "quantity": "2", "price": "10.50",
        "amount": "21.00", "is_service": False,
    }  # fmt: skip
    return {
        "id": UUID(int=7), "number": "W-1", "exchange_number": "W-1", "storefront": "shop", "currency": "RUB",
        "amount": Decimal("21.00"), "status": "new", "comment": "", "cancelled": None, "created_at": MOMENT,
        "customer": {"name": "Иванов", "type": "person"}, "lines": [line], "requisites": {}, "extra": None, **more,
    }  # fmt: skip


def test_payment_delivery_and_currency_are_written_in_the_words_of_the_base(tmp_path: Path) -> None:
    words = mapping(
        f"payments:\n  card: {{name: Банковская карта, id: '2', kind: Безналичная}}\ncurrencies:\n  RUB: руб\n"
        f"deliveries:\n  courier: {{name: Курьер, id: '7', service: {SERVICE}, tax: Общая}}\ntaxes:\n  Общая: 20\n"
        "requisites:\n  Организация: {value: Ромашка}\n  Телефон: customer.phone\n  Стоимость доставки: null\n",
        tmp_path,
    )
    extra = {
        "payment": {"method": "card", "paid": True},
        "delivery": {"method": "courier", "address": "Мира, 1", "price": "300.00"},
    }
    found = to_document(order(extra=extra), BASE, {}, words, STANDARD)
    assert found.currency == "руб"
    assert found.amount == Decimal("321.00")
    assert found.lines is not None
    last = found.lines[-1]
    assert (last.product_id, last.name, last.amount, last.is_service) == (SERVICE, "Курьер", Decimal("300.00"), True)
    assert last.tax_rate == 20
    assert found.requisites == {
        "Номер на сайте": "W-1", "Метод оплаты": "Банковская карта", "Метод оплаты ИД": "2",
        "Тип оплаты": "Безналичная", "Заказ оплачен": "true", "Способ доставки": "Курьер", "Метод доставки ИД": "7",
        "Адрес доставки": "Мира, 1", "Организация": "Ромашка",
    }  # fmt: skip


@pytest.mark.parametrize(("dialect", "lines"), [(STANDARD, ["p1"]), (BITRIX, ["p1", "ORDER_DELIVERY"])])
def test_a_delivery_without_a_service_is_a_line_for_the_module_only(dialect: Dialect, lines: list[str]) -> None:
    extra = {"delivery": {"method": "courier", "price": "300.00"}}
    found = to_document(order(extra=extra), BASE, {}, load(None), dialect)
    assert [line.product_id for line in found.lines or ()] == lines
    assert found.amount == sum(line.amount for line in found.lines or ())
    assert found.requisites["Стоимость доставки"] == "300.00"
    assert found.requisites["Способ доставки"] == "courier"


def test_what_the_storefront_says_stands_above_the_mapping() -> None:
    extra = {"delivery": {"method": "courier", "address": "Мира, 1"}}
    found = to_document(order(extra=extra, requisites={"адрес  доставки": "Иной"}), BASE, {}, load(None), STANDARD)
    assert "Адрес доставки" not in found.requisites
    assert found.requisites["адрес  доставки"] == "Иной"


@pytest.mark.parametrize(("label", "rate"), [("Общая", 22), ("20%", 20), ("НДС10", 10), ("Без НДС", 5), (None, 5)])
def test_every_label_of_a_tax_becomes_a_number(label: str | None, rate: int) -> None:
    words = OrdersMapping(taxes={"общая": Decimal(22)}, default_tax=Decimal(5))
    goods = {"p1": {"name": "Стул", "sku": "", "unit": "", "tax_rate": None, "tax_label": label}}
    found = to_document(order(), BASE, goods, words, STANDARD)
    assert found.lines is not None
    assert found.lines[0].tax_rate == rate


TEXT = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), blacklist_characters="\ufffe\uffff"),
    min_size=1,
    max_size=12,
).map(lambda text: "я" + text)
CODES = st.sampled_from(["card", "cash", "courier", "post"])
NAMES = st.sampled_from(["Организация", "Склад", "Телефон", "Метод оплаты", "Канал", "Стоимость доставки"])


@st.composite
def mappings(draw: st.DrawFn) -> OrdersMapping:
    field = st.fixed_dictionaries({"field": st.sampled_from(FIELDS)})
    return OrdersMapping.model_validate(
        {
            "payments": draw(st.dictionaries(CODES, st.fixed_dictionaries({"name": TEXT, "id": TEXT}), max_size=3)),
            "deliveries": draw(
                st.dictionaries(
                    CODES, st.fixed_dictionaries({"name": TEXT, "service": st.sampled_from(["", SERVICE])}), max_size=3
                )
            ),
            "delivery_as": draw(st.sampled_from(["line", "requisites"])),
            "default_tax": draw(st.sampled_from([0, 10, 20])),
            "currencies": draw(st.dictionaries(st.just("RUB"), st.sampled_from(["руб", "RUR", "643"]), max_size=1)),
            "requisites": draw(
                st.dictionaries(NAMES, st.one_of(st.none(), field, st.fixed_dictionaries({"value": TEXT})), max_size=4)
            ),
        }
    )


@st.composite
def orders(draw: st.DrawFn) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if draw(st.booleans()):
        extra["payment"] = {"method": draw(CODES), "paid": draw(st.booleans())}
    if draw(st.booleans()):
        price = draw(st.decimals(min_value=0, max_value=99999, places=2))
        extra["delivery"] = {"method": draw(CODES), "price": format(price, ".2f"), "address": draw(TEXT)}
    return order(
        extra=extra or None,
        comment=draw(st.one_of(st.just(""), TEXT)),
        cancelled=draw(st.sampled_from([None, False, True])),
        requisites=draw(st.dictionaries(NAMES, TEXT, max_size=2)),
        customer={"name": draw(TEXT), "type": draw(st.sampled_from(["person", "legal"])), "phone": "+7 900"},
    )


@pytest.mark.parametrize("dialect", [STANDARD, BITRIX], ids=lambda dialect: dialect.name)
@settings(max_examples=80, deadline=None)
@given(words=mappings(), row=orders())
def test_any_mapped_order_is_read_back_equal_and_accepted_by_1c(
    dialect: Dialect, words: OrdersMapping, row: dict[str, Any]
) -> None:
    document = to_document(row, BASE, {}, words, dialect)
    data = write_orders([document], dialect=dialect, generated_at=datetime(2026, 11, 20, 10, 0))  # noqa: DTZ001 - 1C's
    (found,) = [item for item in Reader([data]) if isinstance(item, OrderDocument)]
    told = {name: value for name, value in found.requisites.items() if name != "Отменен"}
    assert told == document.requisites
    assert (found.number, found.currency, found.amount) == (document.number, "RUB", document.amount)
    assert [
        (line.product_id, line.name, line.quantity, line.amount, line.is_service) for line in found.lines or ()
    ] == [(line.product_id, line.name, line.quantity, line.amount, line.is_service) for line in document.lines or ()]
    assert all(line.tax_rate is not None for line in found.lines or ())
    base = OrderBase()
    taken = base.take(without_declaration(data.decode(dialect.encoding)), containers=dialect.container)
    assert (taken.ok, taken.created, taken.remarks) == (True, ["W-1"], [])
    assert base.order("W-1").currency == document.currency
    assert base.order("W-1").total == document.amount
    assert base.order("W-1").cancelled == bool(row["cancelled"])


@pytest.mark.parametrize(
    "text",
    [
        "extends: ut11\nwords:\n  statuses:\n    Новый: new\n  delivery_as: requisites\nproducts:\n  fields: {}\n",
        "words: {statuses: {Новый: new}, delivery_as: requisites}\n",
    ],
)
def test_the_words_of_a_whole_mapping_are_an_orders_mapping(tmp_path: Path, text: str) -> None:
    path = tmp_path / "trade.yaml"
    path.write_text(text, encoding="utf-8")
    found = load(path)
    assert (found.status("новый"), found.delivery_as) == ("new", "requisites")


def test_a_slip_in_the_words_of_a_whole_mapping_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "trade.yaml"
    path.write_text("extends: ut11\nwords:\n  statusess: {}\n", encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert (caught.value.code, caught.value.params["line"], caught.value.params["column"]) == ("E401", 3, 3)
