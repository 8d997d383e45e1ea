"""How mistakes, previews and cases of a mapping look on a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from syncd.cli.output import Column, Format, dump, emit, safe, stdout
from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings.cases import Outcome, shown
from syncd.mappings.compiled import Cell
from syncd.mappings.tree import Place

WIDTH = 60


def problems(found: Sequence[MappingError], output: Format, *, file: str, version: str) -> None:
    """One line per mistake, as compilers write them: an editor jumps there."""
    if output == "table":
        for problem in found:
            stdout().print(f"[bold red]{problem.code}[/] {safe(problem.text())}", soft_wrap=True)
        if not found:
            click.echo(f"OK {file} {version}")
        return
    rows = [problem_row(problem) for problem in found]
    if output == "json":
        click.echo(dump({"ok": not found, "file": file, "version": version, "errors": rows}))
    else:
        emit(rows, [], output)


def problem_row(problem: MappingError) -> dict[str, Any]:
    """A mistake as JSON."""
    place = problem.params.get("place")
    where = {"file": place.file, "line": place.line, "column": place.column} if isinstance(place, Place) else {}
    return {"code": problem.code, **where, "message": problem.text(), "owner": problem.owner}


def previews(found: Sequence[tuple[str, Sequence[Cell]]], output: Format) -> None:
    """Several records, each under its name; as JSON one list, each line with its record."""
    if output == "table":
        for name, cells in found:
            stdout().print(f"[bold]{safe(name)}[/]", soft_wrap=True)
            preview(cells, output)
            click.echo()
        return
    emit([{"record": name, **row} for name, cells in found for row in _cells(cells)], [], output)


def preview(cells: Sequence[Cell], output: Format) -> None:
    """Field by field: what was read, the rule, the result."""
    columns = [
        Column("field", tr("field", "поле")), Column("source", tr("source", "источник")),
        Column("raw", tr("value in 1C", "значение в 1С")), Column("rule", tr("rule", "правило")),
        Column("result", tr("result", "результат")),
    ]  # fmt: skip
    emit(_cells(cells), columns, output)


def _cells(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    return [
        {
            "field": cell.field, "source": cell.source, "raw": _cut(cell.raw), "rule": cell.rule,
            "result": f"! {cell.error.code} {cell.error.text()}" if cell.error else _cut(cell.result),
        }
        for cell in cells
    ]  # fmt: skip


def _cut(value: object) -> str:
    text = "" if value is None else shown(value)
    return text if len(text) <= WIDTH else text[: WIDTH - 1] + "…"


def outcomes(found: Sequence[Outcome], output: Format, *, file: str) -> None:
    """Each case, and of one that differs what was wanted and what came."""
    if output != "table":
        emit([_row(outcome, file) for outcome in found], [], output)
        return
    for outcome in found:
        mark = "[bold red]✗[/]" if outcome.differences else "[green]✓[/]"
        name = f"{outcome.case.section} {outcome.case.name}".strip()
        stdout().print(f"{mark} {safe(name)} ({safe(file)}:{outcome.line})", soft_wrap=True)
        for difference in outcome.differences:
            wanted, got = tr("wanted", "ожидалось"), tr("got", "получено")
            field = f"{difference.field}: " if difference.field else ""
            stdout().print(f"    {safe(field)}{wanted} {safe(difference.expected)}, {got} {safe(difference.got)}",
                           soft_wrap=True)  # fmt: skip


def _row(outcome: Outcome, file: str) -> dict[str, Any]:
    differences = [{"field": d.field, "expected": d.expected, "got": d.got} for d in outcome.differences]
    return {
        "section": outcome.case.section, "name": outcome.case.name, "file": file, "line": outcome.line,
        "passed": not differences, "differences": differences,
    }  # fmt: skip
