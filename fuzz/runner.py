"""Case after case until the time is up; what fails is written down with the command that runs it again."""

from __future__ import annotations

import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Final

from fuzz.cases import Case, make
from fuzz.importing import Imported
from fuzz.lab import Broken, Lab
from fuzz.reading import Read
from syncd import embedded
from syncd.store import migrate

OUT: Final = Path(__file__).parent / "out"
READ_SECONDS: Final = 30.0
IMPORT_SECONDS: Final = 90.0
IMPORT_EVERY: Final = 6
COMPARE_EVERY: Final = 30


@dataclass(frozen=True, slots=True)
class Finding:
    """A case that was not survived. ``check`` is the one that says so: read, import or compare."""

    case: Case
    check: str
    problems: list[str]


@dataclass(slots=True)
class Report:
    """What was run. ``outcomes`` counts by check and outcome; ``seconds`` by check."""

    seed: int
    cases: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    findings: list[Finding] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")


class Runner:
    """Has the processes in which cases run."""

    def __init__(self, reading: Lab, importing: Lab, report: Report) -> None:
        self._reading = reading
        self._importing = importing
        self.report = report

    def run(self, case: Case, *, imported: bool, compared: bool) -> list[Finding]:
        """One case through the reader, and through as much of the rest as asked for."""
        found = []
        if not case.file.endswith(".zip"):
            found += self._check("read", case, self._reading, (case.data, case.name), READ_SECONDS)
        if imported:
            found += self._check("import", case, self._importing, (case, False), IMPORT_SECONDS)
        if compared:
            found += self._check("compare", case, self._importing, (case, True), 4 * IMPORT_SECONDS)
        self.report.cases += 1
        self.report.findings += found
        return found

    def _check(self, check: str, case: Case, lab: Lab, request: object, seconds: float) -> list[Finding]:
        begin = time.perf_counter()
        try:
            answer: Read | Imported = lab.ask(request, seconds)
            outcome, problems = answer.outcome, answer.problems
        except Broken as error:
            outcome, problems = "broken", [str(error)]
        spent = time.perf_counter() - begin
        self.report.seconds[check] += spent
        self.report.slowest = max(self.report.slowest, (spent, f"{check} {case.name}"))
        self.report.outcomes[f"{check} {outcome}"] += 1
        return [Finding(case, check, problems)] if problems else []


def run(
    seed: int, *, seconds: float | None = 60.0, cases: int | None = None, only: int | None = None,
    file: Path | None = None, url: str | None = None, out: Path = OUT, corpus: bool = True,
) -> Report:  # fmt: skip
    """Run cases until the seconds or the cases are used up; with ``only`` or ``file`` this one through everything."""
    report = Report(seed)
    with _database(url) as database, Lab("fuzz.reading") as reading, Lab("fuzz.importing", database) as importing:
        runner = Runner(reading, importing, report)
        if only is not None or file is not None:
            case = make(seed, only or 0, corpus=corpus)
            if file is not None:
                lane = "sale" if "-sale" in file.stem else "catalog"
                case = replace(case, file=file.name, lane=lane, data=file.read_bytes(), kind="file")
            runner.run(case, imported=True, compared=True)
            return report
        begin = time.monotonic()
        for number in count():
            if (cases is not None and number >= cases) or (seconds is not None and time.monotonic() - begin > seconds):
                break
            case = make(seed, number, corpus=corpus)
            is_zip = case.kind == "zip"
            for finding in runner.run(
                case, imported=is_zip or number % IMPORT_EVERY == 0, compared=not is_zip and number % COMPARE_EVERY == 1
            ):
                keep(finding, seed, number, out)
    return report


def keep(finding: Finding, seed: int, number: int, out: Path = OUT) -> Path:
    """Write the document beside what is wrong with it and the command that runs it again."""
    out.mkdir(parents=True, exist_ok=True)
    case = finding.case
    path = out / f"{seed}-{number}-{case.lane}-{finding.check}{Path(case.file).suffix}"
    path.write_bytes(case.data)
    told = [
        f"python -m fuzz --seed {seed} --case {number}",
        f"python -m fuzz --seed {seed} --file fuzz/out/{path.name}",
    ]
    head = f"{finding.check}: {case.kind} of {case.original}, {len(case.data)} bytes, lane {case.lane}"
    path.with_suffix(".txt").write_text("\n".join([head, *told, "", *finding.problems, ""]), encoding="utf-8")
    return path


@contextmanager
def _database(url: str | None) -> Iterator[str]:
    if url is not None:
        yield url
        return
    folder = tempfile.TemporaryDirectory(prefix="syncd-fuzz-", ignore_cleanup_errors=True)
    with folder as home, embedded.start(Path(home), valkey=False) as servers:
        migrate.upgrade(servers.database_url)
        yield servers.database_url
