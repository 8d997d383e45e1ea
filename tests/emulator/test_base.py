from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from syncd.emulator.base import OrderBase
from syncd.emulator.orders import CHANGEABLE, OrderLine, TradeOrder
from tests.emulator.order_xml import BUYER, batch, line, order, requisite


def taken(*orders: str) -> TradeOrder:
    """The only order of a base that took these documents without an error."""
    base = OrderBase()
    result = base.take(batch(*orders))
    assert result.ok, result.refused
    assert len(base.orders) == 1
    return next(iter(base.orders.values()))


def refused(document: str) -> str:
    """Why УТ refuses this document."""
    base = OrderBase()
    result = base.take(batch(document))
    assert result.refused is not None
    assert base.orders == {}
    return result.refused.text("en")


def test_an_order_is_created_with_everything_it_says() -> None:
    stored = taken(order(requisites=requisite("Статус заказа", "Принят"), extra="<Комментарий>Позвонить</Комментарий>"))
    assert (stored.number, stored.site_id, stored.date, stored.time) == ("WEB-1", "site-1", "2024-01-31", "09:05:07")
    assert stored.number_1c == "ТДУТ-000001"
    assert stored.status == CHANGEABLE
    assert stored.site_status == "Принят"
    assert stored.comment == "Позвонить"
    assert stored.price_includes_vat
    assert stored.lines == [OrderLine("p-1", "Дрель", Decimal(2), Decimal("100.50"), Decimal("201.00"), Decimal(20))]
    assert stored.counterparty.name == "Иванов Иван"
    assert not stored.counterparty.legal
    assert not stored.posted


def test_an_order_with_a_known_number_is_updated_and_not_created_again() -> None:
    base = OrderBase()
    base.take(batch(order("WEB-1")))
    result = base.take(batch(order("WEB-1", lines=line(quantity="5", amount="502.50"))))
    assert result.updated == ["WEB-1"]
    assert base.order("WEB-1").total == Decimal("502.50")
    assert base.created["WEB-1"] == 1


def test_a_number_longer_than_eleven_is_never_found_again_and_doubles() -> None:
    base = OrderBase()
    for _ in range(3):
        base.take(batch(order("SHOP-0000012")))
    assert base.doubles() == {"SHOP-0000012": 3}


def test_a_number_of_eleven_is_found_again() -> None:
    base = OrderBase()
    for _ in range(3):
        base.take(batch(order("SHOP-000012")))
    assert base.doubles() == {}


def test_an_order_out_of_agreement_is_skipped_without_an_error() -> None:
    base = OrderBase()
    base.take(batch(order("WEB-1")))
    base.set_status("WEB-1", "К выполнению")
    result = base.take(batch(order("WEB-1", lines=line(quantity="9", amount="904.50"))))
    assert result.ok
    assert result.skipped == ["WEB-1"]
    assert base.order("WEB-1").total == Decimal("201.00")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (order(ident=""), "<Ид> is missing"),
        (order(number=""), "<Номер> is missing"),
        (order(currency=""), "<Валюта> is missing"),
        (order(operation="Отпуск товара"), "ХозОперация"),
        (order(buyer=""), "no Контрагент"),
        (order(buyer="<Контрагенты/>"), "no Контрагент"),
        (order(lines=line(rate="Без НДС")), "Число('Без НДС')"),
        (order(lines=line(rate="20%")), "Число('20%')"),
        (order(lines=line(quantity="1 000")), "Число('1 000')"),
        (order(lines=line(amount="201,00")), "Число('201,00')"),
        (order(lines=line(amount="")), "Число('')"),
        (order(extra="<Ид>again</Ид>"), "<Ид> occurs 2 times"),
        (order(extra="<Склады><Склад><Ид>w</Ид></Склад></Склады>"), "Адрес of the warehouse"),
    ],
)
def test_what_ut_throws_on_refuses_the_document(document: str, reason: str) -> None:
    assert reason in refused(document)


def test_a_whole_warehouse_is_taken_and_one_with_two_contacts_is_not() -> None:
    contact = "<Контакт><Тип>Почта</Тип><Значение>a@b</Значение></Контакт>"
    address = "<Адрес><АдресноеПоле><Тип>Улица</Тип><Значение>Ленина</Значение></АдресноеПоле></Адрес>"
    whole = f"<Склады><Склад><Ид>w</Ид>{address}<Контакты>{{}}</Контакты></Склад></Склады>"
    taken(order(extra=whole.format(contact)))
    assert "Контакты of the warehouse" in refused(order(extra=whole.format(contact * 2)))


def test_the_operation_is_compared_without_case() -> None:
    assert taken(order(operation="ЗАКАЗ ТОВАРА")).number == "WEB-1"


def test_one_bad_document_fails_the_batch_while_those_before_it_stay_written() -> None:
    base = OrderBase()
    documents = batch(order("WEB-1"), order("WEB-2", currency=""), order("WEB-3"))
    first = base.take(documents)
    again = base.take(documents)
    assert not first.ok
    assert first.created == ["WEB-1"]
    assert again.updated == ["WEB-1"]
    assert not again.ok
    assert base.doubles() == {}
    assert [stored.number for stored in base.orders.values()] == ["WEB-1"]


@pytest.mark.parametrize("time", ["9:05:07", "09:05", "", "25:00:00", "утром"])
def test_a_time_that_is_not_hh_mm_ss_makes_the_date_empty(time: str) -> None:
    base = OrderBase()
    result = base.take(batch(order(time=time)))
    assert base.order("WEB-1").date == "0001-01-01"
    assert any("0001-01-01" in remark for remark in result.remarks)


def test_an_empty_requisite_inherits_the_value_before_it() -> None:
    base = OrderBase()
    result = base.take(batch(order(requisites=requisite("Отменен", "true") + requisite("Метод оплаты", ""))))
    assert base.order("WEB-1").requisites == {"Отменен": "true", "Метод оплаты": "true"}
    assert len(result.remarks) == 1


def test_an_empty_cancel_mark_after_a_true_one_cancels_the_order() -> None:
    assert taken(order(requisites=requisite("Оплачено", "true") + requisite("Отменен", ""))).cancelled
    assert not taken(order(requisites=requisite("Оплачено", "true") + requisite("Отменен", "false"))).cancelled


def test_a_line_without_a_rate_inherits_the_rate_of_the_line_before_it() -> None:
    stored = taken(order(lines=line("p-1", rate="10") + line("p-2", rate=None) + line("p-3", rate="20")))
    assert [item.vat for item in stored.lines] == [Decimal(10), Decimal(10), Decimal(20)]


def test_lines_without_a_quantity_are_skipped() -> None:
    assert [item.product_id for item in taken(order(lines=line("p-1", "0") + line("p-2"))).lines] == ["p-2"]


def test_even_an_empty_official_name_makes_a_legal_entity() -> None:
    buyer = BUYER.replace("</Наименование>", "</Наименование><ОфициальноеНаименование/>")
    assert taken(order(buyer=buyer)).counterparty.legal


def test_contact_types_are_compared_without_spaces() -> None:
    contact = "<Контакты><Контакт><Тип>Телефон рабочий</Тип><Значение>+7 900</Значение></Контакт></Контакты>"
    stored = taken(order(buyer=BUYER.replace("</Контрагент>", f"{contact}</Контрагент>")))
    assert stored.counterparty.contacts == {"Телефонрабочий": "+7 900"}


def test_a_discount_of_the_document_is_spread_over_the_lines_to_the_kopeck() -> None:
    discount = "<Скидки><Скидка><Сумма>10.00</Сумма><УчтеноВСумме>false</УчтеноВСумме></Скидка></Скидки>"
    stored = taken(order(lines=line("p-1") + line("p-2") + line("p-3"), extra=discount))
    assert stored.total == Decimal("593.00")
    assert [item.amount for item in stored.lines] == [Decimal("197.67"), Decimal("197.67"), Decimal("197.66")]


def test_a_discount_that_is_inside_the_sums_changes_nothing() -> None:
    discount = "<Скидки><Скидка><Сумма>10.00</Сумма><УчтеноВСумме>true</УчтеноВСумме></Скидка></Скидки>"
    assert taken(order(extra=discount)).total == Decimal("201.00")


def test_documents_in_a_container_are_not_seen() -> None:
    base = OrderBase()
    result = base.take(batch(f"<Контейнер>{order()}</Контейнер>"))
    assert result.ok
    assert result.containers == 1
    assert base.orders == {}


@pytest.mark.parametrize("text", ["<a/>", "<КоммерческаяИнформация><Документ></КоммерческаяИнформация>", ""])
def test_what_is_no_exchange_document_refuses_the_batch(text: str) -> None:
    assert not OrderBase().take(text).ok


def test_a_namespace_on_the_root_refuses_the_batch() -> None:
    text = batch(order()).replace("<КоммерческаяИнформация", '<КоммерческаяИнформация xmlns="urn:1C.ru:commerceml_2"')
    assert not OrderBase().take(text).ok


def test_an_unknown_product_is_created_once_and_remembered() -> None:
    base = OrderBase(known={"p-1"})
    base.take(batch(order("WEB-1", lines=line("p-1") + line("p-9#v-1")), order("WEB-2", lines=line("p-9#v-2"))))
    assert base.products_created == {"p-9": "Дрель"}


def test_what_happens_in_1c_registers_the_order_and_only_the_sent_state_is_taken_off() -> None:
    base = OrderBase()
    base.take(batch(order("WEB-1"), order("WEB-2")))
    base.exported([(stored.guid, stored.changes) for stored in base.changed()])
    assert base.changed() == []
    base.pay("WEB-1")
    sent = [(stored.guid, stored.changes) for stored in base.changed()]
    base.ship("WEB-1")
    base.exported(sent)
    assert [stored.number for stored in base.changed()] == ["WEB-1"]
    assert base.changed(exclude={"WEB-1"}) == []


def test_people_in_1c_pay_ship_cancel_and_change_orders() -> None:
    base = OrderBase()
    base.take(batch(order("WEB-1"), order("WEB-2"), order("WEB-3")))
    paid = base.pay("WEB-1", Decimal(50))
    assert (paid.paid, paid.posted) == (Decimal(50), True)
    assert base.pay("WEB-1").paid == Decimal("201.00")
    assert base.ship("WEB-1").shipped
    assert base.cancel("WEB-2").cancelled
    kept = [OrderLine("p-1", "Дрель", Decimal(1), Decimal(5), Decimal(5))]
    assert base.change_lines("WEB-3", kept).total == Decimal(5)
    assert base.mark_deleted("WEB-3").deletion_mark
    with pytest.raises(KeyError):
        base.pay("WEB-4")


def test_a_base_continues_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.json"
    base = OrderBase.load(path, clock=lambda: datetime(2024, 2, 1, 8, 0, tzinfo=UTC))
    base.take(batch(order("WEB-1"), order("SHOP-0000012")))
    base.pay("WEB-1")
    base.ship("WEB-1")
    base.save(path)
    again = OrderBase.load(path)
    assert again.orders == base.orders
    assert again.created == base.created
    assert again.take(batch(order("WEB-1"))).updated == ["WEB-1"]
    again.take(batch(order("WEB-5"), order("SHOP-0000012")))
    assert again.order("WEB-5").number_1c == "ТДУТ-000003"
    assert again.doubles() == {"SHOP-0000012": 2}


def test_a_thousand_orders_are_taken_in_linear_time() -> None:
    base = OrderBase()
    orders = batch(*(order(f"W-{number}") for number in range(1000)))
    assert len(base.take(orders).created) == 1000
    assert len(base.take(orders).updated) == 1000
    assert len({stored.guid for stored in base.orders.values()}) == 1000
