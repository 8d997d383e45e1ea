"""``python -m fuzz``: documents nobody would send, through the reader and the import. Exits with 1 when one was not
survived.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from pathlib import Path

from fuzz.runner import Report, run
from syncd.i18n import tr


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 0 when everything was survived."""
    options = _options(arguments)
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    print(tr(f"seed {seed}", f"начальное число {seed}"), flush=True)
    report = run(seed, seconds=options.seconds, cases=options.cases, only=options.case, file=options.file)
    show(report)
    return 1 if report.findings else 0


def show(report: Report) -> None:
    """Figures, then what was not survived."""
    spent = sum(report.seconds.values())
    rate = report.cases / spent if spent else 0.0
    print(tr(f"{report.cases} cases, {rate:.0f} a second", f"случаев: {report.cases}, в секунду {rate:.0f}"))
    for outcome, number in sorted(report.outcomes.items()):
        print(f"  {number:6}  {outcome}")
    for check, seconds in report.seconds.items():
        number = sum(n for outcome, n in report.outcomes.items() if outcome.startswith(check))
        told = tr(f"{number / seconds:.1f} a second", f"в секунду {number / seconds:.1f}")
        print(f"  {check}: {number}, {seconds:.1f} s, {told}")
    took, name = report.slowest
    print(tr(f"slowest: {took:.1f} s, {name}", f"дольше всех: {took:.1f} с, {name}"))
    for finding in report.findings:
        print(f"{finding.case.name} {finding.check} ({finding.case.kind} {finding.case.original})")
        for problem in finding.problems:
            print(f"    {problem.strip()[-1500:]}")
    if report.findings:
        told = tr("not survived; the documents are in fuzz/out", "с ошибкой; документы лежат в fuzz/out")
        print(f"{len(report.findings)} {told}")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="fuzz", description=tr("Mutated documents through the import", "Испорченные документы через импорт")
    )
    parser.add_argument("--seed", type=int, help=tr("begin with this number", "начальное число"))
    parser.add_argument("--seconds", type=float, default=60.0, help=tr("how long (60)", "сколько секунд (60)"))
    parser.add_argument("--cases", type=int, help=tr("so many cases at most", "не больше стольких случаев"))
    parser.add_argument("--case", type=int, help=tr("this case alone", "только этот случай"))
    parser.add_argument("--file", type=Path, help=tr("this document alone", "только этот документ"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
