"""A storefront changes its order: the newer full state goes to 1C once, and nothing 1C says meanwhile undoes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from lxml import etree

from syncd.emulator import session
from syncd.emulator.base import OrderBase
from syncd.emulator.client import StandardClient
from tests.api.site import ADDRESS, CHAIR, LOGIN, PASSWORD, OneC, Site, order_body


@pytest.fixture
def key(site: Site) -> str:
    return site.key()


def body(quantity: int = 2, **more: Any) -> dict[str, Any]:
    lines = [{"offer_id": CHAIR, "name": "Стул", "quantity": str(quantity), "price": "10.50"}]
    return order_body(None, lines=lines, **more)


def place(site: Site, key: str, number: str = "W-1", **more: Any) -> dict[str, Any]:
    response = site.order(key, f"key {number}", {**body(**more), "number": number})
    assert response.status_code == 201, response.text
    found: dict[str, Any] = response.json()
    return found


def put(site: Site, key: str, document: dict[str, Any], number: str = "W-1", **headers: str) -> httpx.Response:
    response: httpx.Response = site.http.put(
        f"/v1/orders/{number}", json=document,
        headers={"Authorization": f"Bearer {key}", **{name.replace("_", "-"): text for name, text in headers.items()}},
    )  # fmt: skip
    return response


def shown(site: Site, key: str, order: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = site.get(f"/v1/orders/{order['id']}", key).json()
    return found


def outbox(site: Site) -> list[tuple[int, str]]:
    rows = site.rows("SELECT revision_no, state FROM outbox WHERE kind = 'order' ORDER BY seq")
    return [(row["revision_no"], row["state"]) for row in rows]


def quantities(document: str) -> list[str]:
    root = etree.fromstring(document.encode("windows-1251"))
    return [str(found.text) for found in root.iterfind(".//Товар/Количество")]


def says(onec: OneC, quantity: int, *, status: str = "", number_1c: str = "УТ-1") -> str:
    """1C states the order with this quantity."""
    told = {"Номер по 1С": number_1c, **({"Статус заказа": status} if status else {})}
    rows = "".join(
        f"<ЗначениеРеквизита><Наименование>{name}</Наименование><Значение>{value}</Значение></ЗначениеРеквизита>"
        for name, value in told.items()
    )
    document = (
        "<КоммерческаяИнформация><Документ><Ид>g-1</Ид><Номер>W-1</Номер><ХозОперация>Заказ товара</ХозОперация>"
        f"<Товары><Товар><Ид>{CHAIR}</Ид><Наименование>Стул</Наименование><Количество>{quantity}</Количество>"
        f"<ЦенаЗаЕдиницу>10.50</ЦенаЗаЕдиницу><Сумма>{quantity * 10.5}</Сумма></Товар></Товары>"
        f"<ЗначенияРеквизитов>{rows}</ЗначенияРеквизитов></Документ></КоммерческаяИнформация>"
    )
    return onec.push("orders.xml", document.encode(), type_="sale")


def test_a_change_before_1c_asked_takes_the_place_of_the_first_state(site: Site, onec: OneC, key: str) -> None:
    order = place(site, key)
    changed = put(site, key, body(5))
    assert (changed.status_code, changed.headers["etag"], changed.json()["id"]) == (200, '"2"', order["id"])
    assert (changed.json()["revision"], changed.json()["amount"]) == (2, "52.50")
    assert outbox(site) == [(1, "superseded"), (2, "pending")]
    onec.checkauth("sale")
    assert quantities(onec.query()) == ["5"]
    assert onec.success() == "success"
    assert outbox(site) == [(1, "superseded"), (2, "acknowledged")]
    assert onec.site.count("sales_order") == 1


def test_the_same_state_again_changes_nothing(site: Site, key: str) -> None:
    place(site, key)
    for document in (body(2), {**body(2), "number": "W-1"}):
        again = put(site, key, document)
        assert (again.status_code, again.headers["idempotency-replayed"], again.json()["revision"]) == (200, "true", 1)
    put(site, key, body(3))
    assert put(site, key, body(3)).headers["idempotency-replayed"] == "true"
    assert [revision for revision, _ in outbox(site)] == [1, 2]
    assert site.order(key, "key W-1", {**body(2), "number": "W-1"}).status_code == 200, "the first request again"


def test_a_change_after_1c_was_given_the_order_goes_in_its_turn(site: Site, onec: OneC, key: str) -> None:
    order = place(site, key)
    onec.checkauth("sale")
    assert quantities(onec.query()) == ["2"]
    put(site, key, body(5))
    assert outbox(site) == [(1, "sent"), (2, "pending")]
    assert onec.success() == "success"
    assert shown(site, key, order)["delivery"]["state"] == "pending"
    onec.checkauth("sale")
    assert quantities(onec.query()) == ["5"]
    onec.success()
    assert outbox(site) == [(1, "acknowledged"), (2, "acknowledged")]
    onec.checkauth("sale")
    assert quantities(onec.query()) == []


def test_what_1c_said_before_it_had_the_change_does_not_undo_it(site: Site, onec: OneC, key: str) -> None:
    order = place(site, key)
    onec.checkauth("sale")
    onec.query()
    onec.success()
    put(site, key, body(5))
    assert says(onec, 2).startswith("success")
    found = shown(site, key, order)
    assert (found["lines"][0]["quantity"], found["amount"], found["number_1c"]) == ("5", "52.50", "УТ-1")
    assert found["change"] == {"revision": 2, "taken": None}
    onec.checkauth("sale")
    assert quantities(onec.query()) == ["5"]
    says(onec, 2, status="К выполнению")  # crossed: 1C has read the change and not confirmed it
    assert outbox(site)[-1] == (2, "sent"), "old lines are no sign that 1C has the change"
    onec.success()
    assert says(onec, 5, status="К выполнению").startswith("success")
    found = shown(site, key, order)
    assert (found["change"], found["lines"][0]["quantity"]) == ({"revision": 2, "taken": True}, "5")


def test_a_change_that_1c_does_not_take_is_shown(site: Site, onec: OneC, key: str) -> None:
    order = place(site, key)
    onec.checkauth("sale")
    onec.query()
    onec.success()
    says(onec, 2)
    put(site, key, body(5))
    onec.checkauth("sale")
    onec.query()
    onec.success()
    says(onec, 2)  # word for word what it said before
    found = shown(site, key, order)
    assert (found["change"], found["lines"][0]["quantity"]) == ({"revision": 2, "taken": False}, "2")
    assert site.codes() == ["E312"]
    says(onec, 2, status="К выполнению")
    assert site.codes() == ["E312"], "told once"
    again = put(site, key, body(5))
    assert ("idempotency-replayed" in again.headers, again.json()["revision"]) == (False, 3)
    onec.checkauth("sale")
    assert quantities(onec.query()) == ["5"]
    onec.success()
    says(onec, 5)
    assert shown(site, key, order)["change"] == {"revision": 3, "taken": True}


def test_the_document_of_1c_with_the_change_in_it_confirms_it(site: Site, onec: OneC, key: str) -> None:
    place(site, key)
    onec.checkauth("sale")
    onec.query()
    onec.success()
    put(site, key, body(5))
    onec.checkauth("sale")
    onec.query()
    says(onec, 5)
    assert outbox(site)[-1] == (2, "acknowledged")


@pytest.mark.parametrize(("status", "state"), [("Отменен", "cancelled"), ("Закрыт", "completed")])
def test_an_order_that_is_closed_in_1c_is_not_changed(
    site: Site, onec: OneC, key: str, status: str, state: str
) -> None:
    order = place(site, key)
    says(onec, 2, status=status)
    refused = put(site, key, body(5))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "E311")
    assert state in refused.json()["error"]["message"]
    found = shown(site, key, order)
    assert (found["revision"], found["lines"][0]["quantity"], found["status"]) == (1, "2", state)
    assert put(site, key, body(2)).status_code == 200, "the state it has is no change"


def test_only_an_own_order_is_changed_and_only_as_it_is_named(site: Site, onec: OneC, key: str) -> None:
    place(site, key)
    other = site.key("other")
    reader = site.key("shop", scopes=("read",))
    assert put(site, other, body(5)).status_code == 404
    assert put(site, key, body(5), number="W-2").status_code == 404
    assert put(site, reader, body(5)).status_code == 403
    assert put(site, key, {**body(5), "number": "W-9"}).json()["error"]["code"] == "E307"
    assert put(site, key, body(0)).status_code == 422
    assert [revision for revision, _ in outbox(site)] == [1]


def test_a_number_with_a_slash_is_found(site: Site, key: str) -> None:
    place(site, key, "A/1")
    assert put(site, key, body(5), number="A%2F1").json()["revision"] == 2
    assert put(site, key, body(6), number="A/1").json()["revision"] == 3


def test_a_change_of_a_state_that_is_no_longer_current_is_refused(site: Site, key: str) -> None:
    order = place(site, key)
    assert site.get(f"/v1/orders/{order['id']}", key).headers["etag"] == '"1"'
    assert put(site, key, body(3), if_match='"1"').status_code == 200
    refused = put(site, key, body(4), if_match='"1"')
    assert (refused.status_code, refused.json()["error"]["code"]) == (412, "E313")
    assert put(site, key, body(3), if_match='"1"').headers["idempotency-replayed"] == "true", "its answer was lost"
    assert put(site, key, body(4), if_match='W/"2"').json()["revision"] == 3
    assert put(site, key, body(5), if_match="*").json()["revision"] == 4
    assert put(site, key, body(6), if_match="latest").status_code == 422


def test_the_history_names_what_was_changed(site: Site, key: str) -> None:
    order = place(site, key)
    put(site, key, body(5, comment="скорее", delivery={"method": "post", "price": "300"}))
    last = shown(site, key, order)["history"][-1]
    assert (last["source"], last["status"]) == ("storefront", "new")
    assert last["detail"] == {"changed": ["comment", "delivery", "lines"], "revision": 2}
    put(site, key, body(5))
    found = shown(site, key, order)
    assert found["history"][-1]["detail"]["changed"] == ["comment", "delivery"]
    assert (found["requested"], found["amount"]) == ({"payment": None, "delivery": None}, "52.50")


def test_a_held_order_that_is_mended_goes_again(site: Site, onec: OneC, key: str) -> None:
    place(site, key)
    site.rows("UPDATE outbox SET state = 'held', error_code = 'E223' RETURNING 1 AS x")
    onec.checkauth("sale")
    assert quantities(onec.query()) == []
    put(site, key, body(3))
    onec.checkauth("sale")
    assert quantities(onec.query()) == ["3"]


def test_changes_at_the_same_moment_are_revisions_one_after_the_other(site: Site, key: str) -> None:
    order = place(site, key)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda n: put(site, key, body(n)), range(10, 16)))
    assert [answer.status_code for answer in answers] == [200] * 6
    assert shown(site, key, order)["revision"] == 7
    assert [state for _, state in outbox(site)] == ["superseded"] * 6 + ["pending"]


def test_the_emulated_1c_updates_its_document_and_makes_no_second(site: Site, key: str) -> None:
    order = place(site, key)
    base = OrderBase()
    client = StandardClient(
        f"http://testserver{ADDRESS}", LOGIN, PASSWORD, transport=site.http._transport, wait_for_import=False
    )
    with client:
        assert session.exchange_orders(client, base).confirmed
        put(site, key, body(5))
        assert session.exchange_orders(client, base).confirmed
        assert [line.quantity for line in base.order("W-1").lines] == [5]
        session.send_statuses(client, base)
        site.work()
    assert base.doubles() == {}
    assert shown(site, key, order)["delivery"]["state"] == "acknowledged"
