"""Exchange plans: nothing is confirmed before it is stored, nothing that was removed is missed."""

from __future__ import annotations

from uuid import UUID

import pytest

from syncd.adapters.odata import changes
from syncd.adapters.odata.changes import Node
from syncd.adapters.odata.client import Client
from syncd.emulator.odata import Fault, OdataBase
from syncd.errors import ConfigError, TransportError, UnknownOutcome
from tests.adapters.odata.conftest import Asked, Reply, Site
from tests.adapters.odata.trade import ORDERS, connected

PLAN = "ExchangePlan_ОбменССайтом"
FEED = (
    '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"'
    ' xmlns:at="http://purl.org/atompub/tombstones/1.0"'
    ' xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices"'
    ' xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">{}</feed>'
)
GOODS = (
    "<entry><id>http://x/odata/standard.odata/Catalog_Х(guid'b1c89d94-cb6a-11e6-aede-5404a6b4b8ed')</id>"
    '<category term="StandardODATA.Catalog_Х"/><content type="application/xml"><m:properties>'
    "<d:Ref_Key>b1c89d94-cb6a-11e6-aede-5404a6b4b8ed</d:Ref_Key><d:Description>Ёж</d:Description>"
    "</m:properties></content></entry>"
)
EMPTIED = (
    '<entry><category term="StandardODATA.AccumulationRegister_Р"/><content><m:properties>'
    "<d:Recorder>r</d:Recorder><d:Recorder_Type>StandardODATA.Document_Д</d:Recorder_Type>"
    '<d:RecordSet m:type="Collection(StandardODATA.AccumulationRegister_Р_RowType)"/></m:properties></content></entry>'
)
GONE = '<at:deleted-entry ref="http://x/odata/standard.odata/Catalog_Х(guid\'1\')" when="2026-01-01T00:00:00"/>'


@pytest.fixture
def node(base: OdataBase) -> Node:
    return Node(PLAN, UUID(base.nodes(PLAN)[0]))


def scripted(site: Site, *entries: str, received: int = 4) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.path == "SelectChanges":
            return Reply(FEED.format("".join(entries)).encode())
        if asked.path == "NotifyChangesReceived":
            return Reply()
        return Reply(f'{{"Ref_Key":"{UUID(int=1)}","ReceivedNo":"{received}","ThisNode":false}}'.encode())

    site.answer = answer


def test_all_kinds_of_changes_are_told_apart(site: Site, client: Client) -> None:
    scripted(site, GOODS, EMPTIED, GONE)
    with changes.select(client, Node(PLAN, UUID(int=1))) as packet:
        found = list(packet)
        assert found == list(packet)  # may be read again
        assert packet.number == 5
        assert not packet.empty
    goods, emptied, gone = found
    assert (goods.set_name, goods.record["Description"], goods.deleted) == ("Catalog_Х", "Ёж", False)
    assert goods.key == {"Ref_Key": "b1c89d94-cb6a-11e6-aede-5404a6b4b8ed"}
    assert emptied.record["RecordSet"] == []
    assert emptied.key == {"Recorder": "r", "Recorder_Type": "StandardODATA.Document_Д"}
    assert (gone.set_name, gone.key, gone.deleted) == ("Catalog_Х", {"Ref_Key": "1"}, True)


def test_the_number_follows_what_the_node_confirmed_and_is_read_each_time(site: Site, client: Client) -> None:
    for received in (4, 9):
        scripted(site, GOODS, received=received)
        with changes.select(client, Node(PLAN, UUID(int=1))) as packet:
            changes.confirm(client, packet)
    asked = [(asked.path, asked.query["MessageNo"]) for asked in site.asked if asked.method == "POST"]
    assert asked == [
        ("SelectChanges", "5"), ("NotifyChangesReceived", "5"),
        ("SelectChanges", "10"), ("NotifyChangesReceived", "10"),
    ]  # fmt: skip
    point = next(asked.query["DataExchangePoint"] for asked in site.asked if asked.method == "POST")
    assert point == f"'{site.url}/{PLAN}(guid'{UUID(int=1)}')'"


def test_an_empty_packet_is_not_confirmed_and_one_of_unused_objects_is(site: Site, client: Client) -> None:
    scripted(site)
    with changes.select(client, Node(PLAN, UUID(int=1))) as packet:
        assert packet.empty
        assert changes.confirm(client, packet) is False
    scripted(site, GOODS)
    with changes.select(client, Node(PLAN, UUID(int=1))) as packet:
        assert changes.confirm(client, packet) is True  # nobody looked into it
    assert [asked.path for asked in site.asked].count("NotifyChangesReceived") == 1


@pytest.mark.parametrize("cut", [60, 400])
def test_a_packet_that_breaks_off_is_neither_applied_nor_confirmed(site: Site, client: Client, cut: int) -> None:
    body = FEED.format(GOODS * 3).encode()
    scripted(site, GOODS)
    honest = site.answer
    site.answer = lambda asked: Reply(body[:-cut]) if asked.path == "SelectChanges" else honest(asked)
    with changes.select(client, Node(PLAN, UUID(int=1))) as packet, pytest.raises(TransportError, match="E809"):
        changes.confirm(client, packet)
    assert "NotifyChangesReceived" not in [asked.path for asked in site.asked]


@pytest.mark.parametrize("body", [b"", b"<html>Login</html>", b"<?xml version='1.0'?><html/>", b"{}"])
def test_what_is_no_feed_is_no_empty_packet(site: Site, client: Client, body: bytes) -> None:
    scripted(site)
    honest = site.answer
    site.answer = lambda asked: Reply(body) if asked.path == "SelectChanges" else honest(asked)
    with (
        pytest.raises((TransportError, ConfigError)),
        changes.select(client, Node(PLAN, UUID(int=1))) as packet,
    ):
        list(packet)


def test_a_packet_above_the_limit_is_refused(site: Site, client: Client) -> None:
    scripted(site, GOODS * 100)
    with pytest.raises(TransportError, match="E836"), changes.select(client, Node(PLAN, UUID(int=1)), limit=10_000):
        pytest.fail("it is too large")


def test_changes_come_until_they_are_confirmed(base: OdataBase, node: Node) -> None:
    client = connected(base)
    goods = next(row for row in base.rows("Catalog_Номенклатура") if not row["IsFolder"])
    base.change("Catalog_Номенклатура", str(goods["Ref_Key"]), {"Description": "Новое имя"})
    for _ in range(2):  # a crash between our commit and the confirmation: it comes again
        with changes.select(client, node) as packet:
            [change] = list(packet)
            assert (change.set_name, change.record["Description"]) == ("Catalog_Номенклатура", "Новое имя")
    with changes.select(client, node) as packet:
        assert changes.confirm(client, packet)
    with changes.select(client, node) as packet:
        assert packet.empty
        assert packet.number == 2


def test_what_changes_between_reading_and_confirming_is_not_lost(base: OdataBase, node: Node) -> None:
    client = connected(base)
    one, two = [row["Ref_Key"] for row in base.rows("Catalog_Номенклатура") if not row["IsFolder"]][:2]
    base.change("Catalog_Номенклатура", str(one), {"Артикул": "1"})
    with changes.select(client, node) as packet:
        base.change("Catalog_Номенклатура", str(two), {"Артикул": "2"})
        changes.confirm(client, packet)
    with changes.select(client, node) as packet:
        assert [change.key["Ref_Key"] for change in packet] == [two]


def test_a_removed_object_comes_as_a_tombstone(base: OdataBase, node: Node) -> None:
    client = connected(base)
    order = str(base.documents("ЗаказКлиента")[0]["Ref_Key"])
    base.delete(ORDERS, order)
    with changes.select(client, node) as packet:
        gone = [change for change in packet if change.set_name == ORDERS]
    assert [(change.key["Ref_Key"], change.deleted) for change in gone] == [(order, True)]


def test_a_confirmation_whose_answer_is_lost_does_no_harm(base: OdataBase, node: Node) -> None:
    client = connected(base)
    goods = next(row for row in base.rows("Catalog_Номенклатура") if not row["IsFolder"])
    base.change("Catalog_Номенклатура", str(goods["Ref_Key"]), {"Артикул": "1"})
    base.fail_next(Fault.DROP_AFTER_COMMIT, resource="NotifyChangesReceived")
    with changes.select(client, node) as packet, pytest.raises(UnknownOutcome):
        changes.confirm(client, packet)
    with changes.select(client, node) as packet:
        assert packet.empty


def test_nodes_that_cannot_be_read_from_are_refused(base: OdataBase) -> None:
    client = connected(base)
    own = next(row["Ref_Key"] for row in base.rows(PLAN) if row["ThisNode"])
    for ref in (UUID(str(own)), UUID(int=9)):
        with pytest.raises(ConfigError, match="E835"), changes.select(client, Node(PLAN, ref)):
            pytest.fail("it has no changes for us")
    assert [node["Ref_Key"] for node in changes.nodes(client, PLAN)] == base.nodes(PLAN)


def test_a_node_is_the_same_in_letters_of_any_size() -> None:
    ref = "B1C89D94-CB6A-11E6-AEDE-5404A6B4B8ED"
    assert changes.same_node(ref, ref.lower())
    assert not changes.same_node(ref, UUID(int=1))
