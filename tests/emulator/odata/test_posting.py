"""Posting documents, and the movements it makes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tests.emulator.odata.conftest import Connect, Wire

ORDERS = "Document_ЗаказКлиента"
FREE = "AccumulationRegister_СвободныеОстатки"


def posted(odata: Wire, status: str = "КОтгрузке", **rest: Any) -> dict[str, Any]:
    """An order of three pieces of the first product, posted."""
    model = odata.rows(f"{ORDERS}?$top=1")[0]
    good = model["Товары"][0]
    line = {"LineNumber": "1", "Количество": 3, "СуммаСНДС": 30,
            **{name: good[name] for name in ("Номенклатура_Key", "Характеристика_Key", "Склад_Key")}}  # fmt: skip
    head = {name: model[name] for name in ("Партнер_Key", "Контрагент_Key", "Валюта_Key")}
    body = {"Date": "2026-05-05T10:00:00", "Статус": status, **head, "Товары": [line], **rest}
    found: dict[str, Any] = odata.write("POST", ORDERS, body).json()
    answer = odata.send("POST", f"{ORDERS}(guid'{found['Ref_Key']}')/Post?PostingModeOperational=false")
    assert (answer.status_code, answer.content) == (200, b"")
    return found


def reserved(odata: Wire, row: dict[str, Any]) -> float:
    good = row["Товары"][0]["Номенклатура_Key"]
    rows = odata.rows(f"{FREE}/Balance(Condition='Номенклатура_Key eq guid''{good}''')")
    return float(sum(row["ВРезервеПодЗаказBalance"] for row in rows))


def test_posting_makes_movements_and_sets_the_flag(odata: Wire) -> None:
    model = odata.rows(f"{ORDERS}?$top=1")[0]
    before = reserved(odata, model)
    order = posted(odata)
    assert odata.json(f"{ORDERS}(guid'{order['Ref_Key']}')")["Posted"] is True
    assert reserved(odata, order) == before + 3
    state = odata.rows(
        f"InformationRegister_СостоянияЗаказовКлиентов?$filter=Заказ eq cast(guid'{order['Ref_Key']}','{ORDERS}')"
    )
    assert [row["Состояние"] for row in state] == ["ГотовКОтгрузке"]


def test_unposting_takes_them_back(odata: Wire) -> None:
    order = posted(odata)
    before = reserved(odata, order)
    assert odata.send("POST", f"{ORDERS}(guid'{order['Ref_Key']}')/Unpost()").status_code == 200
    assert reserved(odata, order) == before - 3
    assert odata.json(f"{ORDERS}(guid'{order['Ref_Key']}')")["Posted"] is False
    assert odata.base.movements(FREE, order["Ref_Key"]) == []


def test_posting_again_does_not_double_the_movements(odata: Wire) -> None:
    order = posted(odata)
    before = reserved(odata, order)
    odata.send("POST", f"{ORDERS}(guid'{order['Ref_Key']}')/Post")
    assert reserved(odata, order) == before


def test_post_and_unpost_are_done_on_get_too(odata: Wire) -> None:
    order = posted(odata)
    address = f"{ORDERS}(guid'{order['Ref_Key']}')"
    assert odata.get(f"{address}/Unpost").status_code == 200
    assert odata.json(address)["Posted"] is False
    assert odata.get(f"{address}/Post").status_code == 200
    assert odata.json(address)["Posted"] is True


def test_posted_in_a_body_sets_the_flag_and_moves_nothing(odata: Wire) -> None:
    body = {"Date": "2026-05-05T10:00:00", "Posted": True, "Статус": "КОтгрузке"}
    made = odata.write("POST", ORDERS, body).json()
    assert made["Posted"] is True
    assert odata.base.movements("AccumulationRegister_РасчетыСКлиентами", made["Ref_Key"]) == []


def test_a_document_marked_for_deletion_loses_its_movements_and_cannot_be_posted(odata: Wire) -> None:
    order = posted(odata)
    address = f"{ORDERS}(guid'{order['Ref_Key']}')"
    assert odata.write("PATCH", address, {"DeletionMark": True}).json()["Posted"] is False
    assert odata.base.movements(FREE, order["Ref_Key"]) == []
    status, code, text = odata.error(odata.send("POST", f"{address}/Post?$format=json"))
    assert (status, code) == (500, "-1")
    assert "Помеченный на удаление" in text


def test_operational_posting_is_for_today_only(connect: Connect) -> None:
    base = connect(clock=lambda: datetime(2026, 5, 5, 12, 0))  # noqa: DTZ001
    order = posted(base)
    address = f"{ORDERS}(guid'{order['Ref_Key']}')"
    assert base.send("POST", f"{address}/Post?PostingModeOperational=true").status_code == 200
    base.write("PATCH", address, {"Date": "2026-05-04T00:00:00"})
    assert base.send("POST", f"{address}/Post?PostingModeOperational=true").status_code == 500


def test_a_document_without_a_date_is_written_but_not_posted(odata: Wire) -> None:
    made = odata.write("POST", ORDERS, {}).json()
    assert made["Date"] == "0001-01-01T00:00:00"
    assert odata.send("POST", f"{ORDERS}(guid'{made['Ref_Key']}')/Post").status_code == 500


def test_a_failed_posting_leaves_everything_as_it_was(odata: Wire) -> None:
    order = posted(odata)
    before = (odata.base.documents("ЗаказКлиента"), odata.base.rows(f"{FREE}_RecordType"))
    odata.base.fail_next("handler", resource=ORDERS)
    answer = odata.send("POST", f"{ORDERS}(guid'{order['Ref_Key']}')/Unpost?$format=json")
    assert odata.error(answer)[:2] == (500, "-1")
    assert (odata.base.documents("ЗаказКлиента"), odata.base.rows(f"{FREE}_RecordType")) == before


def test_a_shipment_takes_goods_and_makes_a_debt_that_a_payment_settles(odata: Wire) -> None:
    order = posted(odata)
    good = order["Товары"][0]
    debts = "AccumulationRegister_РасчетыСКлиентами/Balance(Dimensions='ЗаказКлиента')"
    mine = f"{debts}?$filter=ЗаказКлиента eq cast(guid'{order['Ref_Key']}','{ORDERS}')"
    link = {"ЗаказКлиента": order["Ref_Key"], "ЗаказКлиента_Type": f"StandardODATA.{ORDERS}"}
    head = {name: order[name] for name in ("Партнер_Key", "Контрагент_Key", "Валюта_Key")}
    lines = [{name: good[name] for name in ("LineNumber", "Номенклатура_Key", "Характеристика_Key", "Склад_Key",
                                             "Количество", "СуммаСНДС", "КодСтроки")}]  # fmt: skip
    condition = f"Номенклатура_Key eq guid''{good['Номенклатура_Key']}''"
    stock = f"AccumulationRegister_ТоварыНаСкладах/Balance(Condition='{condition}')"
    before = sum(row["ВНаличииBalance"] for row in odata.rows(stock))
    shipment = odata.base.create("Document_РеализацияТоваровУслуг",
                                 {"Date": "2026-05-06T10:00:00", **head, **link, "СуммаДокумента": 30,
                                  "Товары": lines})  # fmt: skip
    odata.base.post("Document_РеализацияТоваровУслуг", str(shipment["Ref_Key"]))
    assert sum(row["ВНаличииBalance"] for row in odata.rows(stock)) == before - 3
    assert [row["СуммаBalance"] for row in odata.rows(mine)] == [30]
    payment = odata.base.create("Document_ПоступлениеБезналичныхДенежныхСредств", {
        "Date": "2026-05-07T10:00:00", "Контрагент_Key": head["Контрагент_Key"], "Валюта_Key": head["Валюта_Key"],
        "РасшифровкаПлатежа": [{"LineNumber": "1", "Партнер_Key": head["Партнер_Key"], "Сумма": 30,
                                "Заказ": order["Ref_Key"], "Заказ_Type": f"StandardODATA.{ORDERS}"}],
    })  # fmt: skip
    odata.base.post("Document_ПоступлениеБезналичныхДенежныхСредств", str(payment["Ref_Key"]))
    assert odata.rows(mine) == [], "nothing is owed and nothing is due"


def test_an_order_of_the_small_firm_is_posted_by_its_own_rules(unf: Wire) -> None:
    model = unf.rows("Document_ЗаказПокупателя?$top=1")[0]
    body = {"Date": "2026-05-05T10:00:00", "НомерВходящегоДокумента": "Z" * 40,
            "Организация_Key": model["Организация_Key"],
            "Запасы": [{"LineNumber": 1, "Номенклатура_Key": model["Запасы"][0]["Номенклатура_Key"], "Количество": 2,
                        "Всего": 20.5}]}  # fmt: skip
    made = unf.write("POST", "Document_ЗаказПокупателя", body).json()
    assert made["СуммаДокумента"] == 20.5
    assert made["НомерВходящегоДокумента"] == "Z" * 30
    assert unf.send("POST", f"Document_ЗаказПокупателя(guid'{made['Ref_Key']}')/Post").status_code == 200
    mine = f"$filter=ЗаказПокупателя_Key eq guid'{made['Ref_Key']}'"
    rows = unf.rows(f"AccumulationRegister_ЗаказыПокупателей/Balance?{mine}")
    assert [row["КоличествоBalance"] for row in rows] == [2]
