"""Skipping unchanged records ends in the same rows and counters as reading all of them: the slow path is the oracle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from syncd.commerceml import fast
from syncd.commerceml.policy import ReadPolicy
from syncd.config import Settings
from syncd.model import ENTITIES
from syncd.queue.broker import Doorbell
from syncd.store import first_load, packages, runs, uploads
from syncd.store.db import Database, Row, every
from syncd.store.first_load import FirstLoad
from syncd.store.packages import PackageFile
from syncd.sync import helpers, imports
from syncd.sync.batch import Job
from syncd.sync.context import Context

# the pool of connections draws its lifetimes in a thread of its own, while Hypothesis draws documents
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")

FAST, SLOW = "fast", "slow"
TABLES = ("product", "relation", "offer", "price", "stock")


@dataclass(frozen=True)
class Oracle:
    """Two companies that get the same files: one skips, the other reads everything."""

    fast: Context
    slow: Context

    def take(self, *documents: bytes) -> None:
        results = [_import(ctx, tenant, documents) for ctx, tenant in ((self.fast, FAST), (self.slow, SLOW))]
        assert results[0].outcome == results[1].outcome
        assert _nonzero(results[0].counters) == _nonzero(results[1].counters)
        for name in TABLES:
            assert _rows(self.fast.db, FAST, name) == _rows(self.slow.db, SLOW, name)

    def known(self) -> int:
        with self.fast.db.transaction() as conn:
            rows = every(
                conn, "SELECT octet_length(record_keys) AS bytes FROM known_record_part WHERE tenant = %(t)s", t=FAST
            )
        return sum(int(row["bytes"]) for row in rows) // 8


def _import(ctx: Context, tenant: str, documents: tuple[bytes, ...]) -> imports.Result:
    with ctx.db.transaction() as conn:
        files = [
            PackageFile(f"{n}.xml", uploads.store(conn, tenant, f"{n}.xml", iter([data]), type_="catalog"))
            for n, data in enumerate(documents)
        ]
        packages.create(conn, tenant, files, source="test", lane="catalog")
    claim = imports.claim_next(ctx)
    assert claim is not None
    assert claim.tenant == tenant
    result = imports.run(ctx, claim)
    assert result is not None
    return result


def _nonzero(counters: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    return {name: value for name, value in counters.items() if any(value.values())}


def _rows(db: Database, tenant: str, name: str) -> list[dict[str, Any]]:
    entity = ENTITIES[name]
    columns = ", ".join(f'"{field.name}"' for field in entity.all_fields)
    keys = ", ".join(f'"{key}"' for key in entity.key_names)
    with db.transaction() as conn:
        return every(
            conn,
            f'SELECT {columns}, extra, deleted_at IS NOT NULL AS gone FROM "{entity.plural}" '
            f"WHERE tenant = %(t)s ORDER BY {keys}",
            t=tenant,
        )


@pytest.fixture(scope="module")
def oracle(worker_database: str) -> Iterator[Oracle]:
    db = Database(worker_database, size=4)
    slow = Settings.model_validate({"imports": {"skip_unchanged": False}})
    yield Oracle(Context(db, Settings(), Doorbell(None)), Context(db, slow, Doorbell(None)))
    db.close()


def _rows_of(db: Database, query: str) -> list[Row]:
    with db.transaction() as conn:
        return every(conn, query)


def _clean(oracle: Oracle) -> None:
    with oracle.fast.db.transaction() as conn:
        names = [row["t"] for row in every(conn, "SELECT tablename AS t FROM pg_tables WHERE schemaname = 'public'")]
        wanted = ", ".join(f'"{name}"' for name in names if name != "alembic_version")
        conn.execute(f"TRUNCATE {wanted} CASCADE".encode())


IDS = st.sampled_from(["a", "b", "c", "a#1", "a#a", "б"])
WORDS = st.sampled_from(["Раз", "Два", "x<y", "", "<![CDATA[ </Товар> ]]>"])


def _text(word: str) -> str:
    return word if word.startswith("<![") else word.replace("<", "&lt;")


@st.composite
def _relations(draw: st.DrawFn) -> str:
    parts = "".join(
        f"<Комплектующее>{f'<Ид>{other}</Ид>' if other else ''}<Количество>{quantity}</Количество></Комплектующее>"
        for other, quantity in draw(
            st.lists(st.tuples(st.sampled_from(["a", "b", "б#1", ""]), st.sampled_from(["1", "2", "два"])), max_size=3)
        )
    )
    analogues = draw(st.sampled_from(["", "<Аналоги/>", "<Аналоги><Аналог><Ид>c</Ид></Аналог></Аналоги>"]))
    return f"<Комплектующие>{parts}</Комплектующие>{analogues}"


@st.composite
def _products(draw: st.DrawFn) -> str:
    records = []
    for _ in range(draw(st.integers(0, 5))):
        gone = draw(st.sampled_from(["", "", "", ' Статус="Удален"']))
        identity = draw(st.one_of(IDS.map(lambda i: f"<Ид>{i}</Ид>"), st.just("")))
        name = draw(WORDS)
        extra = draw(st.sampled_from(["", "<Артикул>1</Артикул>", "<Новое>1</Новое>", "<Вес>много</Вес>"]))
        extra += draw(st.one_of(st.just(""), _relations()))
        records.append(f"<Товар{gone}>{identity}<Наименование>{_text(name)}</Наименование>{extra}</Товар>\n")
    flag = draw(st.sampled_from(["true", "false"]))
    catalogue = draw(st.sampled_from(["c1", "c2"]))
    return (
        f'<Каталог СодержитТолькоИзменения="{flag}"><Ид>{catalogue}</Ид><Наименование>К</Наименование><Товары>'
        f"{''.join(records)}</Товары></Каталог>"
    )


@st.composite
def _offers(draw: st.DrawFn) -> str:
    described, priced, stocked = draw(st.sampled_from([(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1)]))
    currency = draw(st.sampled_from(["RUB", "USD"]))
    records = []
    for _ in range(draw(st.integers(0, 5))):
        parts = [draw(st.one_of(IDS.map(lambda i: f"<Ид>{i}</Ид>"), st.just("")))]
        if described:
            parts.append(f"<Наименование>{_text(draw(WORDS))}</Наименование>")
        if priced and draw(st.booleans()):
            price = draw(st.sampled_from(["1", "2", "0", "сто", None]))
            row = f"<Цена><ИдТипаЦены>t</ИдТипаЦены><ЦенаЗаЕдиницу>{price}</ЦенаЗаЕдиницу></Цена>" if price else ""
            parts.append(f"<Цены>{row}</Цены>")
        if stocked and draw(st.booleans()):
            parts.append(
                f'<Склад ИдСклада="w{draw(st.integers(1, 2))}" КоличествоНаСкладе="{draw(st.integers(0, 2))}"/>'
            )
        records.append(f"<Предложение>{''.join(parts)}</Предложение>\n")
    return (
        "<ПакетПредложений><Ид>c1#</Ид><ИдКаталога>c1</ИдКаталога>"
        f"<ТипыЦен><ТипЦены><Ид>t</Ид><Валюта>{currency}</Валюта></ТипЦены></ТипыЦен>"
        f"<Предложения>{''.join(records)}</Предложения></ПакетПредложений>"
    )


@st.composite
def _document(draw: st.DrawFn) -> bytes:
    body = "".join(draw(st.lists(st.one_of(_products(), _offers()), min_size=1, max_size=2)))
    encoding = draw(st.sampled_from(["UTF-8", "UTF-8", "UTF-8", "windows-1251", "UTF-16"]))
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?><КоммерческаяИнформация ВерсияСхемы="2.07">{body}'
        "</КоммерческаяИнформация>"
    )
    data = text.encode(encoding)
    return data if draw(st.integers(0, 9)) else data[: -draw(st.integers(1, 60))]


# no shrinking: every step of it costs imports, and the document itself is in the failure
@settings(
    max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@given(st.lists(st.lists(_document(), min_size=1, max_size=2), min_size=2, max_size=4), st.data())
def test_the_fast_path_equals_the_slow_one_on_any_series_of_packages(
    oracle: Oracle, series: list[list[bytes]], data: st.DataObject
) -> None:
    _clean(oracle)
    for package in series:
        note("\n".join(document.decode("utf-8", "replace") for document in package))
        oracle.take(*package)
        if data.draw(st.booleans()):
            oracle.take(*package)  # the same again: a client that lost our answer


def test_an_unchanged_export_is_known_after_the_first_import(oracle: Oracle) -> None:
    _clean(oracle)
    records = "".join(f"<Товар><Ид>{n}</Ид><Наименование>Т</Наименование></Товар>" for n in range(100))
    text = (
        '<?xml version="1.0" encoding="UTF-8"?><КоммерческаяИнформация ВерсияСхемы="2.07"><Каталог><Ид>c</Ид><Товары>'
        f"{records}</Товары></Каталог></КоммерческаяИнформация>"
    ).encode()
    oracle.take(text)
    assert oracle.known() == 100
    oracle.take(text)
    oracle.take(text.replace(b">57<", b">5757<", 1))
    assert oracle.known() == 101


@settings(
    max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@given(st.lists(st.lists(_document(), min_size=1, max_size=2), min_size=1, max_size=2))
def test_helper_processes_end_in_the_same_rows_as_the_slow_path(oracle: Oracle, series: list[list[bytes]]) -> None:
    _clean(oracle)
    with patch.multiple(helpers, ALONE_BYTES=0, processors=lambda: 2), patch.object(fast, "ASIDE_BYTES", 150):
        for package in series:
            note("\n".join(document.decode("utf-8", "replace") for document in package))
            oracle.take(*package)
            oracle.take(*package)


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the first record is read by helpers, in batches of a few records."""
    monkeypatch.setattr(helpers, "ALONE_BYTES", 0)
    monkeypatch.setattr(helpers, "processors", lambda: 2)
    monkeypatch.setattr(fast, "ASIDE_BYTES", 2_000)


def _goods(number: int, *, bad: int = -1) -> bytes:
    records = "".join(
        f"<Товар>\n<Ид>{n}</Ид>\n<Наименование>Т</Наименование>\n<Новое>{n}</Новое>\n</Товар>\n"
        if n != bad
        else "<Товар>\n<Наименование>Т</Наименование>\n</Товар>\n"
        for n in range(number)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><КоммерческаяИнформация ВерсияСхемы="2.07"><Каталог><Ид>c</Ид><Товары>'
        f"\n{records}</Товары></Каталог></КоммерческаяИнформация>"
    ).encode()


@pytest.mark.usefixtures("helped")
def test_what_helpers_read_is_known_the_next_time(oracle: Oracle) -> None:
    _clean(oracle)
    oracle.take(_goods(100))
    assert oracle.known() == 100
    oracle.take(_goods(100))
    oracle.take(_goods(101))
    assert oracle.known() == 101


@pytest.mark.usefixtures("helped")
def test_a_bad_record_that_a_helper_met_is_journalled_with_its_line(oracle: Oracle) -> None:
    _clean(oracle)
    oracle.take(_goods(100, bad=70))
    lines = {}
    for tenant in (FAST, SLOW):
        with oracle.fast.db.transaction() as conn:
            rows = every(conn, "SELECT line, code FROM journal WHERE tenant = %(t)s AND kind = 'record'", t=tenant)
        lines[tenant] = [(row["line"], row["code"]) for row in rows]
    assert lines[FAST] == lines[SLOW] == [(1 + 70 * 5 + 1, "E211")]


def test_a_record_is_one_whatever_the_encoding_of_its_document(oracle: Oracle) -> None:
    _clean(oracle)
    text = (
        '<?xml version="1.0" encoding="{}"?><КоммерческаяИнформация ВерсияСхемы="2.07"><Каталог><Ид>c</Ид><Товары>'
        "<Товар><Ид>a</Ид></Товар><Товар><Ид>б</Ид></Товар></Товары></Каталог></КоммерческаяИнформация>"
    )
    package = [text.format(name).encode(name) for name in ("windows-1251", "utf-8")]
    for _ in range(3):
        oracle.take(*package)
    assert oracle.known() == 2


@pytest.mark.usefixtures("helped")
@pytest.mark.parametrize("twice", [False, True], ids=["each once", "one stated twice"])
def test_a_first_load_in_portions_ends_in_the_same_rows(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch, twice: bool
) -> None:
    _clean(oracle)
    monkeypatch.setattr(first_load, "PORTION_BYTES", 3_000)
    moved: list[str] = []
    real = FirstLoad._move

    def move(self: FirstLoad, entity: str) -> None:
        moved.append(entity)
        real(self, entity)

    monkeypatch.setattr(FirstLoad, "_move", move)
    again = "<Товар><Ид>3</Ид><Наименование>Другое</Наименование></Товар></Товары>".encode() if twice else b""
    oracle.take(_goods(300).replace("</Товары>".encode(), again or "</Товары>".encode()))
    assert moved.count("product") > 3, "several portions before the end"
    oracle.take(_goods(300))


@pytest.mark.usefixtures("helped")
def test_nothing_is_inserted_early_while_another_merge_of_the_company_goes_on(
    oracle: Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would wait for rows of the other, and Postgres end one of them."""
    _clean(oracle)
    monkeypatch.setattr(first_load, "PORTION_BYTES", 3_000)
    moved: list[str] = []
    monkeypatch.setattr(FirstLoad, "_move", lambda _self, entity: moved.append(entity))
    waits = "SELECT 1 AS x FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
    with ThreadPoolExecutor(1) as thread:
        with oracle.fast.db.dedicated() as other, other.transaction():
            assert runs.lock(other, FAST)
            result = thread.submit(_import, oracle.fast, FAST, (_goods(300),))
            until = time.monotonic() + 60
            while not _rows_of(oracle.fast.db, waits):
                assert time.monotonic() < until
                time.sleep(0.05)
        assert result.result(60).counters["product"]["created"] == 300
    assert not moved


@pytest.mark.usefixtures("helped")
def test_an_import_whose_helper_is_killed_is_done_without_it(oracle: Oracle, monkeypatch: pytest.MonkeyPatch) -> None:
    _clean(oracle)
    given = helpers.Helpers.give
    killed: list[int] = []

    def give(self: helpers.Helpers, job: Job, done: helpers.Done) -> None:
        given(self, job, done)
        if self.processes and not killed:
            killed.append(self.processes[0].pid)
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(helpers.Helpers, "give", give)
    oracle.take(_goods(300))
    assert killed


def test_a_helper_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helpers, "_PATIENCE", 0.0)
    monkeypatch.setattr(helpers, "_LOOK", 0.05)
    looks: list[None] = []
    with helpers.Helpers(lambda: looks.append(None), most=1, alone=0) as found:
        job = Job("Товар", 1, 0, "utf-8", {}, "c", {}, ReadPolicy(), ["<Товар><Ид>a</Ид></Товар>".encode()])
        found.give(job, lambda _: None)
        with suppress_stop(found), pytest.raises(helpers.HelperLost):
            found.settle()
    assert looks
    assert not found.processes


@contextmanager
def suppress_stop(found: helpers.Helpers) -> Iterator[None]:
    """The helper stands still meanwhile."""
    for process in found.processes:
        os.kill(process.pid, signal.SIGSTOP)
    yield


def test_a_helper_ends_when_its_parent_does() -> None:
    program = (
        "import os, signal; from syncd.sync import helpers; found = helpers._start(); print(found.pid, flush=True);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False, stdout=subprocess.PIPE, text=True)
    pid = int(done.stdout)
    until = time.monotonic() + 30
    while _runs(pid):
        assert time.monotonic() < until
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
