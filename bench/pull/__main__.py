"""``python -m bench.pull``: a first pull of goods, prices and stocks over OData, against a loop written by hand."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from syncd import embedded
from syncd.adapters.odata import describe
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint
from syncd.i18n import tr
from syncd.store import access, endpoints, mappings, migrate, secrets
from syncd.store.db import Database

OUT: Final = Path(__file__).parent.parent / "out"
MEGABYTE: Final = 1 << 20


def main(arguments: list[str] | None = None) -> None:
    """Measure and print; the first round fills the cache of the base's answers and is not counted."""
    options = _options(arguments)
    best: dict[str, dict[str, float]] = {}
    with _base(options.size) as address:
        for number in range(options.rounds + 1):
            for who in ("by_hand", "ours"):
                found = measure(who, address)
                if number and (who not in best or found["wall"] < best[who]["wall"]):
                    best[who] = found
    show(best, options.size)


def measure(who: str, address: str) -> dict[str, float]:
    """One pull into an empty database, in a process of its own."""
    folder = tempfile.TemporaryDirectory(prefix="syncd-bench-", ignore_cleanup_errors=True)
    with folder as home, embedded.start(Path(home)) as servers:
        migrate.upgrade(servers.database_url)
        key = secrets.new_key()
        if who == "ours":
            _furnish(servers.database_url, address, key)
        done = subprocess.run(
            [sys.executable, "-m", f"bench.pull.{who}", servers.database_url, address], check=True,
            stdout=subprocess.PIPE, env={**os.environ, "SYNCD_SECRET_KEY": key, "SYNCD_LOG__LEVEL": "warning"},
        )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _furnish(url: str, address: str, key: str) -> None:
    db = Database(url, size=1)
    with Client(Endpoint(address, "odata", "odata")) as client:
        known = describe.metadata(client)
    with db.transaction() as conn:
        infobase = access.add_infobase(conn, "default", "ut11", "1c", "x" * 16, dialect="auto", zone="Europe/Moscow")
        mappings.keep_metadata(conn, "default", "ut11", known, source="bench", by="bench")
        endpoints.add(
            conn, "default", name="main", kind="odata", address=address, takes=[], infobase_id=infobase,
            settings={"login": "odata", "mapping": "ut11"}, sealed=secrets.Keys([key]).seal("odata"),
        )  # fmt: skip
    db.close()


@contextmanager
def _base(size: int) -> Iterator[str]:
    folder = OUT / f"odata-{size}"
    folder.mkdir(parents=True, exist_ok=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "bench.pull.server", str(folder), str(size)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
    finally:
        server.terminate()
        server.wait()


def show(best: dict[str, dict[str, float]], size: int) -> None:
    """A line for each, and how they compare."""
    words = {"by_hand": tr("by hand: httpx, json, COPY", "вручную: httpx, json, COPY"), "ours": tr("syncd", "syncd")}
    print(tr(f"a first pull of {size:,} goods with prices and stocks over OData",
             f"первая загрузка {size:,} товаров с ценами и остатками через OData"))  # fmt: skip
    for who, found in best.items():
        rate = found["records"] / found["wall"]
        print(f"{words[who]:32} {found['records']:>9,.0f} {found['wall']:7.1f} s {found['cpu']:7.1f} s CPU "
              f"{rate:9,.0f}/s {found['peak'] / MEGABYTE:7.0f} MB", flush=True)  # fmt: skip
    ours, hand = best["ours"], best["by_hand"]
    ratio = (ours["records"] / ours["wall"]) / (hand["records"] / hand["wall"])
    print(tr(f"ratio {ratio:.2f} (>= 0.7), peak {ours['peak'] / MEGABYTE:.0f} MB (< 250 MB)",
             f"отношение {ratio:.2f} (>= 0,7), память {ours['peak'] / MEGABYTE:.0f} МБ (< 250 МБ)"))  # fmt: skip


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.pull", description=tr("How fast OData is pulled", "Скорость OData"))
    parser.add_argument("--size", type=int, default=100_000, help=tr("goods (100000)", "товаров (100000)"))
    parser.add_argument("--rounds", type=int, default=2, help=tr("the best of so many (2)", "лучший из стольких (2)"))
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
