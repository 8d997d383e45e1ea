"""What was measured, as a table."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from bench.latency import Latency
from bench.worker import Measured
from syncd.i18n import tr

_MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """One measurement with the yardstick before and after it. ``size`` is bytes of XML."""

    name: str
    size: int
    measured: Measured
    before: Measured
    after: Measured

    @property
    def ratio(self) -> float:
        """Seconds for each second of the better yardstick: 1 is as fast, 2 takes twice as long."""
        return self.measured.seconds / min(self.before.seconds, self.after.seconds)

    @property
    def work(self) -> float:
        """The same of processor time, that of Postgres and of helpers among it: less swayed by a busy machine."""
        return (self.measured.cpu + self.measured.server) / min(self.before.cpu, self.after.cpu)


def show(lines: list[Line]) -> None:
    """Print the table."""
    table = Table(title=tr("Import of one full exchange", "Импорт одной полной выгрузки"))
    table.add_column(tr("what", "что"))
    titles = (
        "MB", tr("seconds", "секунд"), tr("MB/s", "МБ/с"), tr("records/s", "записей/с"), tr("CPU s", "ЦП, с"),
        tr("Postgres CPU s", "ЦП Postgres, с"),
        tr("× yardstick", "× эталон"), tr("× its CPU", "× его ЦП"),
        tr("yardstick before / after, s", "эталон до / после, с"), tr("peak MB", "пик МБ"),
    )  # fmt: skip
    for title in titles:
        table.add_column(title, justify="right")
    for line in lines:
        found = line.measured
        table.add_row(
            _said(line.name), f"{line.size / _MB:,.1f}",
            f"{found.seconds:.2f}", f"{line.size / _MB / found.seconds:.1f}",
            f"{found.records / found.seconds:,.0f}", f"{found.cpu:.2f}", f"{found.server:.2f}",
            f"{line.ratio:.2f}", f"{line.work:.2f}",
            f"{line.before.seconds:.2f} / {line.after.seconds:.2f}", f"{found.peak / _MB:.0f}",
        )  # fmt: skip
    console = _console()
    console.print(table)
    for line in lines:
        changes = [
            f"{entity} +{counts['created']} ~{counts['updated']} ={counts['unchanged']} -{counts['removed']}"
            for entity, counts in line.measured.counters.items()
        ]
        if changes:
            console.print(f"{line.name}: " + ", ".join(changes))


def show_phases(lines: list[Line]) -> None:
    """Print where the time of the imports went."""
    imports = [line for line in lines if line.measured.phases]
    table = Table(title=tr("Seconds by phase", "Секунды по этапам"))
    table.add_column(tr("phase", "этап"))
    for line in imports:
        table.add_column(line.name, justify="right")
    for phase in dict.fromkeys(name for line in imports for name in line.measured.phases):
        table.add_row(phase, *(f"{line.measured.phases.get(phase, 0.0):.2f}" for line in imports))
    _console().print(table)


def show_latency(quiet: Latency, busy: Latency) -> None:
    """Print how long a storefront waits, with nothing else going on and during an import."""
    table = Table(title=tr("GET /v1/stocks for 100 offers, ms", "GET /v1/stocks по 100 предложениям, мс"))
    for title in ("", tr("answers", "ответов"), "p50", "p99"):
        table.add_column(title, justify="right")
    for name, found in ((tr("quiet", "тишина"), quiet), (tr("during an import", "во время импорта"), busy)):
        table.add_row(name, str(found.answers), f"{found.p50:.1f}", f"{found.p99:.1f}")
    table.add_row("×", "", f"{busy.p50 / quiet.p50:.2f}", f"{busy.p99 / quiet.p99:.2f}")
    _console().print(table)


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def _said(name: str) -> str:
    return {
        "yardstick": tr("yardstick (lxml.iterparse)", "эталон (lxml.iterparse)"),
        "reader": tr("syncd's reader", "чтение syncd"),
        "render": tr("reader + rows for COPY", "чтение + строки для COPY"),
        "first": tr("import, first", "импорт, первый"),
        "unchanged": tr("import, unchanged", "импорт, без изменений"),
        "changed": tr("import, 5 % changed", "импорт, изменено 5 %"),
    }[name]
