"""One job in a process of its own, so that its memory can be measured.

``python -m bench.worker JOB …`` prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench import yardstick
from bench.base import Parameters, write
from syncd.commerceml.reader import Reader
from syncd.model.records import Record
from syncd.store import stage


@dataclass(slots=True)
class Measured:
    """What a job took. ``cpu`` are seconds of the process and its helpers, ``server`` those of Postgres. ``peak`` is
    the largest resident memory of the process, or what it had ``together`` with its helpers at one moment, in bytes;
    ``phases`` are seconds by name.
    """

    seconds: float
    records: int = 0
    peak: int = 0
    cpu: float = 0.0
    server: float = 0.0
    together: int = 0
    counters: dict[str, dict[str, int]] = field(default_factory=dict)
    phases: dict[str, float] = field(default_factory=dict)


def peak_memory() -> int:
    """Bytes this process held at most. ``VmHWM`` of Linux is of this program alone, ``ru_maxrss`` of its parent too."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except FileNotFoundError:
        pass
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def _timed(work: Callable[[], int]) -> Measured:
    begin, cpu = time.perf_counter(), time.process_time()
    records = work()
    return Measured(time.perf_counter() - begin, records, cpu=time.process_time() - cpu)


def chunks(path: Path, size: int = 1 << 20) -> Iterator[bytes]:
    """The bytes of a file in pieces as uploads hold them."""
    with path.open("rb") as stream:
        while data := stream.read(size):
            yield data


def read(paths: list[Path], *, render: bool) -> int:
    """syncd's reader alone, and with every record rendered for COPY; how many records it gave."""
    records = 0
    for path in paths:
        for item in Reader(chunks(path)):
            if isinstance(item, Record):
                records += 1
                if render:
                    stage.render(item)
    return records


def _job(name: str, arguments: list[str]) -> Measured:
    paths = [Path(argument) for argument in arguments]
    if name == "generate":
        return _timed(lambda: write(Parameters(**json.loads(arguments[0])), paths[1]).offers)
    if name == "yardstick":
        return _timed(lambda: yardstick.count(paths))
    if name in ("reader", "render"):
        return _timed(lambda: read(paths, render=name == "render"))
    from bench.importing import import_

    return import_(arguments[0], [Path(argument) for argument in arguments[1:]])


def main(arguments: list[str]) -> None:
    """Run the job and print what was measured."""
    measured = _job(arguments[0], arguments[1:])
    measured.peak = max(peak_memory(), measured.together)
    told: dict[str, Any] = asdict(measured)
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
