"""Orders arrive in 1C once and whole, whatever breaks on the way. Against the emulated base."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from syncd.adapters.odata import describe, orders
from syncd.adapters.odata.locks import advisory
from syncd.adapters.odata.markers import Marker
from syncd.adapters.odata.target import OrdersTarget
from syncd.adapters.ports import Target
from syncd.emulator.odata import Fault, OdataBase
from syncd.errors import MappingError, Refused, RemoteError, TransportError, UnknownOutcome
from syncd.store.db import Database
from tests.adapters.odata import trade
from tests.adapters.odata.trade import ORDERS, RULES, connected, delivery, engine, live, order, target

HARMLESS = (
    Fault.DROP_BEFORE, Fault.DROP_AFTER_COMMIT, Fault.TIMEOUT_AFTER_COMMIT, Fault.CUT, Fault.LOCK, Fault.BLOCKED,
    Fault.POOL, Fault.LICENCE, Fault.CRASH, Fault.LOGIN_PAGE, Fault.MAINTENANCE, Fault.UNAUTHORIZED, Fault.NOT_FOUND,
    Fault.BAD_GATEWAY, Fault.UNAVAILABLE,
)  # fmt: skip
"""What passes by itself: an order must get through all of these without a person."""


def test_an_order_becomes_one_posted_document_with_all_it_was_sent_with(base: OdataBase) -> None:
    message = delivery(order(base))
    to: Target = target(base)
    receipt = to.deliver(message)
    to.close()
    [document] = live(base, message.marker)
    assert receipt.confirmed
    assert (receipt.ref, receipt.number) == (document["Ref_Key"], document["Number"])
    assert receipt.posted is True
    assert receipt.date is not None
    assert receipt.date.isoformat() == "2026-11-21T00:30:00+03:00"  # Moscow's midnight passed, UTC's did not
    assert document["Date"] == "2026-11-21T00:30:00"
    assert document["Posted"] is True
    assert document["Комментарий"] == "Позвонить О'Нилу до 18:00"
    assert [Decimal(str(line["Количество"])) for line in document["Товары"]] == [Decimal(3), Decimal("1.5")]
    assert [line["LineNumber"] for line in document["Товары"]] == ["1", "2"]
    assert base.movements("AccumulationRegister_ЗаказыКлиентов", document["Ref_Key"])
    assert base.ignored == []


def test_a_new_customer_is_made_once_and_before_the_order(base: OdataBase) -> None:
    before = len(base.rows("Catalog_Контрагенты"))
    to = target(base)
    for number in (1, 2):
        to.deliver(delivery(order(base, number)))
    made = [row for row in base.rows("Catalog_Контрагенты") if row["ИНН"] == "7707083893"]
    assert len(base.rows("Catalog_Контрагенты")) == before + 1
    partner = base.get("Catalog_Партнеры", str(made[0]["Партнер_Key"]))
    assert partner is not None
    assert partner["Description"] == "ООО «Ромашка»"
    documents = base.documents("ЗаказКлиента")[-2:]
    assert {row["Контрагент_Key"] for row in documents} == {made[0]["Ref_Key"]}
    posts = [each.path for each in base.requests if each.method == "POST"]
    assert [path.partition("(")[0] for path in posts[:3]] == ["Catalog_Партнеры", "Catalog_Контрагенты", ORDERS]


def test_a_customer_that_is_there_is_found_by_the_taxpayer_number(base: OdataBase) -> None:
    known = next(row for row in base.rows("Catalog_Контрагенты") if row["ИНН"])
    customer = {"name": "Как-то иначе", "inn": known["ИНН"], "kpp": ""}
    message = delivery(order(base, customer=customer))
    target(base).deliver(message)
    assert live(base, message.marker)[0]["Контрагент_Key"] == known["Ref_Key"]


def test_an_order_that_was_delivered_is_not_delivered_again(base: OdataBase) -> None:
    message = delivery(order(base))
    to = target(base)
    first, second = to.deliver(message), to.deliver(message)
    assert first.ref == second.ref
    assert len(live(base, message.marker)) == 1


def test_a_look_up_before_and_after(base: OdataBase) -> None:
    message = delivery(order(base))
    to = target(base)
    assert to.look_up(message) is None
    receipt = to.deliver(message)
    found = to.look_up(message)
    assert found is not None
    assert (found.ref, found.number, found.posted) == (receipt.ref, receipt.number, True)


@pytest.mark.parametrize("fault", HARMLESS, ids=lambda fault: fault.value)
def test_one_document_whatever_strikes_whichever_request(base: OdataBase, fault: Fault) -> None:
    """A delivery takes some twenty requests; each of them is struck once, in an order of its own."""
    to = target(base)
    engine(to, delivery(order(base, 0)))
    asked = len(base.requests)
    engine(to, delivery(order(base, 1, customer={"name": "ООО «Новый»", "inn": "7701234567", "kpp": "1"})))
    steps = len(base.requests) - asked
    assert steps > 8
    for step in range(steps):
        name, inn = f"ООО «Клиент {step}»", f"78{step:08d}"
        message = delivery(order(base, 100 + step, customer={"name": name, "inn": inn, "kpp": "1"}))
        base.fail_next(fault, after=step)
        receipt = engine(to, message)
        [document] = live(base, message.marker)
        assert (receipt.ref, receipt.posted) == (document["Ref_Key"], True)
        assert document["Posted"] is True
        assert len(document["Товары"]) == 2
        assert len([row for row in base.rows("Catalog_Контрагенты") if row["ИНН"] == inn]) == 1
        assert len([row for row in base.rows("Catalog_Партнеры") if row["Description"] == name]) == 1
    to.close()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_orders_get_through_a_base_that_fails_every_third_request(seed: int) -> None:
    with OdataBase(preset="ut11", seed=1, size=12).running() as base:
        to = target(base)
        messages = [delivery(order(base, number)) for number in range(8)]
        base.faults.rate, base.faults.seed = 0.3, seed
        base.faults.among = [fault for fault in HARMLESS if fault is not Fault.DROP_BEFORE]
        for message in messages:
            engine(to, message, attempts=200)
        base.faults.rate = 0
        for message in messages:
            [document] = live(base, message.marker)
            assert document["Posted"] is True
        to.close()


def test_a_handler_that_throws_means_that_nothing_was_written(base: OdataBase) -> None:
    message = delivery(order(base))
    base.fail_next(Fault.HANDLER, method="POST", resource=ORDERS)
    to = target(base)
    with pytest.raises(RemoteError, match="E815"):
        to.deliver(message)
    assert live(base, message.marker) == []
    assert to.deliver(message).posted


def test_a_wrong_password_costs_an_order_nothing(base: OdataBase) -> None:
    base.fail_next(Fault.UNAUTHORIZED)
    with pytest.raises(TransportError, match="E813"):
        target(base).deliver(delivery(order(base)))


def test_an_answer_that_is_lost_after_the_commit_is_unknown_and_then_found(base: OdataBase) -> None:
    message = delivery(order(base))
    to = target(base, replace(RULES, posting="no"))
    base.fail_next(Fault.DROP_AFTER_COMMIT, method="POST", resource=ORDERS)
    with pytest.raises(UnknownOutcome, match="E827"):
        to.deliver(message)
    found = to.look_up(message)
    assert found is not None
    assert found.ref == live(base, message.marker)[0]["Ref_Key"]


# --- the mark ---


@pytest.mark.parametrize(
    ("marker", "code"),
    [
        (Marker(ORDERS, "НетТакогоРеквизита"), "E828"),
        (Marker(ORDERS, "СуммаДокумента"), "E828"),
        (Marker("Document_НетТакого", "Номер"), "E834"),
    ],
)
def test_without_a_field_for_the_mark_nothing_is_ever_written(base: OdataBase, marker: Marker, code: str) -> None:
    metadata = describe.metadata(connected(base))
    before = len(base.documents("ЗаказКлиента"))
    to = OrdersTarget(connected(base), replace(RULES, marker=marker), metadata=lambda: metadata)
    with pytest.raises(TransportError, match=code):  # the order waits for the administrator
        to.deliver(delivery(order(base)))
    assert [each for each in base.requests if each.method != "GET"] == []
    assert len(base.documents("ЗаказКлиента")) == before


def test_without_metadata_the_field_is_looked_for_by_a_read(base: OdataBase) -> None:
    to = target(base, replace(RULES, marker=Marker(ORDERS, "НетТакогоРеквизита")))
    with pytest.raises(TransportError, match="E828"):
        to.deliver(delivery(order(base)))
    assert [each for each in base.requests if each.method != "GET"] == []


def test_a_mark_that_1c_cuts_is_found_all_the_same(base: OdataBase) -> None:
    short = Marker("Document_ЗаказКлиента", "НомерПоДаннымКлиента")
    message = delivery(order(base))
    to = target(base, replace(RULES, marker=short, posting="no"))
    receipt = to.deliver(message)
    assert receipt.ref
    base.change(ORDERS, receipt.ref, {"НомерПоДаннымКлиента": message.marker[:30]})
    assert to.deliver(message).ref == receipt.ref


def test_a_document_whose_mark_1c_clears_is_taken_back_and_never_made_again_and_again(base: OdataBase) -> None:
    class Clears:
        def __init__(self, rules: Any) -> None:
            self.rules = rules

        def before_write(self, entity_set: Any, row: dict[str, Any], *, new: bool) -> None:
            self.rules.before_write(entity_set, row, new=new)
            if entity_set.name == ORDERS:
                row["НомерПоДаннымКлиента"] = ""

        def movements(self, entity_set: Any, row: dict[str, Any]) -> Any:
            return self.rules.movements(entity_set, row)

    writer = base._writer
    writer.rules = Clears(writer.rules)
    before = len(base.documents("ЗаказКлиента"))
    with pytest.raises(Refused, match="E845"):
        target(base).deliver(delivery(order(base)))
    made = base.documents("ЗаказКлиента")[before:]
    assert [row["DeletionMark"] for row in made] == [True]


def test_an_additional_requisite_can_keep_the_mark(base: OdataBase) -> None:
    requisite = UUID(int=77)
    marker = Marker(ORDERS, "ДополнительныеРеквизиты", requisite)
    to = OrdersTarget(
        connected(base), replace(RULES, marker=marker), metadata=lambda: describe.metadata(connected(base))
    )
    message = delivery(order(base))
    before = len(base.documents("ЗаказКлиента"))
    base.fail_next(Fault.DROP_AFTER_COMMIT, method="POST", resource=ORDERS)
    receipt = engine(to, message)
    made = base.documents("ЗаказКлиента")[before:]
    assert [row["Ref_Key"] for row in made] == [receipt.ref]
    assert to.deliver(message).ref == receipt.ref
    assert engine(to, delivery(order(base, 2))).ref != receipt.ref


def test_the_mark_is_the_same_at_every_attempt(base: OdataBase) -> None:
    to = target(base)
    one, two = to.deliver(delivery(order(base), attempt=1)), to.deliver(delivery(order(base), attempt=7))
    assert one.ref == two.ref


# --- what 1C keeps ---


def test_a_field_that_1c_does_not_have_fails_the_order_instead_of_vanishing(base: OdataBase) -> None:
    def wrong(body: orders.Order, refs: orders.Refs) -> Mapping[str, Any]:
        return {**trade.build(body, refs), "НетТакого": "важное"}

    message = delivery(order(base))
    with pytest.raises(Refused, match="НетТакого") as refused:
        target(base, replace(RULES, build=wrong)).deliver(message)
    assert refused.value.code == "E830"
    assert live(base, message.marker)[0]["Posted"] is False


def test_a_text_that_1c_cuts_fails_the_order(base: OdataBase) -> None:
    def long(body: orders.Order, refs: orders.Refs) -> Mapping[str, Any]:
        return {**trade.build(body, refs), "НазначениеПлатежа": "x" * 500}

    with pytest.raises(Refused, match="E830"):
        target(base, replace(RULES, build=long)).deliver(delivery(order(base)))


def test_a_field_that_1c_writes_its_own_way_is_reported_and_no_failure(base: OdataBase) -> None:
    def other(body: orders.Order, refs: orders.Refs) -> Mapping[str, Any]:
        return {**trade.build(body, refs), "СуммаДокумента": Decimal("999.99")}

    receipt = target(base, replace(RULES, build=other)).deliver(delivery(order(base)))
    assert receipt.posted
    assert any("СуммаДокумента" in each for each in receipt.answer["changed"])


def test_a_product_that_1c_does_not_have_is_no_broken_link_in_a_document(base: OdataBase) -> None:
    body = order(base)
    body["lines"][1]["offer_id"] = str(UUID(int=7))
    with pytest.raises(Refused, match="E839"):
        target(base).deliver(delivery(body))
    assert [each for each in base.requests if each.method != "GET"] == []


def test_a_customer_that_must_not_be_made_is_asked_for(base: OdataBase) -> None:
    strict = tuple(replace(step, make=lambda _order, _refs: None) for step in RULES.references)
    with pytest.raises(Refused, match="ООО «Ромашка»") as refused:
        target(base, replace(RULES, references=strict)).deliver(delivery(order(base)))
    assert refused.value.code == "E839"


def test_rules_that_stumble_over_an_order_are_the_1c_developers(base: OdataBase) -> None:
    body = order(base)
    del body["warehouse"]
    with pytest.raises(MappingError, match="E846"):
        target(base).deliver(delivery(body))


def test_the_flag_of_posting_is_never_written_by_hand(base: OdataBase) -> None:
    def flagged(body: orders.Order, refs: orders.Refs) -> Mapping[str, Any]:
        return {**trade.build(body, refs), "Posted": True}

    message = delivery(order(base))
    target(base, replace(RULES, build=flagged, posting="no")).deliver(message)
    assert live(base, message.marker)[0]["Posted"] is False


# --- posting ---


def test_a_document_that_stands_unposted_is_posted_and_not_made_again(base: OdataBase) -> None:
    message = delivery(order(base))
    to = target(base)
    base.fail_next(Fault.HANDLER, method="POST", resource=f"{ORDERS}(")
    with pytest.raises(RemoteError, match="E815"):
        to.deliver(message)
    [document] = live(base, message.marker)
    assert document["Posted"] is False
    assert to.look_up(message) is None  # something is left to do
    assert to.deliver(message).ref == document["Ref_Key"]
    assert live(base, message.marker)[0]["Posted"] is True


def test_posting_that_1c_does_not_allow_is_told_where_it_may_stay_so(base: OdataBase) -> None:
    base.fail_next(Fault.HANDLER, method="POST", resource=f"{ORDERS}(")
    receipt = target(base, replace(RULES, posting="try")).deliver(delivery(order(base)))
    assert receipt.posted is False
    assert "E815" in receipt.answer["unposted"]


def test_post_is_asked_for_with_post_and_with_an_early_date_in_mind(base: OdataBase) -> None:
    target(base).deliver(delivery(order(base)))
    posting = [each for each in base.requests if "/Post" in each.path]
    assert [each.method for each in posting] == ["POST"]


# --- people and others in 1C ---


def test_a_document_that_was_marked_for_deletion_is_not_revived(base: OdataBase) -> None:
    message = delivery(order(base))
    to = target(base)
    receipt = to.deliver(message)
    assert receipt.ref
    base.unpost(ORDERS, receipt.ref)
    base.change(ORDERS, receipt.ref, {"DeletionMark": True})
    with pytest.raises(Refused, match="E837"):
        to.deliver(message)
    found = to.look_up(message)
    assert found is not None
    assert found.answer["deletion_mark"] is True


def test_a_copy_that_somebody_made_in_1c_does_not_become_the_order(base: OdataBase) -> None:
    message = delivery(order(base))
    to = target(base)
    receipt = to.deliver(message)
    copied = dict(live(base, message.marker)[0])
    copy = base.create(ORDERS, {name: value for name, value in copied.items() if name not in {"Number", "Posted"}})
    again = to.look_up(message)
    assert again is not None
    assert again.ref == receipt.ref
    assert again.answer["others"] == [copy["Ref_Key"]]
    assert to.deliver(message).ref == receipt.ref


def test_a_later_revision_changes_the_document_and_its_movements(base: OdataBase) -> None:
    body = order(base)
    to = target(base)
    first = to.deliver(delivery(body))
    changed = {**body, "lines": [{**body["lines"][0], "quantity": "5", "amount": "50.50"}]}
    message = delivery(changed, revision=2)
    assert to.look_up(message) is None
    second = to.deliver(message)
    [document] = live(base, message.marker)
    assert first.ref == second.ref == document["Ref_Key"]
    assert second.posted is True
    assert [line["Количество"] for line in document["Товары"]] == [5]
    moved = base.movements("AccumulationRegister_ЗаказыКлиентов", document["Ref_Key"])
    assert [row["Заказано"] for row in moved] == [5]


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER_COMMIT, Fault.CUT, Fault.TIMEOUT_AFTER_COMMIT])
def test_a_revision_gets_through_whatever_strikes(base: OdataBase, fault: Fault) -> None:
    to = target(base)
    body = order(base)
    engine(to, delivery(body))
    for revision in range(2, 14):
        lines = [{**body["lines"][0], "quantity": str(revision)}]
        message = delivery({**body, "lines": lines}, revision=revision)
        base.fail_next(fault, after=revision - 2)
        engine(to, message)
        base.faults._rules.clear()
        [document] = live(base, message.marker)
        assert document["Posted"] is True
        assert [line["Количество"] for line in document["Товары"]] == [revision]
        moved = base.movements("AccumulationRegister_ЗаказыКлиентов", document["Ref_Key"])
        assert [row["Заказано"] for row in moved] == [revision]


def test_two_writers_that_race_leave_one_document(base: OdataBase) -> None:
    """Both look before either writes; without a lock, both write, and both then choose the same."""
    message = delivery(order(base))
    targets = [target(base), target(base)]
    engine(targets[0], delivery(order(base, 2)))  # the customer is there
    meet = threading.Barrier(2, timeout=10)
    met = threading.local()

    def build(body: orders.Order, refs: orders.Refs) -> Mapping[str, Any]:
        if not getattr(met, "once", False):
            met.once = True
            meet.wait()
        return trade.build(body, refs)

    refs = race([OrdersTarget(connected(base), replace(RULES, build=build)) for _ in range(2)], message)
    documents = live(base, message.marker)
    assert len(documents) == 1
    final = engine(targets[0], message)
    assert final.ref == documents[0]["Ref_Key"]
    assert final.ref in refs


def test_two_writers_with_a_lock_write_one_document(base: OdataBase, database_url: str) -> None:
    message = delivery(order(base))
    database = Database(database_url)
    lock = advisory(database)
    race([OrdersTarget(connected(base), RULES, lock=lock) for _ in range(3)], message)
    database.close()
    rows = [row for row in base.documents("ЗаказКлиента") if row["НомерПоДаннымКлиента"] == message.marker]
    assert [row["DeletionMark"] for row in rows] == [False]


def test_a_lock_that_is_held_for_long_is_a_transport_error(database_url: str) -> None:
    database = Database(database_url)
    lock = advisory(database, seconds=0.05)
    with lock("a"):
        with lock("b"):
            pass
        with pytest.raises(TransportError, match="E810"), lock("a"):
            pytest.fail("two hold one lock")
    with lock("a"):
        pass
    database.close()


def race(targets: list[OrdersTarget], message: Any) -> set[str | None]:
    refs: set[str | None] = set()

    def run(to: OrdersTarget) -> None:
        refs.add(engine(to, message).ref)
        to.close()

    threads = [threading.Thread(target=run, args=(to,)) for to in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refs
