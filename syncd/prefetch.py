"""One item ahead: a thread fetches the next one while the caller is busy with the one before."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetched(items: Iterator[Item]) -> Iterator[Item]:
    """The same items, none of them ``None``. What fetching raises is raised here; a generator is closed at the end."""
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="syncd-prefetch") as thread:
            coming = thread.submit(next, items, None)
            while (item := coming.result()) is not None:
                coming = thread.submit(next, items, None)
                yield item
    finally:
        if isinstance(items, Generator):
            items.close()
