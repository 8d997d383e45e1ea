"""One portion on its way to the site: its files, as one archive or one by one, cut by the site's file_limit."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

_PARTS_OF_NAME = 2


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A file to send: the name the site gets, and where its bytes are."""

    name: str
    path: Path


@dataclass(slots=True)
class UploadResult:
    """What one portion took.

    ``progress`` counts answers progress; ``imports_skipped`` files for which import was not called.
    """

    documents: int = 0
    files: int = 0
    parts: int = 0
    bytes: int = 0
    attempts: int = 0
    progress: int = 0
    imports_skipped: int = 0

    def add(self, other: UploadResult) -> None:
        """Count another portion in."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def sent_name(name: str) -> str:
    """The name as УТ sends it: what follows a second dot of the whole path is dropped
    (УдалитьДополнительныеРасширенияФайла).
    """
    return ".".join(name.split(".")[:_PARTS_OF_NAME])


def files_of(folder: Path) -> list[Outgoing]:
    """Everything in the folder, in the order of the standard client: XML files of the root, then pictures."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    names = [Outgoing(path.relative_to(folder).as_posix(), path) for path in found]
    return sorted(names, key=lambda file: not is_document(file.name))


def is_document(name: str) -> bool:
    """A file for which import is called: an XML in the root of the portion."""
    return "/" not in name and name.lower().endswith(".xml")


def pack(files: list[Outgoing], folder: Path) -> Outgoing:
    """One archive of all files, named as 1C's temporary files are: ``v8_XXXX_YY.zip``."""
    digits = uuid4().hex
    name = f"v8_{digits[:4].upper()}_{digits[4:6]}.zip"
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file.path, file.name)
    return Outgoing(name, path)


def parts(file: Outgoing, limit: int) -> Iterator[tuple[bytes | IO[bytes], int]]:
    """The file in parts of at most ``limit`` bytes, with their sizes; whole, and not read into memory, when there is
    no limit to keep.
    """
    size = file.path.stat().st_size
    with file.path.open("rb") as stream:
        if limit <= 0 or size <= limit:
            yield stream, size
            return
        while part := stream.read(limit):
            yield part, len(part)
