"""Exchange plans: what is registered, given out, confirmed."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.emulator.odata.conftest import Wire

PLAN = "ExchangePlan_ОбменССайтом"
ATOM = "{http://www.w3.org/2005/Atom}"
TOMB = "{http://purl.org/atompub/tombstones/1.0}"
DATA = "{http://schemas.microsoft.com/ado/2007/08/dataservices}"
ORDERS = "Document_ЗаказКлиента"


def point(odata: Wire, node: str) -> str:
    return f"DataExchangePoint='{odata.base.url}{PLAN}(guid'{node}')'"


def packet(odata: Wire, number: int, node: str = "") -> ET.Element:
    answer = odata.send("POST", f"SelectChanges?{point(odata, node or odata.base.nodes()[0])}&MessageNo={number}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/atom+xml")
    return ET.fromstring(answer.content)


def classes(feed: ET.Element) -> list[str]:
    found = [entry.find(f"{ATOM}category") for entry in feed.findall(f"{ATOM}entry")]
    return [category.get("term", "").removeprefix("StandardODATA.") for category in found if category is not None]


def confirm(odata: Wire, number: int) -> None:
    answer = odata.send("POST", f"NotifyChangesReceived?{point(odata, odata.base.nodes()[0])}&MessageNo={number}")
    assert (answer.status_code, answer.content) == (200, b"")


def test_a_base_nobody_touched_has_an_empty_packet(odata: Wire) -> None:
    feed = packet(odata, 1)
    assert feed.tag == f"{ATOM}feed"
    assert feed.findall(f"{ATOM}entry") == []


def test_what_changed_comes_whole_with_its_movements(odata: Wire) -> None:
    ref = odata.rows(f"{ORDERS}?$top=1")[0]["Ref_Key"]
    odata.base.change(ORDERS, ref, {"Комментарий": "Изменён"})
    odata.base.post(ORDERS, ref)
    feed = packet(odata, 1)
    assert ORDERS in classes(feed)
    assert "AccumulationRegister_ЗаказыКлиентов" in classes(feed)
    assert {entry.text for entry in feed.iter(f"{DATA}Комментарий")} == {"Изменён"}
    assert [element.text for element in feed.iter(f"{DATA}Ref_Key")].count(ref) > 1, "rows of the section too"


def test_a_packet_is_repeated_until_it_is_confirmed(odata: Wire) -> None:
    odata.base.create("Catalog_Партнеры", {"Description": "Первый"})
    assert classes(packet(odata, 1)) == ["Catalog_Партнеры"]
    assert classes(packet(odata, 1)) == ["Catalog_Партнеры"]
    confirm(odata, 1)
    assert classes(packet(odata, 2)) == []


def test_a_change_between_packet_and_confirmation_is_not_lost(odata: Wire) -> None:
    made = odata.base.create("Catalog_Партнеры", {"Description": "Первый"})
    packet(odata, 1)
    odata.base.change("Catalog_Партнеры", str(made["Ref_Key"]), {"Description": "Второй"})
    confirm(odata, 1)
    feed = packet(odata, 2)
    assert [element.text for element in feed.iter(f"{DATA}Description")] == ["Второй"]


def test_an_old_number_gives_everything_since_and_confirms_nothing_newer(odata: Wire) -> None:
    odata.base.create("Catalog_Партнеры", {"Description": "Первый"})
    packet(odata, 5)
    odata.base.create("Catalog_Марки", {"Description": "Вторая"})
    assert classes(packet(odata, 3)) == ["Catalog_Партнеры", "Catalog_Марки"]
    confirm(odata, 3)
    assert classes(packet(odata, 6)) == ["Catalog_Партнеры"]


def test_the_node_tells_what_was_sent_and_received(odata: Wire) -> None:
    node = odata.base.nodes()[0]
    packet(odata, 4)
    confirm(odata, 4)
    row = odata.json(f"{PLAN}(guid'{node}')")
    assert (row["SentNo"], row["ReceivedNo"], row["ThisNode"]) == ("4", "4", False)


def test_what_is_deleted_comes_as_a_tombstone(odata: Wire) -> None:
    ref = odata.rows("Catalog_Партнеры?$top=1")[0]["Ref_Key"]
    odata.base.delete("Catalog_Партнеры", ref)
    feed = packet(odata, 1)
    tombs = feed.findall(f"{TOMB}deleted-entry")
    assert [tomb.get("ref", "").rpartition("/")[2] for tomb in tombs] == [f"Catalog_Партнеры(guid'{ref}')"]
    assert tombs[0].get("when")


def test_an_emptied_set_of_records_comes_without_rows(odata: Wire) -> None:
    ref = odata.rows(f"{ORDERS}?$top=1")[0]["Ref_Key"]
    odata.base.unpost(ORDERS, ref)
    feed = packet(odata, 1)
    for entry in feed.findall(f"{ATOM}entry"):
        rows = entry.find(f".//{DATA}RecordSet")
        if rows is not None:
            assert list(rows) == []
            assert entry.findtext(f".//{DATA}Recorder") == ref
    assert "AccumulationRegister_ЗаказыКлиентов" in classes(feed)


def test_a_failed_write_registers_nothing(odata: Wire) -> None:
    odata.write("POST", "Catalog_Номенклатура", {"Description": "Группа", "IsFolder": True})
    assert classes(packet(odata, 1)) == []


def test_everything_can_be_registered_at_once(odata: Wire) -> None:
    node = odata.base.nodes()[0]
    odata.base.plans.register_all(node, "Catalog_Номенклатура", "Catalog_Склады")
    feed = packet(odata, 1)
    assert len(classes(feed)) == len(odata.base.rows("Catalog_Номенклатура")) + 3
    assert odata.base.plans.pending(node) == len(classes(feed))
    confirm(odata, 1)
    assert odata.base.plans.pending(node) == 0


def test_a_node_is_known_in_capital_letters_too(odata: Wire) -> None:
    odata.base.create("Catalog_Марки", {"Description": "x"})
    assert classes(packet(odata, 1, odata.base.nodes()[0].upper())) == ["Catalog_Марки"]


def test_strange_nodes_and_missing_arguments_are_refused(odata: Wire) -> None:
    own = next(row["Ref_Key"] for row in odata.rows(PLAN) if row["ThisNode"])
    for address, status, code in (
        (f"SelectChanges?{point(odata, own)}&MessageNo=1", 500, "-1"),
        (f"SelectChanges?{point(odata, '11111111-2222-11ee-8333-444444444444')}&MessageNo=1", 404, "9"),
        (f"SelectChanges?{point(odata, own)}", 400, "12"),
        ("SelectChanges?MessageNo=1", 400, "12"),
        (f"SelectChanges?{point(odata, own)}&MessageNo=one", 400, "14"),
    ):
        assert odata.error(odata.send("POST", f"{address}&$format=json"))[:2] == (status, code)


@pytest.mark.parametrize("name", ["SelectChanges", "NotifyChangesReceived"])
def test_exchange_is_by_post_only(odata: Wire, name: str) -> None:
    assert odata.get(f"{name}?MessageNo=1").status_code == 405
