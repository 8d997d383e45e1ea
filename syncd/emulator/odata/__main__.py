"""An emulated base as a process of its own: ``python -m syncd.emulator.odata --port 8314 --state base.sqlite``.

What is written is in the file, so that a kill -9 loses none of it. SIGUSR1 closes the port for ``--outage`` seconds.
"""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path
from typing import Final

from syncd.emulator.odata import Fault, OdataBase, OdataFaults

RARE: Final = (
    Fault.POOL,
    Fault.LICENCE,
    Fault.BLOCKED,
    Fault.MAINTENANCE,
    Fault.BAD_GATEWAY,
    Fault.UNAVAILABLE,
    Fault.CRASH,
)
"""1C asks to be left alone: nothing is sent to it for a while, so that these may not come often."""
OFTEN: Final = (
    Fault.DROP_BEFORE, Fault.DROP_AFTER_COMMIT, Fault.TIMEOUT_AFTER_COMMIT, Fault.CUT, Fault.HANDLER, Fault.LOCK,
)  # fmt: skip


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m syncd.emulator.odata", description=__doc__)
    parser.add_argument("--preset", default="ut11")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, default=50)
    parser.add_argument("--fault-rate", type=float, default=0.0)
    parser.add_argument("--outage", type=float, default=3.0)
    return parser.parse_args()


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    found = options()
    faults = OdataFaults((), found.fault_rate, found.seed, among=OFTEN * 40 + RARE)
    base = OdataBase(
        found.preset, seed=found.seed, size=found.size, faults=faults, port=found.port, kept=found.state,
    )  # fmt: skip
    ended, away = threading.Event(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    signal.signal(signal.SIGUSR1, lambda *_: away.set())
    while not ended.is_set():
        with base.running():
            while not ended.wait(0.05) and not away.is_set():
                pass
        if away.is_set():
            ended.wait(found.outage)
            away.clear()


if __name__ == "__main__":
    main()
