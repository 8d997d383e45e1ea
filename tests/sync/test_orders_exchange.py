"""Orders to 1C and back: what is offered, what counts as confirmed, and what 1C says about them afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from lxml import etree

from syncd.emulator import session
from syncd.emulator.base import OrderBase
from syncd.emulator.bitrix import BitrixModuleClient
from syncd.emulator.orders import OrderLine
from syncd.store import packages, uploads
from syncd.store.packages import Claim
from syncd.sync import imports
from tests.api.site import ADDRESS, CHAIR, LOGIN, PASSWORD, OneC, Site, order_body

DELIVERY = {"offer_id": "ORDER_DELIVERY", "name": "Доставка", "quantity": "1", "price": "300", "is_service": True}


@pytest.fixture
def key(site: Site) -> str:
    return site.key()


def place(site: Site, key: str, number: str, **more: Any) -> dict[str, Any]:
    response = site.order(key, f"key {number}", order_body(number, **more))
    assert response.status_code == 201
    found: dict[str, Any] = response.json()
    return found


def numbers(document: bytes) -> list[str]:
    """Numbers of the orders in an answer to query."""
    return [str(found.text) for found in etree.fromstring(document).iterfind(".//Документ/Номер")]


def asked(onec: OneC, extra: str = "") -> list[str]:
    return numbers(onec.ask(f"type=sale&mode=query{extra}").content)


def state(site: Site, key: str, order: dict[str, Any]) -> str:
    return str(site.get(f"/v1/orders/{order['id']}", key).json()["delivery"]["state"])


def bitrix(site: Site) -> BitrixModuleClient:
    return BitrixModuleClient(
        "http://testserver" + ADDRESS, LOGIN, PASSWORD, transport=site.http._transport, wait_for_import=False
    )


def test_orders_are_sent_when_asked_for_and_acknowledged_when_confirmed(site: Site, onec: OneC, key: str) -> None:
    order = place(site, key, "W-1")
    onec.checkauth("sale")
    assert asked(onec) == ["W-1"]
    assert state(site, key, order) == "sent"
    assert onec.ask("type=sale&mode=success").content == b"success"
    assert state(site, key, order) == "acknowledged"
    onec.checkauth("sale")
    assert asked(onec) == []


def test_a_client_whose_answer_was_lost_gets_the_same_orders_before_it_confirms(
    site: Site, onec: OneC, key: str
) -> None:
    order = place(site, key, "W-1")
    onec.checkauth("sale")
    assert asked(onec) == ["W-1"]
    assert asked(onec) == ["W-1"], "a proxy that repeats the request must not leave 1C with an empty answer to confirm"
    onec.ask("type=sale&mode=success")
    assert state(site, key, order) == "acknowledged"
    assert asked(onec) == []


@pytest.mark.parametrize("version", ["", "&version=3.1"])
def test_a_query_without_orders_is_a_root_without_children(onec: OneC, version: str) -> None:
    onec.checkauth("sale")
    onec.init("sale", version)
    body = onec.ask(f"type=sale&mode=query{version}").content
    assert body.startswith(b"<?xml")
    assert len(etree.fromstring(body)) == 0


def test_the_bitrix_module_asks_until_nothing_comes_and_one_success_closes_all(
    site: Site, onec: OneC, key: str
) -> None:
    for n in range(3):
        place(site, key, f"W-{n}")
    onec.checkauth("sale")
    onec.init("sale", "&version=3.1")
    first = onec.ask("type=sale&mode=query&version=3.1").content
    assert len(etree.fromstring(first).findall("Контейнер/Документ")) == 3
    assert asked(onec, "&version=3.1") == []
    assert asked(onec, "&version=3.1") == []
    onec.success()
    assert site.count("outbox", "state = 'acknowledged'") == 3


def test_the_standard_client_gets_no_containers_and_no_namespace(site: Site, onec: OneC, key: str) -> None:
    place(site, key, "W-1", comment="<&\"' ₽ 😀 қазақ")
    onec.checkauth("sale")
    response = onec.ask("type=sale&mode=query&orderIDfrom=7")
    assert response.headers["content-type"] == "application/xml; charset=windows-1251"
    assert response.content.startswith(b'<?xml version="1.0" encoding="windows-1251"?>')
    root = etree.fromstring(response.content)
    assert root.nsmap == {}
    assert root.find(".//Контейнер") is None
    assert root.findtext("Документ/Комментарий") == "<&\"' ₽ 😀 қазақ"


def test_without_success_the_next_session_is_offered_the_same_and_what_is_new(site: Site, onec: OneC, key: str) -> None:
    place(site, key, "W-1")
    onec.checkauth("sale")
    assert asked(onec) == ["W-1"]
    place(site, key, "W-2")
    onec.checkauth("sale")
    assert asked(onec) == ["W-1", "W-2"]
    onec.success()
    onec.checkauth("sale")
    assert asked(onec) == []


def test_an_order_made_between_query_and_success_is_not_confirmed(site: Site, onec: OneC, key: str) -> None:
    place(site, key, "W-1")
    onec.checkauth("sale")
    asked(onec)
    later = place(site, key, "W-2")
    onec.success()
    assert state(site, key, later) == "pending"
    onec.checkauth("sale")
    assert asked(onec) == ["W-2"]


def test_success_of_a_session_that_never_asked_confirms_nothing(site: Site, onec: OneC, key: str) -> None:
    order = place(site, key, "W-1")
    onec.checkauth("sale")
    asked(onec)
    onec.checkauth("sale")
    assert onec.success() == "success"
    assert state(site, key, order) == "sent"


def test_a_client_without_cookies_confirms_what_it_was_offered(site: Site, key: str) -> None:
    order = place(site, key, "W-1")
    onec = OneC(site)
    onec.checkauth("sale")
    onec.cookie = ""
    assert asked(onec) == ["W-1"]
    onec.success()
    assert state(site, key, order) == "acknowledged"


def test_orders_of_one_company_are_not_offered_to_another(site: Site, key: str) -> None:
    site.add_infobase(tenant="other")
    place(site, key, "W-1")
    other = OneC(site, address="/t/other/1c_exchange")
    other.checkauth("sale")
    assert asked(other) == []


def test_an_order_offered_to_one_infobase_is_not_given_to_another_too(site: Site, onec: OneC, key: str) -> None:
    site.add_infobase(name="second", login="second")
    place(site, key, "W-1")
    onec.checkauth("sale")
    assert asked(onec) == ["W-1"]
    second = OneC(site, login="second")
    second.checkauth("sale")
    assert asked(second) == []


def test_an_order_that_cannot_be_written_is_held_back_and_the_others_go(site: Site, onec: OneC, key: str) -> None:
    bad = place(site, key, "W-1", lines=[DELIVERY])
    place(site, key, "W-2")
    onec.checkauth("sale")
    assert asked(onec) == ["W-2"]
    onec.success()
    found = site.get(f"/v1/orders/{bad['id']}", key).json()["delivery"]
    assert found["state"] == "rejected"
    assert found["error"]["code"] == "E222"
    onec.checkauth("sale")
    assert asked(onec) == []


@pytest.mark.parametrize(
    "client_of", [lambda site: site.emulator(wait_for_import=False), bitrix], ids=["standard", "bitrix"]
)
def test_an_order_goes_to_1c_and_its_story_comes_back(site: Site, key: str, client_of: Callable[[Site], Any]) -> None:
    order = place(site, key, "W-1")
    base = OrderBase()
    client = client_of(site)
    report = session.exchange_orders(client, base)
    assert (report.created, report.confirmed, base.doubles()) == (1, True, {})
    assert session.exchange_orders(client, base).created == 0
    base.pay("W-1")
    send(site, client, base)
    found = site.get(f"/v1/orders/{order['id']}", key).json()
    assert (found["status"], found["paid"], found["number_1c"]) == ("confirmed", True, base.order("W-1").number_1c)
    assert found["lines"] == order["lines"]
    base.ship("W-1")
    send(site, client, base)
    base.change_lines("W-1", [OrderLine(CHAIR, "Стул", 5, 10, 50)])  # type: ignore[arg-type]
    send(site, client, base)
    found = site.get(f"/v1/orders/{order['id']}", key).json()
    assert (found["status"], found["shipped"]) == ("shipped", True)
    assert [line["quantity"] for line in found["lines"]] == ["5"]
    base.cancel("W-1")
    send(site, client, base)
    found = site.get(f"/v1/orders/{order['id']}", key).json()
    assert (found["status"], found["cancelled"]) == ("cancelled", True)
    assert [step["status"] for step in found["history"]][-1] == "cancelled"
    assert session.exchange_orders(client, base).created == 0, "what 1C said is not offered back to it"
    assert site.count("sales_order") == 1


def send(site: Site, client: Any, base: OrderBase) -> None:
    """1C pushes what changed and does not wait for the import; then the worker works."""
    assert base.changed()
    session.send_statuses(client, base)
    with site.ctx.db.transaction() as conn:
        from syncd.sync import receive

        receive.sweep(conn, tenant="default")
    assert {result.outcome for result in site.work()} == {"ok"}


def document(body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><КоммерческаяИнформация ВерсияСхемы="2.07" '
        f'ДатаФормирования="2026-11-20T10:00:00">{body}</КоммерческаяИнформация>'
    ).encode()


def order_document(requisites: dict[str, str], *, id_: str = "g-1", number: str = "W-1", more: str = "") -> bytes:
    values = "".join(
        f"<ЗначениеРеквизита><Наименование>{n}</Наименование><Значение>{v}</Значение></ЗначениеРеквизита>"
        for n, v in requisites.items()
    )
    return document(
        f"<Документ><Ид>{id_}</Ид><Номер>{number}</Номер><Дата>2026-11-20</Дата><ХозОперация>Заказ товара</ХозОперация>"
        f"<Роль>Продавец</Роль><Валюта>RUB</Валюта><Сумма>21</Сумма>{more}"
        f"<ЗначенияРеквизитов>{values}</ЗначенияРеквизитов></Документ>"
    )


@pytest.mark.parametrize(
    "names", [("Номер по 1С", "Дата по 1С"), ("Номер за 1С", "Дата за 1С")], ids=["russian", "ukrainian"]
)
def test_names_of_requisites_in_either_language(site: Site, onec: OneC, key: str, names: tuple[str, str]) -> None:
    order = place(site, key, "W-1")
    data = order_document({names[0]: "ТД-7", names[1]: "2026-11-20T12:00:00", "Проведен": "true"})
    assert onec.push("orders-1.xml", data, type_="sale").startswith("success")
    found = site.get(f"/v1/orders/{order['id']}", key).json()
    assert (found["number_1c"], found["date_1c"], found["posted"]) == ("ТД-7", "2026-11-20T09:00:00+00:00", True)


def test_a_counterparty_that_cannot_be_stored_costs_neither_the_order_nor_the_file(
    site: Site, onec: OneC, key: str
) -> None:
    order = place(site, key, "W-1")
    party = (
        f"<Контрагенты><Контрагент><Ид>{'я' * 4000}</Ид><Наименование>Ромашка</Наименование></Контрагент></Контрагенты>"
    )
    onec.push("orders-1.xml", order_document({"Номер по 1С": "ТД-7"}, more=party), type_="sale")
    assert site.get(f"/v1/orders/{order['id']}", key).json()["number_1c"] == "ТД-7"
    bad = site.row("SELECT code, entity FROM journal WHERE kind = 'record'")
    assert (bad["code"], bad["entity"]) == ("E215", "counterparty")


@pytest.mark.parametrize("name", ["Статус заказа", "СтатусЗаказа", "Статуса заказа ИД"])
def test_spellings_of_the_status(site: Site, onec: OneC, key: str, name: str) -> None:
    order = place(site, key, "W-1")
    onec.push("orders-1.xml", order_document({name: "В резерве"}), type_="sale")
    assert site.get(f"/v1/orders/{order['id']}", key).json()["status_1c"] == "В резерве"


def test_what_1c_does_not_state_keeps_its_value(site: Site, onec: OneC, key: str) -> None:
    order = place(site, key, "W-1")
    onec.push("orders-1.xml", order_document({"Номер по 1С": "ТД-7", "Отменен": "true"}), type_="sale")
    onec.push("orders-2.xml", order_document({"Проведен": "false"}), type_="sale")
    found = site.get(f"/v1/orders/{order['id']}", key).json()
    assert (found["number_1c"], found["cancelled"], found["posted"]) == ("ТД-7", True, False)
    assert found["lines"] == order["lines"]


def test_an_order_is_found_by_our_id_where_the_number_is_missing(site: Site, onec: OneC, key: str) -> None:
    order = place(site, key, "W-1")
    data = order_document({"Номер по 1С": "ТД-7"}, id_=order["id"], number="")
    onec.push("orders-1.xml", data, type_="sale")
    assert site.get(f"/v1/orders/{order['id']}", key).json()["number_1c"] == "ТД-7"
    assert site.count("sales_order") == 1


@pytest.mark.parametrize(
    ("id_", "number", "requisites"),
    [
        ("g-9", "", {"Номер по 1С": "ТД-9"}),
        ("g-9", "X-99", {}),
        ("", "X-99", {"Номер по 1С": "ТД-9"}),
    ],
)
def test_an_order_born_in_1c_is_one_order_however_often_it_comes(
    site: Site, onec: OneC, id_: str, number: str, requisites: dict[str, str]
) -> None:
    for n, status in enumerate(("Новый", "Новый", "В резерве")):
        data = order_document({**requisites, "Статус заказа": status}, id_=id_, number=number)
        assert onec.push(f"orders-{n}.xml", data, type_="sale").startswith("success")
    row = site.row("SELECT origin, status_1c FROM sales_order")
    assert (row["origin"], row["status_1c"]) == ("1c", "В резерве")
    assert site.count("sales_order") == 1
    onec.checkauth("sale")
    assert asked(onec) == []


def test_the_same_document_twice_changes_nothing(site: Site, onec: OneC, key: str) -> None:
    place(site, key, "W-1")
    data = order_document({"Номер по 1С": "ТД-7"})
    onec.push("orders-1.xml", data, type_="sale")
    before = site.row("SELECT revision, updated_at FROM sales_order")
    onec.push("orders-2.xml", data, type_="sale")
    assert site.row("SELECT revision, updated_at FROM sales_order") == before
    assert site.count("order_status") == 1


def claimed(site: Site, lane: str, data: bytes) -> Claim:
    """A package that a worker has begun."""
    with site.ctx.db.transaction() as conn:
        upload = uploads.store(conn, "default", "orders.xml", [data], type_="sale")
        packages.create(conn, "default", [packages.PackageFile("orders.xml", upload)], source="cli", lane=lane)
    claim = imports.claim_next(site.ctx)
    assert claim is not None
    return claim


def test_an_older_package_never_undoes_a_newer_one(site: Site, key: str) -> None:
    order = place(site, key, "W-1")
    older = claimed(site, "sale", order_document({"Статус заказа": "Новый", "Проведен": "false"}))
    newer = claimed(site, "catalog", order_document({"Статус заказа": "Отгружен", "Проведен": "true"}))
    assert older.seq < newer.seq
    assert imports.run(site.ctx, newer) is not None
    result = imports.run(site.ctx, older)
    assert result is not None
    assert result.counters["order"]["unchanged"] == 1
    found = site.get(f"/v1/orders/{order['id']}", key).json()
    assert (found["status_1c"], found["posted"]) == ("Отгружен", True)


@pytest.mark.parametrize("container", [False, True])
def test_payments_and_shipments_tell_their_order(site: Site, onec: OneC, key: str, container: bool) -> None:
    order = place(site, key, "W-1")
    parts = [
        f"<Документ><Ид>p-1</Ид><Номер>1</Номер><ХозОперация>{operation}</ХозОперация><Основание>{order['id']}</Основание>"
        f"<Сумма>21</Сумма><ЗначенияРеквизитов><ЗначениеРеквизита><Наименование>{name}</Наименование><Значение>true</Значение>"
        "</ЗначениеРеквизита></ЗначенияРеквизитов></Документ>"
        for operation, name in (("Выплата безналичных денег", "Оплачен"), ("Отпуск товара", "Отгружен"))
    ]
    body = "".join(parts)
    onec.push(
        "documents___1.xml", document(f"<Контейнер>{body}</Контейнер><Контейнер/>" if container else body), type_="sale"
    )
    found = site.get(f"/v1/orders/{order['id']}", key).json()
    assert (found["paid"], found["shipped"], found["status"]) == (True, True, "shipped")
    assert site.count("sales_order") == 1


def test_1c_that_shows_an_order_has_it_even_without_success(site: Site, onec: OneC, key: str) -> None:
    order = place(site, key, "W-1")
    onec.checkauth("sale")
    asked(onec)
    onec.push("orders-1.xml", order_document({"Номер по 1С": "ТД-7"}), type_="sale")
    assert state(site, key, order) == "acknowledged"
    onec.checkauth("sale")
    assert asked(onec) == []
