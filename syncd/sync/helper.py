"""A process that reads batches for an import: jobs come on its standard input, answers go to its standard output.

It talks to nobody but its parent, and ends when that does: ``python -m syncd.sync.helper``, see ``syncd.sync.helpers``.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import struct
from typing import IO, Final

from syncd.sync.batch import Unreadable, read_batch

_LENGTH: Final = struct.Struct(">Q")


def send(stream: IO[bytes], message: object) -> None:
    """Write one message."""
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    stream.write(_LENGTH.pack(len(data)))
    stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> object:
    """Read one message. Raises ``EOFError`` when the other side went away."""
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    (size,) = _LENGTH.unpack(head)
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return pickle.loads(data)  # noqa: S301 - between a process of ours and its parent


def main() -> None:
    """Answer jobs until the parent goes away."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C reaches the whole group; the parent decides what ends
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anybody prints is no answer
    gc.freeze()
    gc.disable()  # records make no cycles worth a search amid a batch
    while True:
        try:
            job = receive(source)
            try:
                answer: object = read_batch(job)  # type: ignore[arg-type]
            except Unreadable as error:
                answer = str(error)
            send(target, answer)
        except (EOFError, BrokenPipeError):
            return
        del job
        gc.collect()
        gc.freeze()  # what was learnt stays: it is not looked through again after every batch


if __name__ == "__main__":
    main()
