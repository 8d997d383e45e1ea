"""``python -m chaos``: everything breaks under load. Exits with 1 when a promise was not kept; a seed repeats a run."""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path
from typing import get_args

from chaos.plan import Via
from chaos.runner import Report, run
from syncd.i18n import tr


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 0 when every promise was kept."""
    options = _options(arguments)
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    print(tr(f"seed {seed}", f"начальное число {seed}"), flush=True)
    report = run(
        seed, orders=options.orders, number=options.blows, pause=options.pause, keep=options.keep, via=options.via
    )
    if report.faults < options.least:
        report.problems.append(tr(f"only {report.faults} faults, not {options.least}",
                                  f"сбоев всего {report.faults}, а не {options.least}"))  # fmt: skip
    show(report)
    return 1 if report.problems else 0


def show(report: Report) -> None:
    """Figures, then the promises that were not kept."""
    for what, number in sorted((report.blows + report.strikes).items(), key=lambda item: (-item[1], item[0])):
        print(f"  {number:6}  {what}")
    print(tr(f"{report.faults} faults in {report.seconds:.0f} s, {report.restarts} starts of processes;",
             f"сбоев: {report.faults} за {report.seconds:.0f} с, запусков процессов: {report.restarts};"))  # fmt: skip
    asked, lost = report.requests, report.requests_failed
    print(tr(f"orders accepted: {report.accepted} (requests {asked}, unanswered {lost}), changes: {report.changes};",
             f"принято заказов: {report.accepted} (запросов {asked}, без ответа {lost}), "
             f"изменений: {report.changes};"))  # fmt: skip
    print(tr(f"attempts: {report.attempts}, at rest after {report.rest_seconds:.0f} s",
             f"попыток доставки: {report.attempts}, всё улеглось за {report.rest_seconds:.0f} с"))  # fmt: skip
    if report.problems:
        print(tr(f"{len(report.problems)} promises were NOT kept:", f"нарушено обещаний: {len(report.problems)}:"))
        for problem in report.problems[:50]:
            print(f"    {problem}")
    else:
        print(tr("every accepted order is one document, every failure is in the journal, nothing is left under way",
                 "каждый принятый заказ — один документ, каждый сбой в журнале, незавершённого нет"))  # fmt: skip


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="chaos", description=tr("Everything breaks under load", "Всё ломается под нагрузкой")
    )
    parser.add_argument("--seed", type=int, help=tr("begin with this number", "начальное число"))
    parser.add_argument(
        "--orders", type=int, default=1000, help=tr("orders per company (1000)", "заказов на компанию (1000)")
    )
    parser.add_argument(
        "--blows", type=int, default=150, help=tr("blows to processes (150)", "ударов по процессам (150)")
    )
    parser.add_argument("--pause", type=float, default=2.0, help=tr("seconds between two (2)", "секунд между ними (2)"))
    parser.add_argument(
        "--via", choices=get_args(Via), default="http", help=tr("the way into 1C (http)", "путь заказов в 1С (http)")
    )
    parser.add_argument(
        "--least", type=int, default=0, help=tr("fail with fewer faults (0)", "меньше сбоев — ошибка (0)")
    )
    parser.add_argument("--keep", type=Path, help=tr("keep data and logs there", "сохранить данные и логи"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
