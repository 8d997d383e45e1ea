"""The use cases of the emulated 1C, as a command or a demo calls them: push a catalogue, exchange orders, do a whole
session.
"""

from __future__ import annotations

import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from syncd.emulator.base import OrderBase
from syncd.emulator.catalogue import TradeBase
from syncd.emulator.client import PullResult, StandardClient
from syncd.emulator.documents import ExportFile, Portion
from syncd.emulator.upload import UploadResult, files_of, is_document
from syncd.emulator.violations import DocumentRefused, NoAnswer
from syncd.errors import ConfigError
from syncd.i18n import tr


class Progress(Protocol):
    """Told what is going on: an event's name, how much of it is done, and out of how much."""

    def __call__(self, event: str, done: int, total: int, /) -> None: ...


def silent(event: str, done: int, total: int, /) -> None:
    """A progress that nobody watches."""


@dataclass(slots=True)
class PushReport:
    """A catalogue or files were sent. ``seconds`` is the wall time."""

    portions: int = 0
    products: int = 0
    upload: UploadResult = field(default_factory=UploadResult)
    seconds: float = 0.0


@dataclass(slots=True)
class OrdersReport:
    """Orders were exchanged both ways.

     Counters are of all ``pulls`` of the run. ``refused`` is the order on which 1C stopped; then the site keeps the
    whole batch.
    """

    created: int = 0
    updated: int = 0
    skipped: int = 0
    sent: int = 0
    confirmed: bool = False
    pulls: int = 0
    remarks: list[str] = field(default_factory=list)
    refused: DocumentRefused | None = None
    upload: UploadResult = field(default_factory=UploadResult)
    seconds: float = 0.0


@dataclass(slots=True)
class SessionReport:
    """A whole session: goods, offers, orders."""

    catalogue: PushReport
    orders: OrdersReport
    seconds: float = 0.0


def push_catalogue(
    client: StandardClient, base: TradeBase, *, full: bool = True, portions: int = 1, progress: Progress = silent
) -> PushReport:
    """Send the base, or (not ``full``) what its last round changed, portion by portion: a session each.

    A failed portion ends it.
    """
    started = time.monotonic()
    report = PushReport()
    prepared = list(client.export(base, full=full, portions=portions))
    for number, portion in enumerate(prepared):
        progress("portion", number, len(prepared))
        with tempfile.TemporaryDirectory(prefix="v8_") as folder:
            _write_portion(portion, Path(folder))
            report.upload.add(client.upload("catalog", Path(folder)))
        report.portions += 1
        report.products += portion.products if portion.files[0].name.startswith(("import", "goods")) else 0
    client.finish_catalogue(full=full)
    progress("portion", len(prepared), len(prepared))
    report.seconds = time.monotonic() - started
    return report


def _write_portion(portion: Portion, folder: Path) -> None:
    for file in portion.files:
        write_file(file, folder)
    for name, content in portion.pictures():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def write_file(file: ExportFile, folder: Path) -> Path:
    """Write one file of an export into the folder, part by part."""
    path = folder / file.name
    with path.open("wb") as stream:
        stream.writelines(file.write())
    return path


def push_files(client: StandardClient, paths: Iterable[Path], *, progress: Progress = silent) -> PushReport:
    """Send given files:

    XML, folders and ZIP archives of them. Each XML is one session; pictures go with the first XML beside them.

     Raises ``ConfigError`` when a path is not there or holds no XML.
    """
    started = time.monotonic()
    report = PushReport()
    given = list(paths)
    for number, path in enumerate(given):
        progress("file", number, len(given))
        with _as_folders(path) as folders:
            for folder in folders:
                report.upload.add(client.upload(_type_of(folder), folder))
                report.portions += 1
    progress("file", len(given), len(given))
    report.seconds = time.monotonic() - started
    return report


@contextmanager
def _as_folders(path: Path) -> Iterator[list[Path]]:
    """The path as portions: folders of their own with one XML each."""
    with tempfile.TemporaryDirectory(prefix="v8_") as temporary:
        place = Path(temporary)
        source = path
        if path.is_file() and zipfile.is_zipfile(path):
            source = place / "unpacked"
            with zipfile.ZipFile(path) as archive:
                archive.extractall(source)
        yield list(_portion_folders(source, place / "portions"))


def _portion_folders(source: Path, place: Path) -> Iterator[Path]:
    files = files_of(source) if source.is_dir() else []
    if source.is_file() and is_document(source.name):
        yield _linked(place / source.stem, {source.name: source})
        return
    documents = sorted((file for file in files if is_document(file.name)), key=lambda file: _rank(file.name))
    if not documents:
        raise ConfigError("E605", path=str(source), detail=tr("no XML document is there", "документов XML там нет"))
    beside = {file.name: file.path for file in files if not is_document(file.name)}
    for document in documents:
        yield _linked(place / document.path.stem, {document.name: document.path, **beside})
        beside = {}


def _rank(name: str) -> tuple[int, str]:
    """Goods before offers, offers before what belongs to them."""
    kinds = ("import", "goods", "offers", "prices", "rests")
    return next((place for place, kind in enumerate(kinds) if name.lower().startswith(kind)), 0), name


def _linked(folder: Path, files: dict[str, Path]) -> Path:
    for name, path in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path.resolve())
    return folder


def _type_of(folder: Path) -> str:
    names = [file.name.lower() for file in files_of(folder) if is_document(file.name)]
    return "sale" if names[0].startswith(("orders", "documents", "contragents")) else "catalog"


def exchange_orders(client: StandardClient, orders: OrderBase, *, progress: Progress = silent) -> OrdersReport:
    """Pull the site's orders, then push what changed in 1C; orders just loaded are not pushed back in the same run.

     A connection that breaks is tried again from the start, as the next run of 1C would, up to the client's number of
    attempts.
    """
    started = time.monotonic()
    report = OrdersReport()
    progress("query", 0, 1)
    loaded: set[str] = set()
    answered = False
    while not answered:
        report.pulls += 1
        result = PullResult()
        try:
            client.pull_orders(orders, result)
            answered = True
        except NoAnswer:
            if report.pulls >= client.attempts:
                raise
        _count(report, result, loaded)
    progress("query", 1, 1)
    sent = send_statuses(client, orders, exclude=loaded, progress=progress)
    report.sent, report.upload = sent.sent, sent.upload
    report.seconds = time.monotonic() - started
    return report


def _count(report: OrdersReport, result: PullResult, loaded: set[str]) -> None:
    batch = result.batch
    report.created += len(batch.created)
    report.updated += len(batch.updated)
    report.skipped += len(batch.skipped)
    report.remarks += batch.remarks
    report.refused, report.confirmed = batch.refused, result.confirmed
    loaded.update(batch.created, batch.updated)


def send_statuses(
    client: StandardClient, orders: OrderBase, *, exclude: set[str] | None = None, progress: Progress = silent
) -> OrdersReport:
    """Push the orders that changed in 1C; what was sent is taken off the registration only after the site's success."""
    started = time.monotonic()
    report = OrdersReport()
    changed = orders.changed(exclude or set())
    if changed:
        progress("orders", 0, len(changed))
        registered = [(order.guid, order.changes) for order in changed]
        with tempfile.TemporaryDirectory(prefix="v8_") as folder:
            write_file(client.orders_file(changed, orders.now()), Path(folder))
            report.upload = client.upload("sale", Path(folder))
        orders.exported(registered)
        progress("orders", len(changed), len(changed))
    report.sent = len(changed)
    report.seconds = time.monotonic() - started
    return report


def whole_session(
    client: StandardClient,
    base: TradeBase,
    orders: OrderBase,
    *,
    full: bool = True,
    portions: int = 1,
    progress: Progress = silent,
) -> SessionReport:
    """A whole exchange as the scheduled job of УТ does it: goods, offers, then orders both ways."""
    started = time.monotonic()
    catalogue = push_catalogue(client, base, full=full, portions=portions, progress=progress)
    exchanged = exchange_orders(client, orders, progress=progress)
    return SessionReport(catalogue, exchanged, time.monotonic() - started)
