"""``python -m bench``: the yardstick and our import side by side, in one run, on one generated base."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Final, get_args

import psycopg
from lxml import etree

from bench import latency
from bench.base import OUT, Documents, Parameters, Shape, State, find
from bench.report import Line, show, show_latency, show_phases
from bench.worker import Measured
from syncd import embedded
from syncd.i18n import tr
from syncd.store import migrate

IMPORTS: Final = ("first", "unchanged", "changed")
READERS: Final = ("reader", "render")
LATENCY: Final = "latency"
NAMES: Final = ("yardstick", *READERS, *IMPORTS, LATENCY)
_ROOT: Final = Path(__file__).resolve().parents[1]
_OFFERS: Final = 1_100  # for every thousand products, when --offers does not say


def job(*arguments: str) -> Measured:
    """Run a job in a process of its own. Raises ``CalledProcessError`` when it failed."""
    command = [sys.executable, "-m", "bench.worker", *arguments]
    done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def main(arguments: list[str] | None = None) -> list[Line]:
    """Measure, print, and return what was printed."""
    options = _options(arguments)
    offers = options.offers or options.products * _OFFERS // 1000
    parameters = Parameters(options.products, offers, shape=options.shape)
    documents = find(parameters, options.out) or _generate(parameters, options.out)
    with _database() as url:
        print(machine(url), flush=True)
        lines = measure(documents, url, options.only)
        show(lines)
        if not options.only or LATENCY in options.only:
            if options.only and not set(IMPORTS).intersection(options.only):
                job("import", url, *(str(path) for path in documents.files("first")))
            show_latency(*latency.measure(url, documents.files("first"), quiet_seconds=options.quiet))
    if options.profile:
        show_phases(lines)
    return lines


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description=tr("How fast syncd is here", "Скорость syncd на этой машине")
    )
    parser.add_argument("--products", type=_number, default=100_000, help=tr("products", "товаров"))
    parser.add_argument("--offers", type=_number, help=tr("about so many offers", "примерно столько предложений"))
    shape = tr("2.07, or 3.1 in split files", "2.07 или 3.1 раздельными файлами")
    parser.add_argument("--shape", choices=get_args(Shape), default="2.07", help=shape)
    parser.add_argument(
        "--only", choices=NAMES, nargs="+", help=tr("measure these alone", "измерить только перечисленное")
    )
    parser.add_argument("--quiet", type=float, default=15.0, help=tr("seconds of quiet", "секунд тишины"))
    parser.add_argument("--profile", action="store_true", help=tr("where the time goes", "на что уходит время"))
    parser.add_argument("--out", type=Path, default=OUT, help=tr("folder of the documents", "папка документов"))
    return parser.parse_args(arguments)


def _number(text: str) -> int:
    value = int(text.replace("_", ""))
    if value < 1:
        raise argparse.ArgumentTypeError(tr("must be 1 or more", "должно быть не меньше 1"))
    return value


def _generate(parameters: Parameters, out: Path) -> Documents:
    told = tr(f"Generating {parameters.products} products…", f"Готовлю {parameters.products} товаров…")
    print(told, file=sys.stderr, flush=True)
    job("generate", json.dumps(asdict(parameters)), str(out.resolve()))
    made = find(parameters, out)
    assert made is not None
    return made


@contextmanager
def _database() -> Iterator[str]:
    """A Postgres as syncd itself runs it, in a folder that goes away with it."""
    folder = tempfile.TemporaryDirectory(prefix="syncd-bench-", ignore_cleanup_errors=True)
    with folder as home, embedded.start(Path(home), valkey=False) as servers:
        migrate.upgrade(servers.database_url)
        yield servers.database_url


def machine(url: str) -> str:
    """What this was measured on, in one line."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    postgres = str(row[0]).split()[0] if row else "?"
    lxml, libxml = (".".join(map(str, version)) for version in (etree.LXML_VERSION[:3], etree.LIBXML_VERSION))
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} × {platform.machine()}, Python {platform.python_version()}, lxml {lxml} (libxml2 {libxml}), "
        f"Postgres {postgres}, load {load:.1f}"
    )


def rest(url: str) -> None:
    """What autovacuum and the checkpointer do within the hour after an import; the next export comes later."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def measure(documents: Documents, url: str, only: Sequence[str] | None) -> list[Line]:
    """Every measurement stands between two of the yardstick on the same documents; the better of the two counts."""
    wanted = [name for name in NAMES if name != LATENCY and (not only or name in only)]
    last_import = max((at for at, name in enumerate(IMPORTS) if name in wanted), default=-1)
    lines: list[Line] = []
    last: tuple[State, Measured] | None = None
    for name in ("yardstick", *READERS, *IMPORTS):
        state: State = "changed" if name == "changed" else "first"
        needed_before = name in IMPORTS[: max(0, last_import)] and name != "unchanged"
        if name not in wanted and not needed_before:
            continue
        paths = [str(path) for path in documents.files(state)]
        if name not in wanted:
            job("import", url, *paths)
            rest(url)
            continue
        before = last[1] if last and last[0] == state else job("yardstick", *paths)
        measured = before
        if name != "yardstick":
            measured = job("import", url, *paths) if name in IMPORTS else job(name, *paths)
            if name in IMPORTS:
                rest(url)
        after = job("yardstick", *paths)
        last = state, after
        lines.append(Line(name, documents.size(state), measured, before, after))
    return lines


if __name__ == "__main__":
    main()
