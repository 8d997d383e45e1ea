"""The sources of one entity, read so that those whose records add up become one record with the others of their key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from syncd.adapters.ports import Rest
from syncd.mappings.compiled import Combined, CompiledSource
from syncd.model.records import BadRecord, Record
from syncd.sync.odata_read import Page, SourceReader

_AT_ONCE: Final = 1000


def together(
    readers: Sequence[SourceReader], now: datetime, since: Mapping[str, datetime], *, rest: bool = False
) -> Iterator[Sequence[Record | BadRecord | Rest]]:
    """All records. Sources that combine are read first and kept, the others go through page by page, those that changed
    ``since`` only: of what adds up, a part that did not change counts as much as one that did. With ``rest`` it is said
    of all other records too that nothing is left of what would add up, where that is certain.
    """
    bad, combined = _combined([reader for reader in readers if reader.source.combines], now)
    if bad:
        yield bad
    for reader in readers:
        if not reader.source.combines:
            yield from _completed(reader.read(now, since.get(reader.source.label)), combined)
    left = combined.left()
    while page := list(islice(left, _AT_ONCE)):
        yield page
    if rest and combined.nothing:
        yield [Rest(readers[0].source.entity.name, combined.nothing)]


def _completed(pages: Iterator[Page], combined: Combined) -> Iterator[Page]:
    for page in pages:
        for item in page:
            if isinstance(item, Record):
                combined.add_to(item)
        yield page


def _combined(readers: Sequence[SourceReader], now: datetime) -> tuple[list[BadRecord], Combined]:
    made: list[tuple[CompiledSource, list[Record]]] = []
    bad: list[BadRecord] = []
    for reader in readers:
        records: list[Record] = []
        for page in reader.read(now):
            records += [item for item in page if isinstance(item, Record)]
            bad += [item for item in page if isinstance(item, BadRecord)]
        made.append((reader.source, records))
    # what was not seen, or could not be read, may well be more than nothing
    return bad, Combined(made, neutral=not bad and all(reader.complete for reader in readers))
