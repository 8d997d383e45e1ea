"""What a piece of work took: seconds, seconds of this process's CPU, its peak memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path


def told(work: Callable[[], int]) -> None:
    """Do it and print a line of JSON: records, wall, cpu (seconds), peak (bytes)."""
    began, before = time.monotonic(), time.process_time()
    number = work()
    wall, cpu = time.monotonic() - began, time.process_time() - before
    print(json.dumps({"records": number, "wall": wall, "cpu": cpu, "peak": peak()}), flush=True)


def peak() -> int:
    """The most memory this process ever had, in bytes; ``getrusage`` would tell that of the process it came from."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
