"""Virtual tables: balances, turnovers and slices, checked against sums over the separate records."""

from __future__ import annotations

from collections import defaultdict

from tests.emulator.odata.conftest import EMPTY, Wire

FREE = "AccumulationRegister_СвободныеОстатки"
PRICES = "InformationRegister_ЦеныНоменклатуры"
DIMENSIONS = ("Номенклатура_Key", "Характеристика_Key", "Склад_Key")


def summed(odata: Wire, *dimensions: str, until: str = "9") -> dict[tuple[str, ...], float]:
    """What is on hand, from the records."""
    found: dict[tuple[str, ...], float] = defaultdict(float)
    for row in odata.rows(f"{FREE}_RecordType"):
        if row["Period"] <= until:
            sign = -1 if row["RecordType"] == "Expense" else 1
            found[tuple(row[name] for name in dimensions)] += sign * row["ВНаличии"]
    return {key: value for key, value in found.items() if value}


def balances(odata: Wire, call: str, *dimensions: str) -> dict[tuple[str, ...], float]:
    rows = odata.rows(call)
    found = {tuple(row[name] for name in dimensions): row["ВНаличииBalance"] for row in rows}
    assert len(found) == len(rows), "one row per dimensions"
    return {key: value for key, value in found.items() if value}


def test_a_balance_is_the_sum_of_the_records(odata: Wire) -> None:
    assert balances(odata, f"{FREE}/Balance", *DIMENSIONS) == summed(odata, *DIMENSIONS)
    assert balances(odata, f"{FREE}/Balance()", *DIMENSIONS) == summed(odata, *DIMENSIONS)


def test_a_balance_by_fewer_dimensions_is_folded(odata: Wire) -> None:
    rows = odata.rows(f"{FREE}/Balance(Dimensions='Склад')")
    assert rows[0].keys() == {"Склад_Key", "ВНаличииBalance", "ВРезервеСоСкладаBalance", "ВРезервеПодЗаказBalance"}
    assert balances(odata, f"{FREE}/Balance(Dimensions='Склад')", "Склад_Key") == summed(odata, "Склад_Key")
    both = ("Номенклатура_Key", "Склад_Key")
    assert balances(odata, f"{FREE}/Balance(Dimensions='Номенклатура,Склад')", *both) == summed(odata, *both)


def test_a_balance_on_a_date_leaves_later_records_out(odata: Wire) -> None:
    when = "2026-01-12T17:59:59"
    call = f"{FREE}/Balance(Period=datetime'{when}')"
    assert balances(odata, call, *DIMENSIONS) == summed(odata, *DIMENSIONS, until=when)
    assert summed(odata, *DIMENSIONS, until=when) != summed(odata, *DIMENSIONS)


def test_condition_filters_records_and_filter_filters_results(odata: Wire) -> None:
    store = odata.base.rows("Catalog_Склады")[1]["Ref_Key"]
    call = f"{FREE}/Balance(Condition='Склад_Key eq guid''{store}''')"
    inside = balances(odata, call, *DIMENSIONS)
    assert inside
    assert inside == {key: value for key, value in summed(odata, *DIMENSIONS).items() if key[2] == store}
    undoubled = odata.rows(f"{FREE}/Balance(Condition='Склад_Key eq guid'{store}'')")
    assert {row["Склад_Key"] for row in undoubled} == {store}, "as the developer guide prints it"
    big = odata.rows(f"{FREE}/Balance?$filter=ВНаличииBalance gt 300&$orderby=ВНаличииBalance desc&$top=3")
    quantities = [row["ВНаличииBalance"] for row in big]
    assert (
        quantities == sorted((value for value in summed(odata, *DIMENSIONS).values() if value > 300), reverse=True)[:3]
    )


def test_arguments_may_stand_in_the_query_too(odata: Wire) -> None:
    assert odata.rows(f"{FREE}/Balance?Dimensions='Склад'") == odata.rows(f"{FREE}/Balance(Dimensions='Склад')")


def test_turnovers_add_up_to_the_difference_of_balances(odata: Wire) -> None:
    period = "StartPeriod=datetime'2026-01-12T00:00:00',EndPeriod=datetime'2026-01-12T23:59:59'"
    for row in odata.rows(f"{FREE}/BalanceAndTurnovers({period})"):
        assert row["ВНаличииOpeningBalance"] + row["ВНаличииTurnover"] == row["ВНаличииClosingBalance"]
        assert row["ВНаличииReceipt"] - row["ВНаличииExpense"] == row["ВНаличииTurnover"]
    moved = {
        row["Номенклатура_Key"]: row for row in odata.rows(f"{FREE}/Turnovers({period},Dimensions='Номенклатура')")
    }
    ordered = {line["Номенклатура_Key"] for order in odata.base.documents("ЗаказКлиента") for line in order["Товары"]}  # type: ignore[union-attr,index]
    assert moved.keys() <= ordered
    assert moved


def test_unknown_functions_and_arguments_are_refused(odata: Wire) -> None:
    assert odata.refused(f"{PRICES}/Balance") == (400, "6", "Метод не найден")
    assert odata.refused(f"{FREE}/SliceLast")[:2] == (400, "6")
    assert odata.refused(f"{FREE}/Balance(Dimensions='Нет')")[:2] == (400, "10")
    assert odata.refused(f"{FREE}/Balance(Period='2026')")[:2] == (400, "1")
    assert odata.refused(f"{FREE}/Balance?$orderby=Ref_Key")[:2] == (400, "6")
    assert odata.refused(f"{FREE}/Balance(Condition='Нет eq 1')")[:2] == (400, "10")


def test_the_register_itself_gives_recorders_with_their_movements(odata: Wire) -> None:
    row = odata.rows(f"{FREE}?$top=1")[0]
    assert row.keys() == {"Recorder", "Recorder_Type", "RecordSet"}
    assert row["Recorder_Type"] == "StandardODATA.Document_ПриобретениеТоваровУслуг"
    assert row["RecordSet"][0]["LineNumber"] == "1"
    document = odata.json(f"Document_ПриобретениеТоваровУслуг(guid'{row['Recorder']}')")
    assert [line["Номенклатура_Key"] for line in document["Товары"]] == [
        record["Номенклатура_Key"] for record in row["RecordSet"]
    ]


def slice_of(odata: Wire, call: str) -> dict[tuple[str, ...], float]:
    rows = odata.rows(call)
    names = ("Номенклатура_Key", "Характеристика_Key", "ВидЦены_Key")
    found: dict[tuple[str, ...], float] = {tuple(row[name] for name in names): row["Цена"] for row in rows}
    assert len(found) == len(rows)
    return found


def test_the_last_slice_has_one_price_for_every_offer_and_kind(odata: Wire) -> None:
    found = slice_of(odata, f"{PRICES}_RecordType/SliceLast()")
    records = odata.rows(f"{PRICES}_RecordType")
    assert found == {
        (row["Номенклатура_Key"], row["Характеристика_Key"], row["ВидЦены_Key"]): row["Цена"] for row in records
    }
    assert len(found) == (40 + 2 * 4) * 3, "every tenth product has three characteristics"


def test_a_new_price_replaces_the_old_one_from_its_day_on(odata: Wire) -> None:
    old = odata.rows(f"{PRICES}_RecordType/SliceLast?$top=1")[0]
    key = (old["Номенклатура_Key"], old["Характеристика_Key"], old["ВидЦены_Key"])
    line = {
        "LineNumber": "1",
        "Номенклатура_Key": key[0],
        "Характеристика_Key": key[1],
        "ВидЦены_Key": key[2],
        "Цена": 1.5,
    }
    made = odata.base.create("Document_УстановкаЦенНоменклатуры", {"Date": "2026-06-01T00:00:00", "Товары": [line]})
    odata.base.post("Document_УстановкаЦенНоменклатуры", str(made["Ref_Key"]))
    assert slice_of(odata, f"{PRICES}_RecordType/SliceLast")[key] == 1.5
    good = f"Номенклатура_Key eq guid''{key[0]}''"
    before = f"{PRICES}_RecordType/SliceLast(Period=datetime'2026-05-31T00:00:00',Condition='{good}')"
    assert slice_of(odata, before)[key] == old["Цена"]
    assert slice_of(odata, f"{PRICES}_RecordType/SliceFirst")[key] == old["Цена"]
    odata.base.unpost("Document_УстановкаЦенНоменклатуры", str(made["Ref_Key"]))
    assert slice_of(odata, f"{PRICES}_RecordType/SliceLast")[key] == old["Цена"]


def test_a_slice_expands_references_beside_their_keys(odata: Wire) -> None:
    options = "$top=1&$select=Номенклатура_Key,Номенклатура/Артикул&$expand=Номенклатура"
    row = odata.rows(f"{PRICES}_RecordType/SliceLast?{options}")[0]
    assert row["Номенклатура_Key"] != EMPTY
    assert row["Номенклатура"].keys() == {"Артикул"}


def test_prices_of_the_small_firm_are_a_slice_of_an_independent_register(unf: Wire) -> None:
    rows = unf.rows(f"{PRICES}/SliceLast?$filter=Актуальность eq true")
    assert len(rows) == (40 + 2 * 4) * 3
    one = rows[0]
    body = {name: one[name] for name in ("ВидЦен_Key", "Номенклатура_Key", "Характеристика_Key")}
    assert unf.write("POST", PRICES, {**body, "Period": "2026-06-01T00:00:00", "Цена": 7}).status_code == 200
    good = f"{PRICES}/SliceLast(Condition='Номенклатура_Key eq guid''{one['Номенклатура_Key']}''')"
    found = [row["Цена"] for row in unf.rows(good) if row["ВидЦен_Key"] == one["ВидЦен_Key"]
             and row["Характеристика_Key"] == one["Характеристика_Key"]]  # fmt: skip
    assert found == [7]


def test_stocks_of_the_small_firm_are_balances_of_its_own_registers(unf: Wire) -> None:
    stock = unf.rows("AccumulationRegister_ЗапасыНаСкладах/Balance(Dimensions='Номенклатура,СтруктурнаяЕдиница')")
    cost = unf.rows("AccumulationRegister_Запасы/Balance(Dimensions='Номенклатура,СтруктурнаяЕдиница')")
    by_place = {(row["Номенклатура_Key"], row["СтруктурнаяЕдиница_Key"]): row["КоличествоBalance"] for row in stock}
    assert by_place == {(row["Номенклатура_Key"], row["СтруктурнаяЕдиница"]): row["КоличествоBalance"] for row in cost}
    debts = unf.rows("AccumulationRegister_РасчетыСПокупателями/Balance(Dimensions='Контрагент,ТипРасчетов')")
    assert {row["ТипРасчетов"] for row in debts} <= {"Долг", "Аванс"}
    assert debts
