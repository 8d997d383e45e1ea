"""Virtual tables: parameters by name, quotes doubled once, their own patience."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from syncd.adapters.odata import failures, tables
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Timeouts
from syncd.adapters.odata.filters import compare, equals
from syncd.emulator.odata import OdataBase
from tests.adapters.odata.conftest import Site, rows
from tests.adapters.odata.trade import connected

STORE = UUID("1a1bf9bf-266e-11ee-8203-5404a6b4b8ed")


def test_parameters_are_named_and_quotes_doubled_once(site: Site, client: Client) -> None:
    site.answer = lambda _: rows()
    tables.rows(
        client, "AccumulationRegister_СвободныеОстатки", "Balance", condition=equals("Склад_Key", STORE),
        dimensions=["Номенклатура", "Склад"], period=datetime(2026, 1, 1, tzinfo=UTC),
        where=compare("ВНаличииBalance", "gt", Decimal("0.5")), select=["Номенклатура_Key"],
    )  # fmt: skip
    assert site.asked[0].path == (
        "AccumulationRegister_СвободныеОстатки/Balance(Period=datetime'2026-01-01T03:00:00',"
        f"Condition='Склад_Key eq guid''{STORE}''',Dimensions='Номенклатура,Склад')"
    )
    assert site.asked[0].query["$filter"] == "ВНаличииBalance gt 0.5"
    assert "$orderby" not in site.asked[0].query
    assert "+" not in site.asked[0].target


def test_conditions_on_accounts_have_a_place_of_their_own(site: Site, client: Client) -> None:
    site.answer = lambda _: rows()
    tables.rows(client, "AccountingRegister_Хозрасчетный", "Balance", accounts=equals("Account/Code", "62.01"))
    assert "AccountCondition='Account/Code eq ''62.01'''" in site.asked[0].path


def test_stock_of_one_warehouse_is_computed_by_1c(base: OdataBase) -> None:
    client = connected(base)
    register = "AccumulationRegister_СвободныеОстатки"
    whole = tables.rows(client, register, "Balance", dimensions=["Номенклатура", "Склад"])
    store = UUID(whole[0]["Склад_Key"])
    part = tables.rows(
        client, register, "Balance", dimensions=["Номенклатура", "Склад"], condition=equals("Склад_Key", store)
    )
    assert part == [row for row in whole if row["Склад_Key"] == str(store)]
    assert part
    with pytest.raises(AssertionError):
        assert part == whole


def test_the_last_prices_are_a_slice_of_the_records(base: OdataBase) -> None:
    found = tables.rows(connected(base), "InformationRegister_ЦеныНоменклатуры_RecordType", "SliceLast")
    assert found
    assert all(isinstance(row["Цена"], int | Decimal) for row in found)


def test_a_table_that_a_register_lacks_is_named(base: OdataBase) -> None:
    with pytest.raises(failures.UnknownName, match="E820"):
        tables.rows(connected(base), "InformationRegister_ЦеныНоменклатуры_RecordType", "Balance")


def test_tables_have_more_time_than_reads() -> None:
    times = Timeouts()
    assert times.of("table") >= 180
    assert times.of("changes") >= 900
    assert times.of("confirm") <= 30
    assert min(times.of("ping"), times.of("read"), times.of("write")) >= 60
