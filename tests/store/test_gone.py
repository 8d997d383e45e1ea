"""What a whole set leaves out, counted and removed."""

from __future__ import annotations

from syncd.model.records import Record
from syncd.store import gone
from syncd.store.db import Conn
from syncd.store.stage import Stage
from tests.store.conftest import Merge


def product(number: int) -> Record:
    return Record("product", (f"00000000-5f3c-11ee-8625-{number:012}",), {"name": str(number)})


def test_what_is_absent_is_counted_and_removed(conn: Conn, merge: Merge) -> None:
    merge(*(product(number) for number in range(10)), seq=1)
    merge(product(20), seq=3)
    stage = Stage(conn)
    for number in range(7):
        stage.add(product(number))
    stage.flush()
    found = gone.count(conn, "product", tenant="default", source_seq=2, staged=True)
    assert (found.absent, found.total) == (3, 11), "what came later is not absent"
    assert gone.count(conn, "product", tenant="default", source_seq=2, staged=False).absent == 10
    keys = gone.absent(conn, "product", tenant="default", source_seq=2)
    assert sorted(keys) == [product(number).key[0] for number in (7, 8, 9)]
    assert gone.remove(conn, "product", tenant="default", source_seq=2, staged=True) == 3
    assert gone.count(conn, "product", tenant="default", source_seq=2, staged=True).total == 8


def test_a_set_larger_than_work_mem_is_not_searched_for_each_row(conn: Conn, merge: Merge) -> None:
    records = [product(number) for number in range(20_000)]
    merge(*records, seq=1)
    stage = Stage(conn)
    for record in records[1:]:
        stage.add(record)
    stage.flush()  # not analysed, as before a base is asked for what is absent
    conn.execute("SET work_mem = '64kB'")
    conn.execute("SET statement_timeout = '5s'")
    found = gone.count(conn, "product", tenant="default", source_seq=2, staged=True)
    assert (found.absent, found.total) == (1, 20_000)
