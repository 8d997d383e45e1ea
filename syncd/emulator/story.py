"""What the demo shows: one day of a shop and its 1C, step by step, and each step is checked.

The steps use what real ones would use: the exchange address and the local API. Nothing is looked up behind their backs
but the journal's counters, which the caller gives.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import httpx

from syncd.emulator.bar import mebibytes
from syncd.emulator.catalogue import TradeBase
from syncd.emulator.client import StandardClient
from syncd.emulator.faults import Fault, Rule
from syncd.emulator.goods import Offer
from syncd.emulator.kept import KeptOrders
from syncd.emulator.session import Progress, exchange_orders, push_catalogue, send_statuses, silent
from syncd.emulator.storefront import ApiAnswered, Placed, Storefront
from syncd.errors import SyncdError
from syncd.i18n import tr

Counts = Mapping[str, Mapping[str, int]]
"""Entity to the counters of its import: read, created, updated, unchanged, removed, failed."""

ORDERS: Final = 3
SEEN_WITHIN: Final = 30.0
"""Seconds within which the storefront must see what 1C sent back."""
_LINES: Final = 3


class StepFailed(Exception):
    """A step did not end as it must; the text says how."""


@dataclass(slots=True)
class Step:
    """One step of the story: what happened, how many of what it is about, seconds, and whether it ended as it must."""

    title: str
    happened: str = ""
    count: int = 0
    seconds: float = 0.0
    ok: bool | None = None


@dataclass(slots=True)
class Story:
    """``client`` is 1C, ``orders`` its documents, ``shop`` the storefront.

    ``counters`` tells what the imports of this run counted; ``say`` is told one line at a time; ``stamp`` makes the
    order numbers of this run unlike all others.
    """

    client: StandardClient
    base: TradeBase
    orders: KeptOrders
    shop: Storefront
    counters: Callable[[], Counts]
    stamp: str
    say: Callable[[str], None]
    progress: Progress = silent
    steps: list[Step] = field(default_factory=list)
    _placed: list[Placed] = field(default_factory=list)
    _chosen: list[tuple[Offer, Decimal]] = field(default_factory=list)

    def tell(self) -> Iterator[Step]:
        """Yield each step when it begins, and run it when the next is asked for.

        After a step that failed the others are listed, not run.
        """
        parts: tuple[tuple[str, Callable[[Step], None]], ...] = (
            (tr("1C sends its catalogue", "1С выгружает каталог"), self._catalogue),
            (tr("the shop reads it", "магазин читает его"), self._read),
            (tr("orders while 1C is down", "заказы, пока 1С недоступна"), self._place),
            (tr("1C is back and takes the orders", "1С вернулась и забирает заказы"), self._deliver),
            (tr("1C answers: payment, shipment, cancellation", "1С отвечает: оплата, отгрузка, отмена"), self._answer),
        )
        self.steps = [Step(title) for title, _ in parts]
        for step, (_, run) in zip(self.steps, parts, strict=True):
            yield step
            started = time.monotonic()
            try:
                run(step)
                step.ok = True
            except (StepFailed, ApiAnswered, SyncdError, httpx.HTTPError, OSError) as error:
                step.ok = False
                step.happened = str(error) or type(error).__name__
            step.seconds = time.monotonic() - started
            if not step.ok:
                return

    # -- a. the catalogue

    def _catalogue(self, step: Step) -> None:
        offers = self.base.offer_count()
        self.say(
            tr(
                f"{spaced(self.base.products)} products and {spaced(offers)} offers with prices and stocks, as one ZIP "
                "per document.",
                f"Товаров: {spaced(self.base.products)}, предложений: {spaced(offers)}, с ценами и остатками; "
                "каждый документ — одним ZIP.",
            )
        )
        report = push_catalogue(self.client, self.base, progress=self.progress)
        counts = self.counters()
        for entity, expected in (("product", self.base.products), ("offer", offers)):
            read = counts.get(entity, {}).get("read", 0)
            _check(
                read == expected,
                tr(f"{entity}: {read} of {expected} imported", f"{entity}: принято {read} из {expected}"),
            )
        failed = sum(count.get("failed", 0) for count in counts.values())
        _check(not failed, tr(f"{failed} records failed", f"записей с ошибками: {failed}"))
        size = mebibytes(report.upload.bytes)
        self.say(
            tr(
                f"Sent {size} and imported in {report.seconds:.1f} s.",
                f"Передано {size} и импортировано за {report.seconds:.1f} с.",
            )
        )
        step.happened = self._counted(counts)
        step.count = offers

    def _counted(self, counts: Counts) -> str:
        names = (
            ("product", tr("products", "товары")),
            ("offer", tr("offers", "предложения")),
            ("price", tr("prices", "цены")),
            ("stock", tr("stocks", "остатки")),
        )
        parts = [f"{title} {_told(counts[name])}" for name, title in names if name in counts]
        changed = sum(count.get(word, 0) for count in counts.values() for word in ("created", "updated", "removed"))
        if changed:
            return "; ".join(parts)
        read = spaced(sum(count.get("read", 0) for count in counts.values()))
        return tr(
            f"unchanged: syncd knew all {read} records already and wrote none of them",
            f"без изменений: все записи ({read}) уже известны syncd, ни одна не переписана",
        )

    # -- b. the shop

    def _read(self, step: Step) -> None:
        shelf = self.shop.read_all()
        mismatch = 0
        for index in range(self.base.products):
            product = self.base.product(index)
            mismatch += product.id not in shelf.products
            for offer in self.base.offers(index, product):
                prices = all(shelf.prices.get((offer.id, type_.id)) == value for type_, value in offer.prices)
                stocks = all(shelf.stocks.get((offer.id, place.id)) == value for place, value in offer.stocks)
                mismatch += not (offer.id in shelf.offers and prices and stocks)
                if offer.quantity > ORDERS and offer.prices:
                    self._chosen.append((offer, shelf.prices.get((offer.id, offer.prices[0][0].id), Decimal(0))))
        _check(
            not mismatch,
            tr(
                f"{mismatch} products or offers differ from those of 1C",
                f"товаров и предложений, не совпавших с 1С: {mismatch}",
            ),
        )
        step.count = len(shelf.offers)
        age = shelf.age_seconds or 0.0
        products, offers_read, prices_read, stocks_read = (
            spaced(len(part)) for part in (shelf.products, shelf.offers, shelf.prices, shelf.stocks)
        )
        step.happened = tr(
            f"{products} products, {offers_read} offers, {prices_read} prices, {stocks_read} stocks over /v1, "
            f"no older than {age:.0f} s, all as in 1C",
            f"через /v1: товаров {products}, предложений {offers_read}, цен {prices_read}, остатков {stocks_read}, "
            f"не старше {age:.0f} с, всё как в 1С",
        )

    def _place(self, step: Step) -> None:
        self.say(tr("1C is switched off now. The shop goes on selling.", "1С выключена. Магазин продолжает продавать."))
        for n in range(1, ORDERS):
            placed = self.shop.place(*self._order(n))
            self._accepted(placed)
        body, key = self._order(ORDERS)
        self.shop.place_and_miss_the_answer(body, key)
        again = self.shop.place(body, key)
        _check(
            again.repeated,
            tr(
                "the repeated request was not recognised by its Idempotency-Key",
                "повторный запрос не узнан по Idempotency-Key",
            ),
        )
        self._accepted(again)
        found = self.shop.orders(str(body["number"]))
        _check(len(found) == 1, tr(f"one order became {len(found)}", f"вместо одного заказа стало {len(found)}"))
        self.say(
            tr(
                f"The answer to {again.number} was lost on the way; the shop repeated the request with the same "
                "Idempotency-Key and got the same order.",
                f"Ответ на {again.number} потерялся в пути; магазин повторил запрос с тем же Idempotency-Key "
                "и получил тот же заказ.",
            )
        )
        step.count = len(self._placed)
        step.happened = tr(
            f"{step.count} orders accepted and safe; they wait for 1C (delivery.state is pending)",
            f"принято заказов: {step.count}; они в сохранности и ждут 1С (delivery.state — pending)",
        )

    def _order(self, n: int) -> tuple[dict[str, Any], str]:
        """An order of this run, and its Idempotency-Key."""
        number = f"{self.stamp}-{n}"
        start = (n - 1) * _LINES
        lines = [
            {"offer_id": offer.id, "quantity": str(1 + place), "price": str(price)}
            for place, (offer, price) in enumerate(self._chosen[start : start + _LINES])
        ]
        customer = {
            "type": "legal", "name": "ООО «Ромашка»", "inn": "7701234567", "kpp": "770101001",
            "email": "zakaz@romashka.example",
        }  # fmt: skip
        return {"number": number, "customer": customer, "lines": lines, "comment": "demo"}, f"demo-{number}"

    def _accepted(self, placed: Placed) -> None:
        self._placed.append(placed)
        state = (self.shop.order(placed.id)["delivery"] or {}).get("state")
        _check(
            state == "pending",
            tr(
                f"{placed.number}: delivery.state is {state}, not pending",
                f"{placed.number}: delivery.state — {state}, а не pending",
            ),
        )
        total = money(Decimal(placed.order["amount"]))
        self.say(
            tr(
                f"Order {placed.number} for {total} RUB: accepted, pending.",
                f"Заказ {placed.number} на {total} руб.: принят, ждёт 1С (pending).",
            )
        )

    # -- c. 1C takes the orders

    def _deliver(self, step: Step) -> None:
        self.client.faults.script = (Rule("query", Fault.LOST_ANSWER),)
        report = exchange_orders(self.client, self.orders)
        if report.refused:
            raise report.refused
        self.say(
            tr(
                f"The connection broke on 1C's first request for orders; it asked again ({report.pulls} requests).",
                f"На первом запросе заказов связь оборвалась; 1С спросила снова (запросов: {report.pulls}).",
            )
        )
        _check(report.confirmed, tr("1C did not confirm the orders", "1С не подтвердила получение заказов"))
        for placed in self._placed:
            _check(
                self.orders.created[placed.number] == 1,
                tr(
                    f"{placed.number}: {self.orders.created[placed.number]} documents in 1C instead of one",
                    f"{placed.number}: документов в 1С {self.orders.created[placed.number]}, а не один",
                ),
            )
            state = (self.shop.order(placed.id)["delivery"] or {}).get("state")
            _check(
                state == "acknowledged",
                tr(f"{placed.number}: delivery.state is {state}", f"{placed.number}: delivery.state — {state}"),
            )
        doubles = self.orders.doubles()
        _check(not doubles, tr(f"doubled in 1C: {doubles}", f"задвоены в 1С: {doubles}"))
        step.count = report.created
        names = ", ".join(f"{p.number} → {self.orders.order(p.number).number_1c}" for p in self._placed)
        step.happened = tr(
            f"{step.count} documents made ({names}), every order acknowledged, none doubled",
            f"создано документов: {step.count} ({names}); все заказы подтверждены, дублей нет",
        )

    # -- d. 1C answers

    def _answer(self, step: Step) -> None:
        self.client.faults.script = ()
        first, second, third = (placed.number for placed in self._placed)
        self.orders.pay(first)
        self.orders.ship(first)
        self.orders.cancel(second)
        self.orders.set_status(third, "К выполнению")
        sent = send_statuses(self.client, self.orders)
        expected = {first: ("shipped", True), second: ("cancelled", False), third: ("confirmed", False)}
        deadline = time.monotonic() + SEEN_WITHIN
        while missing := [text for placed in self._placed if (text := self._unseen(placed, *expected[placed.number]))]:
            _check(time.monotonic() < deadline, "; ".join(missing))
            time.sleep(0.2)
        step.count = sent.sent
        step.happened = tr(
            f"the shop sees {first} paid and shipped, {second} cancelled, {third} confirmed, each with 1C's number",
            f"магазин видит: {first} оплачен и отгружен, {second} отменён, {third} подтверждён; у всех номера 1С",
        )

    def _unseen(self, placed: Placed, status: str, paid: bool) -> str:
        """What the storefront does not see yet of this order; empty when it sees all."""
        order = self.shop.order(placed.id)
        wanted = (status, paid, self.orders.order(placed.number).number_1c)
        found = (order["status"], bool(order["paid"]), order["number_1c"])
        if found == wanted:
            return ""
        return tr(f"{placed.number}: {found} instead of {wanted}", f"{placed.number}: {found} вместо {wanted}")


def _told(count: Mapping[str, int]) -> str:
    words = (
        ("created", tr("new", "новых")),
        ("updated", tr("changed", "изменено")),
        ("unchanged", tr("unchanged", "без изменений")),
        ("removed", tr("removed", "удалено")),
        ("failed", tr("failed", "ошибок")),
    )
    return ", ".join(f"{spaced(count[name])} {word}" for name, word in words if count.get(name)) or "0"


def spaced(number: int) -> str:
    """A whole number with no-break spaces between thousands."""
    return f"{number:,}".replace(",", "\u00a0")


def money(amount: Decimal) -> str:
    """An amount with two digits, as the language in force writes it."""
    text = f"{amount:,.2f}".replace(",", "\u00a0")
    return tr(text, text.replace(".", ","))


def _check(right: bool, otherwise: str) -> None:
    if not right:
        raise StepFailed(otherwise)
