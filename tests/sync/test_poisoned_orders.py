"""УТ 11 gives up a whole batch at the first order it cannot take: syncd finds it, and everything else goes through."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
import pytest

from syncd.emulator.base import BatchResult, OrderBase
from syncd.emulator.bitrix import BitrixModuleClient
from syncd.emulator.client import StandardClient
from syncd.emulator.order_reader import Incoming
from syncd.emulator.violations import DocumentRefused, NoAnswer, Said
from syncd.store.access import find_key
from syncd.sync import orders
from syncd.sync.orders import NewLine, NewOrder
from tests.api.site import ADDRESS, LOGIN, PASSWORD, Site, settings


class Stumbling(OrderBase):
    """A base that throws at some orders, before it writes them."""

    def __init__(self, poisoned: set[str]) -> None:
        super().__init__()
        self.poisoned = poisoned

    def _write(self, incoming: Incoming, result: BatchResult, *, whole_number: bool) -> None:
        if incoming.number in self.poisoned:
            raise DocumentRefused(incoming.number, Said("It cannot be written.", "Не записывается."))
        super()._write(incoming, result, whole_number=whole_number)


class Leaky(httpx.BaseTransport):
    """A line that loses answers: what was asked is done, 1C never hears of it."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self.inner = inner
        self.lose: Callable[[str], bool] = lambda _mode: False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        if self.lose(request.url.params.get("mode", "")):
            raise httpx.ReadError("lost", request=request)
        return response


class Shop:
    """A site with orders, and a 1C that fetches them."""

    def __init__(self, site: Site, poisoned: set[str], kind: type[StandardClient] = StandardClient) -> None:
        self.site, self.base, self.kind = site, Stumbling(poisoned), kind
        self.line = Leaky(site.http._transport)
        self.sessions = 0
        key = site.key()
        with site.ctx.db.transaction() as conn:
            found = find_key(conn, key)
        assert found is not None
        self.key = found

    def order(self, *numbers: str) -> None:
        line = NewLine("b7a64c0e-0000-4000-8000-000000000001", Decimal(1), Decimal("10.50"), "Стул")
        for number in numbers:
            orders.accept(self.site.ctx, self.key, number, NewOrder(number, "RUB", {"name": "Иванов"}, (line,)))

    def exchange(self) -> bool:
        """One session of 1C; whether it confirmed."""
        self.sessions += 1
        with self.kind(f"http://testserver{ADDRESS}", LOGIN, PASSWORD, transport=self.line) as client:
            try:
                return client.pull_orders(self.base).confirmed
            except NoAnswer:
                return False

    def states(self) -> dict[str, str]:
        rows = self.site.rows(
            "SELECT s.number, o.state FROM outbox o JOIN sales_order s ON s.tenant = o.tenant AND s.id::text = o.key"
        )
        return {row["number"]: row["state"] for row in rows}

    def settle(self, most: int = 400) -> None:
        """Exchange until nothing is on its way."""
        while set(self.states().values()) - {"acknowledged", "held"} and self.sessions < most:
            self.exchange()

    def held(self) -> set[str]:
        return {number for number, state in self.states().items() if state == "held"}


@contextmanager
def shop(site: Site, poisoned: set[str] = frozenset(), kind: type[StandardClient] = StandardClient) -> Iterator[Shop]:  # type: ignore[assignment]
    made = Shop(site, set(poisoned), kind)
    yield made
    assert made.base.doubles() == {}


def numbers(count: int) -> list[str]:
    return [f"N-{n:04d}" for n in range(1, count + 1)]


@pytest.mark.parametrize("kind", [StandardClient, BitrixModuleClient])
@pytest.mark.parametrize(("count", "poisoned"), [(1, 1), (2, 1), (7, 2), (40, 3), (300, 1), (300, 5)])
def test_every_good_order_becomes_a_document_and_only_the_poisoned_are_held(
    site: Site, kind: type[StandardClient], count: int, poisoned: int, record_property: Callable[[str, Any], None]
) -> None:
    everything = numbers(count)
    bad = set(random.Random(f"{count} {poisoned}").sample(everything, poisoned))
    with shop(site, bad, kind) as found:
        found.order(*everything)
        good_done = 0
        while set(found.states().values()) - {"acknowledged", "held"} and found.sessions < 400:
            found.exchange()
            if not good_done and len(found.base.created) == count - poisoned:
                good_done = found.sessions
        record_property("sessions", found.sessions)
        print(f"{kind.__name__} {count}/{poisoned}: good ones in after {good_done}, all after {found.sessions}")
        assert found.held() == bad
        assert {n for n in everything if found.base.created[n]} == set(everything) - bad


def test_what_1c_refuses_alone_is_told_in_the_journal_and_can_be_sent_again(site: Site) -> None:
    with shop(site, {"N-0002"}) as found:
        found.order(*numbers(3))
        found.settle()
        row = site.row("SELECT subject, owner, params FROM journal WHERE code = 'E223' ORDER BY at DESC")
        assert (row["subject"], row["owner"], row["params"]["number"]) == ("N-0002", "1c-developer", "N-0002")
        held = site.row("SELECT id, error_code FROM outbox WHERE state = 'held'")
        assert held["error_code"] == "E223"
        found.base.poisoned.clear()
        from syncd.queue import acts

        with site.ctx.db.transaction() as conn:
            assert acts.retry(conn, "default", held["id"], by="test", reason="repaired in 1C")
        found.settle()
        assert found.held() == set()
        assert found.base.created["N-0002"] == 1


def test_a_bad_line_holds_no_good_order_once_it_is_good_again(site: Site) -> None:
    with shop(site) as found:
        found.line.lose = lambda mode: mode == "query"
        for day in range(8):
            found.order(f"N-{day:04d}", f"M-{day:04d}")
            for _ in range(5):
                assert not found.exchange()
        assert found.base.created.total() == 0
        found.line.lose = lambda _mode: False
        found.settle()
        assert found.held() == set()
        assert found.base.created.total() == 16


def test_now_and_then_a_lost_answer_holds_nothing(site: Site) -> None:
    dice = random.Random(7)
    with shop(site) as found:
        found.line.lose = lambda mode: mode in {"query", "success"} and dice.random() < 0.15
        for n in range(60):
            found.order(f"N-{n:04d}")
            found.exchange()
        found.line.lose = lambda _mode: False
        found.settle()
        assert found.held() == set()
        assert found.base.created.total() == 60
        assert "E223" not in site.codes()


def test_new_orders_do_not_wait_behind_a_poisoned_one(site: Site) -> None:
    with shop(site, {"N-0000"}) as found:
        found.order("N-0000")
        waited = []
        for n in range(1, 30):
            found.order(f"N-{n:04d}")
            found.exchange()
            waited.append(n - len(found.base.created))
        assert found.held() == {"N-0000"}
        assert waited[-1] == 0
        assert max(waited) <= 6


def test_two_sessions_that_ask_by_turns_do_not_judge_each_other(site: Site) -> None:
    from tests.api.site import OneC

    with shop(site) as found:
        found.order(*numbers(5))
        one, two = OneC(site), OneC(site)
        one.checkauth("sale")
        two.checkauth("sale")
        for _ in range(10):
            one.query()
            two.query()
        assert site.row("SELECT failures, batch_limit FROM exchange_pull") == {"failures": 1, "batch_limit": None}
        assert two.success() == "success"
        assert found.states() == dict.fromkeys(numbers(5), "acknowledged")
        assert site.row("SELECT failures FROM exchange_pull")["failures"] == 0


def test_after_how_many_exchanges_syncd_grows_suspicious_is_a_setting(database_url: str) -> None:
    site = Site(database_url, settings(poison_after=1))
    try:
        site.add_infobase()
        with shop(site, {"N-0001"}) as found:
            found.order(*numbers(2))
            found.settle()
            assert found.held() == {"N-0001"}
            assert found.sessions <= 5
    finally:
        site.close()
