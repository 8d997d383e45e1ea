"""``syncd import``: files from disk through the very same path as the exchange."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import click
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from syncd import journal
from syncd.cli.codes import CHECK_FAILED, PARTIAL
from syncd.cli.output import Column, Format, dump, emit, output_option, talk, text
from syncd.cli.runtime import context, tenant_option
from syncd.errors import RequestError
from syncd.i18n import tr
from syncd.model import ENTITIES
from syncd.store import packages, uploads
from syncd.store.merge import Counters
from syncd.store.packages import PackageFile
from syncd.sync import imports
from syncd.sync.context import Context
from syncd.sync.imports import Result

_FIRST: Final = (
    "reference",
    "pricelist",
    "storage",
    "unit",
    "group",
    "propert",
    "import",
    "goods",
    "offer",
    "price",
    "rest",
)
"""The order in which 1C itself sends the files of one export."""
_SHOWN: Final = 5
_COUNTS: Final = ("read", "created", "updated", "unchanged", "removed", "failed")


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@tenant_option
@output_option
def import_(paths: tuple[Path, ...], tenant: str, output: Format) -> None:
    """Import CommerceML files, zips or folders / импортировать файлы CommerceML, архивы или папки.

    Works with the daemon running or not. Exit code 5 when something was left out, 7 when nothing could be imported.
    """
    files = collect(paths)
    with context() as ctx:
        package_id = _store(ctx, tenant, files)
        ctx.doorbell.ring()
        result = _wait(ctx, tenant, package_id, quiet=output != "table")
        with ctx.db.transaction() as conn:
            problems = journal.children(conn, tenant, package_id, limit=20)
            head = journal.find(conn, tenant, str(package_id))
    if output == "table":
        _show(result, package_id)
    else:
        click.echo(dump({"exchange": package_id, "outcome": result.outcome, "entities": _entities(result)}))
    own = [head] if head and head["code"] and not problems else []
    for row in own + problems[:_SHOWN]:
        place = ":".join(str(part) for part in (row["file"], row["line"]) if part)
        talk.print(f"[red]{row['code']}[/] {place} {journal.error_text(row)}", markup=True)
    if problems:
        talk.print(tr(f"All of it: syncd journal show {package_id}", f"Полностью: syncd journal show {package_id}"))
    if result.outcome != "ok":
        raise click.exceptions.Exit(PARTIAL if result.outcome == "partial" else CHECK_FAILED)


def _entities(result: Result) -> dict[str, dict[str, int]]:
    """Counters of every entity there is, in the order of the model: programs need not ask whether one is there."""
    nothing = Counters().as_dict()
    return {name: {**nothing, **result.counters.get(name, {})} for name in (*ENTITIES, "order")}


def collect(paths: tuple[Path, ...]) -> list[Path]:
    """The XML files and archives behind the paths, in the order in which 1C sends them. Raises E307 when there is
    none.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in {".xml", ".zip"}]
            found += sorted(inside, key=_rank)
        else:
            found.append(path)
    if not found:
        raise RequestError("E307", detail=tr("no .xml or .zip file there", "там нет файлов .xml и .zip"))
    return found


def _rank(path: Path) -> tuple[int, str]:
    name = path.name.lower()
    for rank, word in enumerate(_FIRST):
        if word in name:
            return rank, str(path)
    return len(_FIRST), str(path)


def _store(ctx: Context, tenant: str, files: list[Path]) -> UUID:
    with ctx.db.transaction() as conn:
        stored = [
            PackageFile(path.name, uploads.store(conn, tenant, path.name, _chunks(path), type_="catalog"))
            for path in files
        ]
        return packages.create(conn, tenant, stored, source="cli", lane="catalog")


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        while data := stream.read(uploads.PIECE):
            yield data


def _wait(ctx: Context, tenant: str, package_id: UUID, *, quiet: bool) -> Result:
    """Import it here unless a worker of the daemon was quicker; show how far it is."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=talk, disable=quiet, transient=True) as bar:
        task = bar.add_task(tr("waiting", "в очереди"), total=None)
        while (result := imports.outcome_of(ctx, tenant, package_id)) is None:
            claim = imports.claim_next(ctx)
            if claim is not None:
                imports.run(ctx, claim, stopping=_watcher(ctx, tenant, package_id, bar, task))
            else:
                _look(ctx, tenant, package_id, bar, task)
                time.sleep(0.1)
    return result


def _watcher(ctx: Context, tenant: str, package_id: UUID, bar: Progress, task: TaskID) -> Any:
    """Called by the import every few hundred records: moves the bar now and then; never asks to stop."""
    last = 0.0

    def look() -> bool:
        nonlocal last
        if time.monotonic() - last > 0.25:
            last = time.monotonic()
            _look(ctx, tenant, package_id, bar, task)
        return False

    return look


def _look(ctx: Context, tenant: str, package_id: UUID, bar: Progress, task: TaskID) -> None:
    with ctx.db.transaction() as conn:
        row = packages.get(conn, tenant, package_id)
    progress = (row or {}).get("progress") or {}
    if progress.get("total"):
        description = f"{progress['file']} {progress['records']}"
        bar.update(task, description=description, completed=progress["bytes"], total=progress["total"])


def _show(result: Result, package_id: UUID) -> None:
    rows = [{"entity": name, **counts} for name, counts in _entities(result).items() if name in result.counters]
    columns = [Column("entity", tr("entity", "сущность"), text)]
    titles = dict(zip(_COUNTS, ("прочитано", "создано", "изменено", "без изменений", "удалено", "ошибок"), strict=True))
    columns += [Column(name, tr(name, titles[name]), text) for name in _COUNTS]
    words = {"ok": tr("ok", "успешно"), "partial": tr("partial", "частично"), "failed": tr("failed", "не выполнен")}
    title = tr(f"Exchange {package_id}: ", f"Обмен {package_id}: ") + words[result.outcome]
    emit(rows, columns, "table", title=title, empty=title)
