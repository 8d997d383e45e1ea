"""Processes that may crash, hang or eat memory without taking the run along."""

from __future__ import annotations

import os
import pickle
import select
import struct
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Self

ROOT: Final = Path(__file__).resolve().parents[1]
_SIZE: Final = struct.Struct(">Q")


class Broken(Exception):
    """The process died or did not answer in time."""


class Lab:
    """A process that runs ``main`` of a module, one request at a time; started anew after it broke."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = [sys.executable, "-c", f"from {module} import main; main()", *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def ask(self, request: object, seconds: float) -> Any:
        """The answer to a request. Raises ``Broken``."""
        process = self._process or self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            send(process.stdin, request)
            return receive(process.stdout, time.monotonic() + seconds)
        except TimeoutError as error:
            self.stop()
            raise Broken(f"no answer within {seconds:.0f} s") from error
        except (OSError, EOFError) as error:
            ended = process.poll()
            self.stop()
            raise Broken(f"the process ended with {ended}") from error

    def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _start(self) -> subprocess.Popen[bytes]:
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            env={**os.environ, "MALLOC_ARENA_MAX": "1"},  # address space is what is bounded: threads reserve much
        )  # fmt: skip
        return self._process


def send(stream: BinaryIO | Any, message: object) -> None:
    """Write one message."""
    body = pickle.dumps(message)
    view = memoryview(_SIZE.pack(len(body)) + body)
    while view:
        view = view[stream.write(view) :]
    stream.flush()


def receive(stream: BinaryIO | Any, deadline: float | None = None) -> Any:
    """Read one message. Raises ``EOFError`` at the end and ``TimeoutError`` past the deadline."""
    (size,) = _SIZE.unpack(_exactly(stream, _SIZE.size, deadline))
    return pickle.loads(_exactly(stream, size, deadline))


def _exactly(stream: BinaryIO | Any, size: int, deadline: float | None) -> bytes:
    out = bytearray()
    while len(out) < size:
        if deadline is not None and not select.select([stream], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise TimeoutError
        data = stream.read(size - len(out))
        if not data:
            raise EOFError
        out += data
    return bytes(out)
