"""What ``syncd demo`` shows on the screen."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from syncd.cli.runtime import Servers
from syncd.config import Settings
from syncd.emulator.story import Step, spaced
from syncd.i18n import tr


@dataclass(frozen=True, slots=True)
class Access:
    """How 1C and the shop get in during this run."""

    infobase_password: str
    api_key: str
    stamp: str


def greet(console: Console, found: Settings, path: Path) -> None:
    """What is about to run, and where its data and log are."""
    console.print(
        tr(
            "[bold]syncd demo[/]: a shop, syncd and a 1C on this machine. Only 1C is emulated; all else is real.",
            "[bold]Демо syncd[/]: магазин, syncd и 1С на этой машине. Эмулируется только 1С, остальное настоящее.",
        )
    )
    console.print(tr("Data", "Данные") + f": {escape(str(found.home))}")
    console.print(tr("Log", "Лог") + f": {escape(str(path))}")
    console.print(tr("Starting Postgres, Valkey and syncd…", "Запускаю Postgres, Valkey и syncd…"))


def told(console: Console, step: Step) -> None:
    """How a step ended."""
    mark = "[green]ok[/]" if step.ok else f"[bold red]{tr('FAILED', 'ОШИБКА')}[/]"
    console.print(f"   {mark}: {escape(step.happened)}")


def sentence(title: str) -> str:
    """With a capital letter."""
    return title[:1].upper() + title[1:]


def summary(console: Console, steps: list[Step]) -> None:
    """All steps in a table."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(tr("step", "шаг"), overflow="fold", ratio=3)
    table.add_column(tr("what happened", "что произошло"), overflow="fold", ratio=7)
    table.add_column(tr("how many", "сколько"), justify="right", no_wrap=True)
    table.add_column(tr("seconds", "секунд"), justify="right", no_wrap=True)
    table.add_column(tr("ok", "итог"), no_wrap=True)
    words = {True: "[green]ok[/]", False: f"[bold red]{tr('FAILED', 'ОШИБКА')}[/]", None: tr("not run", "не начат")}
    for n, step in enumerate(steps, 1):
        count = spaced(step.count) if step.ok else ""
        seconds = f"{step.seconds:.1f}" if step.ok is not None else ""
        table.add_row(f"{n}. {escape(sentence(step.title))}", escape(step.happened), count, seconds, words[step.ok])
    console.print()
    console.print(table, soft_wrap=False)


def verdict(console: Console, steps: list[Step], path: Path) -> None:
    """Whether everything ended as it must, or the step that did not and the log."""
    failed = next((n for n, step in enumerate(steps, 1) if step.ok is False), None)
    if failed is not None:
        en = f"Step {failed} did not end as it must. The log: {path}"
        ru = f"Шаг {failed} закончился не так, как должен. Лог: {path}"
        console.print(f"\n[bold red]{escape(tr(en, ru))}[/]")
        return
    console.print(
        tr(
            "\nEverything ended as it must: no order lost, none doubled.",
            "\nВсё закончилось как должно: ни один заказ не потерян и не задвоен.",
        )
    )


def whereabouts(console: Console, found: Settings, where: Servers, address: str, login: str, granted: Access) -> None:
    """Where to look while it all goes on running."""
    journal_command = f"SYNCD_HOME={found.home} {_command()} journal tail"
    if where.embedded is None or not where.embedded.database_url:
        journal_command = f"{_command()} journal tail"
    rows = (
        (tr("API and its documentation", "API и его документация"), f"{address}/docs"),
        (tr("API key of the shop", "API-ключ магазина"), granted.api_key),
        (tr("exchange address for 1C", "адрес обмена для 1С"), f"{address}/1c_exchange"),
        (tr("its login", "логин"), login),
        (tr("its password", "пароль"), granted.infobase_password),
        (tr("metrics", "метрики"), f"{address}/metrics"),
        (tr("journal of exchanges", "журнал обменов"), journal_command),
    )
    console.print(tr("\nIt all goes on running; look around:", "\nВсё продолжает работать, можно осмотреться:"))
    width = max(len(title) for title, _ in rows)
    for title, text in rows:
        console.print(f"  {title:<{width}}  {escape(text)}")
    console.print(tr("Ctrl-C stops it.", "Ctrl-C — остановить."))


def _command() -> str:
    """How this program is called from here."""
    return ".venv/bin/python cli.py" if Path(sys.argv[0]).name == "cli.py" else "syncd"
