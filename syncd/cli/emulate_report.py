"""What ``syncd emulate`` says: a line per request, and the report at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Final

import click
from rich.markup import escape

from syncd.cli.output import Column, Format, dump, emit, talk, text
from syncd.emulator.faults import Fault
from syncd.emulator.session import OrdersReport, PushReport
from syncd.emulator.wire import Exchange
from syncd.i18n import tr

_HEAD: Final = 100
"""Of an answer, so many bytes are shown."""


def line(exchange: Exchange) -> str:
    """One request and its answer in one line; what checkauth hands out is a secret and is not shown."""
    lines = exchange.head[:_HEAD].decode("utf-8", "replace").strip().splitlines()
    if exchange.mode == "checkauth" and lines[:1] == ["success"]:
        lines[1:] = ["…"]
    answer = " ⏎ ".join(lines)
    sent = f" {exchange.sent} B" if exchange.sent else ""
    what = f"{exchange.type}/{exchange.mode}" + (f" {exchange.filename}" if exchange.filename else "")
    result = f"HTTP {exchange.status}" if exchange.status else tr("no answer", "нет ответа")
    note = f" ({exchange.note})" if exchange.note else ""
    return f"{what}{sent} → {result} {exchange.seconds * 1000:.0f} ms {answer}{note}"


def show(
    output: Format,
    struck: Sequence[tuple[str, str, Fault]],
    *,
    catalogue: PushReport | None = None,
    orders: OrdersReport | None = None,
) -> None:
    """Print the report. Raises ``DocumentRefused`` when 1C could not write an order."""
    faults = [f"{type_}/{mode}: {fault.value}" for type_, mode, fault in struck]
    if output == "table":
        rows = [*_catalogue_rows(catalogue), *_orders_rows(orders)]
        if faults:
            rows.append({"what": tr("faults struck", "сбоев устроено"), "count": f"{len(faults)}: {', '.join(faults)}"})
        emit(rows, [Column("what", tr("what", "что"), text), Column("count", tr("how many", "сколько"), text)], "table")
        for remark in orders.remarks if orders else []:
            talk.print(escape(remark))
    else:
        click.echo(dump(_plain(catalogue, orders, faults)))
    if orders and orders.refused:
        raise orders.refused


def _catalogue_rows(report: PushReport | None) -> list[dict[str, object]]:
    if report is None:
        return []
    upload = report.upload
    pairs: list[tuple[str, object]] = [
        (tr("portions", "порций"), report.portions),
        (tr("products", "товаров"), report.products or ""),
        (tr("files sent", "файлов передано"), upload.files),
        (tr("bytes sent", "байт передано"), upload.bytes),
        (tr("documents imported", "документов импортировано"), upload.documents),
        (tr("imports not called", "импортов не вызвано"), upload.imports_skipped),
        (tr("attempts", "попыток"), upload.attempts),
        (tr("seconds for the catalogue", "секунд на каталог"), f"{report.seconds:.1f}"),
    ]
    return [{"what": what, "count": count} for what, count in pairs if count not in ("", None)]


def _orders_rows(report: OrdersReport | None) -> list[dict[str, object]]:
    if report is None:
        return []
    confirmed = tr("yes", "да") if report.confirmed else tr("no", "нет")
    pairs: list[tuple[str, object]] = [
        (tr("orders created in 1C", "заказов создано в 1С"), report.created),
        (tr("orders updated in 1C", "заказов обновлено в 1С"), report.updated),
        (tr("orders left alone", "заказов не тронуто"), report.skipped),
        (tr("confirmed to the site", "подтверждено сайту"), confirmed),
        (tr("requests for orders", "запросов заказов"), report.pulls),
        (tr("orders sent back", "заказов отправлено обратно"), report.sent),
        (tr("seconds for the orders", "секунд на заказы"), f"{report.seconds:.1f}"),
    ]
    return [{"what": what, "count": count} for what, count in pairs]


def _plain(catalogue: PushReport | None, orders: OrdersReport | None, faults: list[str]) -> dict[str, object]:
    """The report for programs; only the parts that were asked for."""
    found: dict[str, object] = {"faults": faults}
    if catalogue:
        found["catalogue"] = {
            "portions": catalogue.portions, "products": catalogue.products, "upload": asdict(catalogue.upload),
            "seconds": round(catalogue.seconds, 3),
        }  # fmt: skip
    if orders:
        refused = orders.refused
        found["orders"] = {
            "created": orders.created, "updated": orders.updated, "skipped": orders.skipped,
            "confirmed": orders.confirmed, "pulls": orders.pulls, "sent": orders.sent, "remarks": orders.remarks,
            "refused": {"number": refused.number, "message": refused.text()} if refused else None,
            "upload": asdict(orders.upload), "seconds": round(orders.seconds, 3),
        }  # fmt: skip
    return found
