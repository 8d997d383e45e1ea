"""Two clients for 1C's OData from the package index, used as their own documentation shows, against the emulated base.

They were written against real bases by people who do not know this project: where they are content, the emulated base
is near enough to 1C.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar

import pytest
from pydantic import UUID1, Field
from PyOData1C.http import Connection, auth
from PyOData1C.models import ODataModel
from PyOData1C.odata import OData
from python_1c_odata import (
    AccumulationRegister,
    Catalog,
    Constant,
    Document,
    EntityNotFound,
    F,
    Infobase,
    InformationRegister,
    ODataError,
    PostingMode,
    guid,
    odata_bind,
    startswith,
    substringof,
)

from syncd.emulator.odata import Manners
from tests.emulator.odata.conftest import Connect, Wire

Result = TypeVar("Result")
DATE = datetime(2026, 5, 5, 10, 0)  # noqa: DTZ001 - 1C's time is naive


# --- python-1c-odata --------------------------------------------------------------------------------------------------


def run(odata: Wire, work: Callable[[Infobase], Awaitable[Result]], **rest: Any) -> Result:
    """Do the work with the client of python-1c-odata."""

    async def main() -> Result:
        server = odata.base.url.partition("/ut/")[0]
        async with Infobase(server, "ut", odata.base.user, odata.base.password, **rest) as infobase:
            return await work(infobase)

    return asyncio.run(main())


def test_python_1c_odata_queries_pages_and_counts(odata: Wire) -> None:
    async def work(infobase: Infobase) -> None:
        goods = Catalog(infobase, "Номенклатура")
        page = await goods.query(
            top=10, select=["Ref_Key", "Description"], odata_filter=(F("IsFolder") == False),  # noqa: E712
            inlinecount=True,
        )  # fmt: skip
        assert page.count == 40
        assert len(page.value) == 10
        item = await goods.get(page.value[0]["Ref_Key"])
        assert item["Description"] == page.value[0]["Description"]
        assert await goods.count(odata_filter=F("IsFolder") == False) == 40  # noqa: E712
        names = [row["Description"] async for row in goods.iterate(page_size=7, orderby="Ref_Key")]
        assert len(names) == len(odata.base.rows("Catalog_Номенклатура"))
        some = await goods.query(odata_filter=startswith(F("Артикул"), names[-1][:0] or "К"))
        assert all(row["Артикул"].startswith("К") for row in some.value)
        found = await goods.query(odata_filter=substringof(item["Артикул"], F("Артикул")))
        assert [row["Ref_Key"] for row in found.value] == [item["Ref_Key"]]

    run(odata, work)


def test_python_1c_odata_creates_posts_edits_and_deletes_documents(odata: Wire) -> None:
    async def work(infobase: Infobase) -> None:
        orders = Document(infobase, "ЗаказКлиента")
        created = await orders.create({"Date": "2026-05-05T00:00:00", "НомерПоДаннымКлиента": "P-1"},
                                      posting_mode=PostingMode.POST)  # fmt: skip
        ref = created["Ref_Key"]
        assert (await orders.get(ref))["Posted"] is True
        await orders.unpost(ref)
        await orders.edit(ref, {"Комментарий": "изменён"}, if_match=created["DataVersion"])
        row = await orders.get(ref)
        assert (row["Posted"], row["Комментарий"]) == (False, "изменён")
        found = await orders.query(odata_filter=F("НомерПоДаннымКлиента") == "P-1", select=["Ref_Key"])
        assert [one["Ref_Key"] for one in found.value] == [ref]
        await orders.delete(ref)
        with pytest.raises(EntityNotFound):
            await orders.get(ref)

    run(odata, work)


def test_python_1c_odata_reads_virtual_tables_and_sections(odata: Wire) -> None:
    async def work(infobase: Infobase) -> None:
        store = odata.base.rows("Catalog_Склады")[0]["Ref_Key"]
        stock = await AccumulationRegister(infobase, "ТоварыНаСкладах").balance(
            period="2026-12-31T00:00:00", condition=F("Склад_Key") == guid(str(store))
        )
        rows = stock["value"] if isinstance(stock, dict) else stock.value
        assert rows
        assert {row["Склад_Key"] for row in rows} == {store}
        assert all(row["ВНаличииBalance"] > 0 for row in rows)
        prices = await InformationRegister(infobase, "ЦеныНоменклатуры", record_type=True).slice_last(
            period="2026-12-31T00:00:00"
        )
        found = prices["value"] if isinstance(prices, dict) else prices.value
        assert len(found) == (40 + 2 * 4) * 3
        orders = await Document(infobase, "ЗаказКлиента").query(odata_filter=F("Товары").any(F("Количество") > 0))
        assert len(orders.value) == 6

    run(odata, work)


def test_python_1c_odata_understands_presentations_constants_links_and_metadata(odata: Wire) -> None:
    async def work(infobase: Infobase) -> None:
        page = await Catalog(infobase, "Контрагенты").query(select="*", presentations=True, top=1)
        assert page.value[0]["Партнер____Presentation"]
        assert (await Constant(infobase, "ВалютаУправленческогоУчета").query()).value[0]["Value_Key"]
        names = await infobase.entity_sets()
        assert "Catalog_Номенклатура" in [getattr(name, "name", name) for name in names]
        info = await infobase.entity_type_for_set("Catalog_Номенклатура")
        assert info is not None
        assert info.keys == ("Ref_Key",)
        unit = (await Catalog(infobase, "УпаковкиЕдиницыИзмерения").query(top=1)).value[0]["Ref_Key"]
        goods = Catalog(infobase, "Номенклатура")
        made = await goods.create({"Description": "Связанный", "ЕдиницаИзмерения@odata.bind":
                                   odata_bind("Catalog_УпаковкиЕдиницыИзмерения", unit)})  # fmt: skip
        assert made["ЕдиницаИзмерения_Key"] == unit

    run(odata, work)


def test_python_1c_odata_reads_errors_by_their_codes(odata: Wire) -> None:
    async def work(infobase: Infobase) -> None:
        goods = Catalog(infobase, "Номенклатура")
        for condition, code in (("Нет eq 1", "10"), ("Code eq", "14"), ("contains(Code,'1')", "21")):
            with pytest.raises(ODataError) as caught:
                await goods.query(odata_filter=condition)
            assert caught.value.internal_code == code
        with pytest.raises(EntityNotFound) as missing:
            await Catalog(infobase, "Нет").query()
        assert missing.value.internal_code == "8"

    run(odata, work)


def test_python_1c_odata_speaks_atom_with_an_old_platform(connect: Connect) -> None:
    old = connect(manners=Manners(atom_only=True), size=40)

    async def work(infobase: Infobase) -> None:
        partners = Catalog(infobase, "Партнеры")
        page = await partners.query(top=3)
        assert len(page.value) == 3
        made = await partners.create({"Description": "Атомный"})
        assert (await partners.get(made["Ref_Key"]))["Description"] == "Атомный"
        await partners.edit(made["Ref_Key"], {"Description": "Ещё"})
        assert odata_row(old, made["Ref_Key"])["Description"] == "Ещё"
        with pytest.raises(EntityNotFound) as missing:
            await Catalog(infobase, "Нет").query()
        assert missing.value.internal_code == "8"

    run(old, work, format="atom")


def odata_row(odata: Wire, ref: str) -> dict[str, Any]:
    row = odata.base.get("Catalog_Партнеры", ref)
    assert row is not None
    return row


# --- PyOData1C --------------------------------------------------------------------------------------------------------


class MeasureUnitModel(ODataModel):  # type: ignore[misc]
    uid: UUID1 = Field(alias="Ref_Key", exclude=True)
    name: str = Field(alias="Description", max_length=6)


class NomenclatureModel(ODataModel):  # type: ignore[misc]
    uid: UUID1 = Field(alias="Ref_Key", exclude=True)
    code: str = Field(alias="Code", max_length=12)
    name: str = Field(alias="Description", max_length=200)
    measure_unit: MeasureUnitModel = Field(alias="ЕдиницаИзмерения")

    nested_models = {"measure_unit": MeasureUnitModel}  # noqa: RUF012 - as the client's documentation has it


class NomenclatureOdata(OData):  # type: ignore[misc]
    database = "ut"
    entity_model = NomenclatureModel
    entity_name = "Catalog_Номенклатура"


class OrderModel(ODataModel):  # type: ignore[misc]
    uid: UUID1 = Field(alias="Ref_Key", exclude=True)
    number: str = Field(alias="Number")
    date: datetime = Field(alias="Date")
    posted: bool = Field(alias="Posted")


class OrderOdata(OData):  # type: ignore[misc]
    database = "ut"
    entity_model = OrderModel
    entity_name = "Document_ЗаказКлиента"


def connection(odata: Wire) -> Connection:
    host = odata.base.url.removeprefix("http://").partition("/")[0]
    return Connection(host, "http", auth.HTTPBasicAuth(odata.base.user.encode(), odata.base.password.encode()))


def test_pyodata1c_reads_goods_with_their_units_by_code(odata: Wire) -> None:
    codes = [str(row["Code"]) for row in odata.base.rows("Catalog_Номенклатура") if not row["IsFolder"]][:2]
    with connection(odata) as conn:
        found = NomenclatureOdata.manager(conn).expand("measure_unit").filter(code__in=codes).all()
        assert [item.code for item in found] == codes
        assert {item.measure_unit.name for item in found} == {"шт"}
        one = NomenclatureOdata.manager(conn).expand("measure_unit").get(guid=found[0].uid)
        assert one == found[0]


def test_pyodata1c_pages_and_filters_by_dates(odata: Wire) -> None:
    with connection(odata) as conn:
        manager = OrderOdata.manager(conn)
        assert [order.number for order in manager.skip(1).top(2).all()] == ["ТД00-000002", "ТД00-000003"]
        late = OrderOdata.manager(conn).filter(date__ge=datetime(2026, 1, 12, 13)).all()  # noqa: DTZ001
        assert [order.number for order in late] == ["ТД00-000005", "ТД00-000006"]


def test_pyodata1c_creates_updates_posts_and_unposts(odata: Wire) -> None:
    with connection(odata) as conn:
        manager = OrderOdata.manager(conn)
        made = manager.create({"Date": DATE.isoformat(), "Комментарий": "PyOData1C"})
        assert made.date == DATE
        assert made.posted is False
        manager.post_document(made.uid)
        assert manager.get(made.uid).posted is True
        manager.unpost_document(made.uid)
        assert manager.get(made.uid).posted is False
        manager.update(made.uid, {"Комментарий": "изменён"})
        row = odata.base.get("Document_ЗаказКлиента", str(made.uid))
        assert row is not None
        assert row["Комментарий"] == "изменён"
