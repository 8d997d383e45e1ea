"""What makes a base out of the emulator: a schema, first rows, and the configuration's own code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from syncd.emulator.odata.model import Schema
from syncd.emulator.odata.store import Store
from syncd.emulator.odata.writing import Rules


@dataclass(frozen=True, slots=True)
class Preset:
    """``publication`` is the base's name in its address; ``fill`` gives (store, seed, size) its first rows, and returns
    the documents that are to be posted from the start, as (set, reference).
    """

    name: str
    publication: str
    number_prefix: str
    schema: Callable[[], Schema]
    fill: Callable[[Store, int, int], list[tuple[str, str]]]
    rules: Callable[[Store], Rules]
