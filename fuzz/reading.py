"""The reader alone: each document twice in pieces of random size, in a child of its own with little memory."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from fuzz.lab import Broken, receive, send
from syncd.commerceml.policy import ReadPolicy
from syncd.commerceml.reader import EncodingMismatch, Reader
from syncd.errors import DataError
from syncd.model import ENTITIES
from syncd.model.records import BadRecord, CatalogueHead, Item, OrderDocument, Record
from syncd.store import stage
from syncd.sync.batch import Batch, Job, Unreadable, read_batch

MEMORY: Final = 640 << 20
"""Address space a document may take on top of the process itself, bytes."""
_WHOLE: Final = 1 << 20
_GOODS: Final = 40  # records of one document that are read both ways
_RECORD: Final = 1 << 20  # bytes: what is larger is the business of the reader as a whole
_FEEDS: Final = 3_000  # pieces of one document at most, so that the harness is not what takes the time


@dataclass(slots=True)
class Read:
    """What became of a document: a code of the catalogue, or ``ok``; and what must not have happened."""

    outcome: str
    items: int = 0
    peak: int = 0
    problems: list[str] = field(default_factory=list)


def check(data: bytes, seed: str) -> Read:
    """Read it twice in different pieces. Both must end the same, with usable records or a clear refusal."""
    rng = random.Random(seed)
    try:
        first = _read(data, rng)
        second = _read(data, rng)
        problems = _against_the_parser(data)
    except MemoryError:
        return Read("memory", problems=[f"more than {MEMORY >> 20} MB"])
    except Exception:
        return Read("crash", problems=[traceback.format_exc()])
    if first != second and "ok" in (first[0], second[0]):  # which of two reasons to refuse comes first may differ
        problems.append(f"depends on the size of the pieces: {first} against {second}")
    return Read(first[0], first[1], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10, problems)


def _against_the_parser(data: bytes) -> list[str]:
    """Goods as they stand in the bytes: read by their shape they are what the parser makes of them."""
    for element in ("Товар", "Предложение"):
        for encoding in ("utf-8", "windows-1251"):
            for record in islice(_records(data, element.encode(encoding)), _GOODS):
                job = Job(element, 1, 0, encoding, {}, "c", {}, ReadPolicy(), [record])
                # a shape is learnt at its second sight
                told = [_batch(job, by_shape=way) for way in (True, True, False)]
                if not told[0] == told[1] == told[2]:
                    return [f"by its shape another record: {record[:2000]!r}"]
    return []


def _records(data: bytes, element: bytes) -> Iterator[bytes]:
    """From each opening tag to the closing one behind it, as long as there is one; records of a sane size only."""
    opening, closing = b"<" + element, b"</" + element + b">"
    at = 0
    while (begin := data.find(opening, at)) >= 0 and (end := data.find(closing, begin)) >= 0:
        at = end + len(closing)
        if data[begin + len(opening)] in b" >" and at - begin <= _RECORD:
            yield data[begin:at]


def _batch(job: Job, *, by_shape: bool) -> Batch | None:
    try:
        return read_batch(job, by_shape=by_shape)
    except Unreadable:
        return None


def _read(data: bytes, rng: random.Random) -> tuple[str, int, str]:
    encoding = None
    while True:
        digest, count = hashlib.blake2b(digest_size=8), 0
        head: CatalogueHead | None = None
        try:
            for item in Reader(_pieces(data, rng), encoding=encoding):
                if isinstance(item, CatalogueHead):  # told again when more of it comes behind the records
                    head = item
                    continue
                count += 1
                _hold(item)
                digest.update(_told(item))
            digest.update(repr(head).encode())
        except EncodingMismatch as error:
            if encoding is not None:
                return error.code, 0, ""
            encoding = "windows-1251"
        except DataError as error:
            return error.code, 0, ""
        else:
            return "ok", count, digest.hexdigest()


def _pieces(data: bytes, rng: random.Random) -> Iterator[bytes]:
    least = len(data) // _FEEDS + 1
    usual = rng.choice((1, 7, 100, 4_096, 65_536, _WHOLE))
    at = 0
    while at < len(data):
        size = max(least, rng.randint(1, usual) if rng.random() < 0.9 else rng.randint(0, _WHOLE))
        yield data[at : at + size]
        at += size


def _hold(item: Item) -> None:
    """What everyone behind the reader takes for granted."""
    if isinstance(item, Record):
        entity = ENTITIES[item.entity]
        assert len(item.key) == len(entity.key), item
        assert item.key[0] == item.key[0].strip() != "", item
        assert item.fields.keys() <= {one.name for one in entity.fields}, item
        stage_one(item)
    elif isinstance(item, OrderDocument):
        assert item.id or item.number, item
    elif isinstance(item, BadRecord):
        assert str(item.error), item


def stage_one(record: Record) -> None:
    """Make a record ready for Postgres, which may refuse it with a code only."""
    try:
        stage.render(record)
    except DataError as error:
        if error.code != "E215":
            raise


def _told(item: Item) -> bytes:
    if isinstance(item, BadRecord):
        return f"{item.entity} {item.key} {item.path} {item.error}".encode("utf-8", "surrogatepass")
    if isinstance(item, Record):
        return repr((item.entity, item.key, item.fields, item.extra, item.deleted, item.stub)).encode()
    if isinstance(item, OrderDocument):
        lines = [repr(line) for line in item.lines or ()]
        return repr((item.id, item.number, item.amount, lines, item.requisites)).encode()
    return repr(item).encode()


def in_child(data: bytes, seed: str) -> Read:
    """The check in a child with bounded memory. Raises ``Broken`` when the child died."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        _child(theirs, data, seed)
    os.close(theirs)
    try:
        with os.fdopen(ours, "rb", buffering=0) as stream:
            answer: Read = receive(stream)
            return answer
    except EOFError as error:
        raise Broken("the child died") from error
    finally:
        os.waitpid(pid, 0)


def _child(pipe: int, data: bytes, seed: str) -> None:
    try:
        bound_memory(MEMORY)
        with os.fdopen(pipe, "wb", buffering=0) as stream:
            send(stream, check(data, seed))
    finally:
        os._exit(0)


def bound_memory(more: int) -> None:
    """Let this process take so many bytes of address space on top of what it has."""
    with open("/proc/self/statm", encoding="ascii") as stream:
        now = int(stream.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + more, now + more))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer requests until there are no more."""
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    while True:
        try:
            data, seed = receive(sys.stdin.buffer)
        except EOFError:
            return
        try:
            send(answers, in_child(data, seed))
        except Broken as error:
            send(answers, Read("died", problems=[str(error)]))
