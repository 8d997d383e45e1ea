"""``python -m bench.delivery``: acceptance, first attempts, claims, a backlog; ratios of one run."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from bench.delivery import acceptance, claims, sending
from syncd import embedded
from syncd.embedded import Embedded
from syncd.i18n import tr
from syncd.store import migrate

_TURNS: Final = 6
NAMES: Final = ("accept", "http", "attempt", "rate", "finished", "held", "drain")


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    options = _options(arguments)
    for name in [options.only] if options.only else NAMES:
        with _servers() as servers:
            _MEASURES[name](servers, options)


@contextmanager
def _servers() -> Iterator[Embedded]:
    folder = tempfile.TemporaryDirectory(prefix="syncd-bench-", ignore_cleanup_errors=True)
    with folder as home, embedded.start(Path(home)) as servers:
        migrate.upgrade(servers.database_url)
        yield servers


def _accept(servers: Embedded, options: argparse.Namespace) -> None:
    ours, bare = acceptance.use_case(servers.database_url, options.seconds)
    _tell(tr("accepting an order, 8 connections", "приём заказа, 8 соединений"), f"{ours:,.0f}/s",
          tr(f"bare loop {bare:,.0f}/s", f"голый цикл {bare:,.0f}/s"), ours / bare, ">= 0.5")  # fmt: skip


def _http(servers: Embedded, options: argparse.Namespace) -> None:
    ours, row = acceptance.over_http(servers.database_url, options.seconds)
    _tell("POST /v1/orders", f"{ours:,.0f}/s", tr(f"one row {row:,.0f}/s", f"одна строка {row:,.0f}/s"),
          ours / row, ">= 0.6")  # fmt: skip


def _attempt(servers: Embedded, options: argparse.Namespace) -> None:
    for words, redis_url, target in (
        (tr("commit to first attempt, Redis", "от записи до первой попытки, Redis"), servers.redis_url, "p95 < 100 ms"),
        (tr("the same without Redis", "то же без Redis"), None, "p95 < 2000 ms"),
    ):
        found = sending.first_attempt(servers.database_url, redis_url, options.seconds * 5)
        print(f"{words:45} p50 {found.p50:7.0f} ms   p95 {found.p95:7.0f} ms   ({target})", flush=True)


def _rate(servers: Embedded, options: argparse.Namespace) -> None:
    rates = [
        sending.deliveries(servers.database_url, servers.redis_url, number=n, orders_=options.orders) for n in (1, 2)
    ]
    one, two = rates
    _tell(tr("deliveries: one worker, two workers", "доставок: один работник, двое"), f"{one:,.0f}/s", f"{two:,.0f}/s",
          two / one, "")  # fmt: skip


def _finished(servers: Embedded, options: argparse.Namespace) -> None:
    """Two databases of one server, one with the finished rows and one without, by turns."""
    many, none = servers.database_url, claims.database_beside(servers.database_url, "none")
    for url in (none, many):
        claims.latency(url, 400)  # plans and caches
    claims.finished(many, options.finished)
    before: list[float] = []
    after: list[float] = []
    for _ in range(_TURNS):
        before += claims.latency(none, 1000)
        after += claims.latency(many, 1000)
    words = tr(f"a claim among {options.finished:,} finished", f"захват среди завершённых: {options.finished:,}")
    _tell(words, f"{median(after) * 1000:.2f} ms", f"{median(before) * 1000:.2f} ms", median(after) / median(before),
          "<= 1.5")  # fmt: skip


def _held(servers: Embedded, options: argparse.Namespace) -> None:
    claims.latency(servers.database_url, 400)
    first, last = claims.under_an_open_transaction(servers.database_url, options.held)
    words = tr(
        f"a claim after {options.held:,} under a held snapshot", f"захват после {options.held:,} при долгой транзакции"
    )
    _tell(words, f"{last * 1000:.2f} ms", f"{first * 1000:.2f} ms", last / first, "<= 1.5")


def _drain(servers: Embedded, options: argparse.Namespace) -> None:
    found = claims.drain(servers.database_url, options.backlog)
    print(
        tr(f"a backlog of {options.backlog:,} drains in {found.seconds:.0f} s ({found.rate:,.0f}/s);",
           f"очередь {options.backlog:,} уходит за {found.seconds:.0f} с ({found.rate:,.0f}/с);"),
        tr(f"new orders wait {found.neighbour * 1000:.0f} ms at a neighbour, {found.same:.1f} s behind it",
           f"новые заказы ждут {found.neighbour * 1000:.0f} мс у соседа, {found.same:.1f} с за ней"), flush=True,
    )  # fmt: skip


_MEASURES: Final = {
    "accept": _accept, "http": _http, "attempt": _attempt, "rate": _rate, "finished": _finished, "held": _held,
    "drain": _drain,
}  # fmt: skip


def _tell(words: str, ours: str, other: str, ratio: float, target: str) -> None:
    print(f"{words:45} {ours:>12} {other:>24}   {ratio:5.2f}   {target}", flush=True)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.delivery", description=tr("How fast orders go", "Скорость доставки"))
    parser.add_argument("--only", choices=NAMES)
    parser.add_argument("--seconds", type=float, default=3.0, help=tr("of each round (3)", "секунд на круг (3)"))
    parser.add_argument("--orders", type=int, default=1500)
    parser.add_argument("--finished", type=int, default=10_000_000)
    parser.add_argument("--held", type=int, default=30_000)
    parser.add_argument("--backlog", type=int, default=100_000)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
