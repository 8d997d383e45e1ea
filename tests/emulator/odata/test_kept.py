"""What is written into an emulated base outlives its process."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.emulator.odata import Fault, OdataBase
from syncd.emulator.odata.kept import rows_in, strikes_in
from syncd.errors import ConfigError
from tests.adapters.odata.trade import ORDERS, delivery, live, order, target


def test_a_base_opened_again_has_all_that_was_written_and_counts_on(tmp_path: Path) -> None:
    path = tmp_path / "base.sqlite"
    with OdataBase("ut11", seed=1, size=12, kept=path).running() as base:
        first = target(base).deliver(delivery(order(base)))
        moved = len(base.movements("AccumulationRegister_ЗаказыКлиентов", str(first.ref)))
    with OdataBase("ut11", seed=1, size=12, kept=path).running() as again:
        [document] = live(again, delivery(order(again)).marker)
        assert (document["Ref_Key"], document["Number"], document["Posted"]) == (first.ref, first.number, True)
        assert len(again.movements("AccumulationRegister_ЗаказыКлиентов", str(first.ref))) == moved > 0
        second = target(again).deliver(delivery(order(again, 2)))
        assert second.ref != first.ref
        assert second.number is not None
        assert first.number is not None
        assert second.number > first.number
    kept = [row["Ref_Key"] for row in rows_in(path, ORDERS)]
    assert {first.ref, second.ref} <= set(kept)


def test_what_1c_took_back_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "base.sqlite"
    with OdataBase("ut11", seed=1, size=12, kept=path).running() as base:
        base.fail_next(Fault.HANDLER, method="POST", resource=ORDERS)
        with pytest.raises(Exception, match="E8"):
            target(base).deliver(delivery(order(base)))
        assert rows_in(path, ORDERS) == []
        [(method, resource, fault, body)] = strikes_in(path)
    assert (method, resource, fault) == ("POST", ORDERS, "handler")
    assert delivery(order(base)).marker in body


def test_a_file_of_another_base_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "base.sqlite"
    OdataBase("ut11", seed=1, size=12, kept=path)
    with pytest.raises(ConfigError, match="E860"):
        OdataBase("ut11", seed=2, size=12, kept=path)
