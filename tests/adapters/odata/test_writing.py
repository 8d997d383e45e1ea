"""Steps of writing, one by one: made once, read back, posted apart, marked instead of deleted."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from syncd.adapters.odata import markers, reading, writing
from syncd.adapters.odata.answers import Record
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.failures import Missing
from syncd.adapters.odata.filters import equals
from syncd.adapters.odata.markers import Marker
from syncd.emulator.odata import Fault, Manners, OdataBase
from syncd.errors import ConfigError, RemoteError, UnknownOutcome
from syncd.mappings import metadata_reader
from syncd.mappings.metadata import Metadata, Property, Shape
from tests.adapters.odata.conftest import Asked, Reply, Site, rows
from tests.adapters.odata.trade import MARKER, ORDERS, connected, heard

GOODS = "Catalog_Номенклатура"


def by_inn(client: Client, inn: str) -> Callable[[], list[Record]]:
    return lambda: reading.find(client, "Catalog_Контрагенты", equals("ИНН", inn), ["Ref_Key"])


def test_an_object_that_is_there_is_not_made(base: OdataBase) -> None:
    client = connected(base)
    body = {"Description": "Ромашка", "ИНН": "7707083893"}
    first = writing.create(client, "Catalog_Контрагенты", body, by_inn(client, "7707083893"))
    second = writing.create(client, "Catalog_Контрагенты", body, by_inn(client, "7707083893"))
    assert (first.created, second.created) == (True, False)
    assert first.ref == second.ref
    assert second.differences == []


def test_a_proxy_that_chokes_on_the_location_leaves_the_outcome_unknown(site: Site, client: Client) -> None:
    """1C puts raw UTF-8 into Location; the object is made although the client sees a broken answer."""
    made: list[Record] = []

    def answer(asked: Asked) -> Reply:
        if asked.method == "POST":
            made.append({"Ref_Key": str(UUID(int=1)), "ИНН": "1"})
            return Reply(b"", 502)
        return rows(*made)

    site.answer = answer
    with pytest.raises(UnknownOutcome):
        writing.create(client, "Catalog_Контрагенты", {"ИНН": "1"}, by_inn(client, "1"))
    assert by_inn(client, "1")() == made
    assert [asked.method for asked in site.asked] == ["GET", "POST", "GET"]


def test_a_location_in_raw_cyrillic_does_not_break_the_answer(site: Site, client: Client) -> None:
    location = f"{site.url}/Catalog_Контрагенты(guid'1')".encode().decode("latin-1")
    site.answer = lambda _: Reply(b'{"Ref_Key":"1"}', 201, {"Location": location})
    assert client.send("POST", "Catalog_Контрагенты", b"{}") == b'{"Ref_Key":"1"}'


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Ref_Key":"x"}', b"<html>ok</html>", b'{"value":'])
def test_a_yes_that_cannot_be_read_is_unknown(site: Site, client: Client, body: bytes) -> None:
    site.answer = lambda asked: rows() if asked.method == "GET" else Reply(body, 201)
    with pytest.raises(UnknownOutcome):
        writing.create(client, "Catalog_Контрагенты", {"ИНН": "1"}, by_inn(client, "1"))


def test_what_breaks_after_the_object_was_made_is_unknown(base: OdataBase) -> None:
    client = connected(base)
    base.fail_next(Fault.CRASH, method="GET", after=1)
    with pytest.raises(UnknownOutcome):
        writing.create(client, "Catalog_Контрагенты", {"Description": "Р", "ИНН": "1"}, by_inn(client, "1"))
    assert len(by_inn(client, "1")()) == 1


def test_a_handler_that_refuses_means_that_nothing_is_there(base: OdataBase) -> None:
    client = connected(base)
    with pytest.raises(RemoteError, match="E815"):  # a bare group, as live bases of УТ refuse it
        writing.create(client, GOODS, {"Description": "Группа", "IsFolder": True}, list)


@pytest.mark.parametrize("honoured", [False, True])
def test_an_object_that_somebody_changed_is_left_alone_though_1c_ignores_if_match(honoured: bool) -> None:
    with OdataBase(seed=1, size=12, manners=Manners(if_match_honoured=honoured)).running() as base:
        client = connected(base)
        goods = next(row for row in base.rows(GOODS) if not row["IsFolder"])
        ref, version = str(goods["Ref_Key"]), str(goods["DataVersion"])
        base.change(GOODS, ref, {"Артикул": "чужое"})
        with pytest.raises(RemoteError, match="E824"):
            writing.update(client, GOODS, ref, {"Артикул": "наше"}, version=version)
        found = base.get(GOODS, ref)
        assert found is not None
        assert found["Артикул"] == "чужое"
        written = writing.update(client, GOODS, ref, {"Артикул": "наше"}, version=str(found["DataVersion"]))
        assert written.differences == []
        again = writing.update(client, GOODS, ref, {"Артикул": "ещё"}, version=str(written.record["DataVersion"]))
        assert again.record["Артикул"] == "ещё"  # our own write is no foreign edit


def test_posting_is_resumed_after_an_answer_that_was_lost(base: OdataBase) -> None:
    client = connected(base)
    order = next(row for row in base.documents("ЗаказКлиента") if row["Posted"])
    ref = str(order["Ref_Key"])
    base.unpost(ORDERS, ref)
    base.fail_next(Fault.DROP_AFTER_COMMIT, method="POST")
    assert writing.post_document(client, ORDERS, ref)["Posted"] is True
    base.fail_next(Fault.DROP_AFTER_COMMIT, method="POST")
    assert writing.unpost_document(client, ORDERS, ref)["Posted"] is False
    base.fail_next(Fault.BAD_GATEWAY, method="POST")
    with pytest.raises(UnknownOutcome):
        writing.post_document(client, ORDERS, ref)
    assert writing.post_document(client, ORDERS, ref)["Posted"] is True


def test_a_posted_document_is_not_posted_again(base: OdataBase) -> None:
    client = connected(base)
    order = next(row for row in base.documents("ЗаказКлиента") if row["Posted"])
    writing.post_document(client, ORDERS, str(order["Ref_Key"]))
    assert [each.method for each in heard(base, 1)] == ["GET"]


def test_addresses_that_act_are_never_read(client: Client, site: Site) -> None:
    for action in ("Post", "Unpost", "Post()", "ExecuteTask()", "SelectChanges"):
        with pytest.raises(ValueError, match="acts"):
            client.get(f"Document_X(guid'1')/{action}")
    assert site.asked == []


def test_deletion_is_a_mark_and_there_is_no_other(base: OdataBase) -> None:
    client = connected(base)
    goods = next(row for row in base.rows(GOODS) if not row["IsFolder"])
    writing.mark_deleted(client, GOODS, str(goods["Ref_Key"]))
    found = base.get(GOODS, str(goods["Ref_Key"]))
    assert found is not None
    assert found["DeletionMark"] is True
    assert not hasattr(client, "delete")


def test_an_object_that_is_gone_is_told_so(base: OdataBase) -> None:
    with pytest.raises(Missing, match="E822"):
        writing.post_document(connected(base), ORDERS, UUID(int=5))


# --- the mark ---


def metadata(length: int | None, kind: str = "Edm.String") -> Metadata:
    number = Property("НомерПоДаннымКлиента", kind, length=length)
    row_fields = {"Свойство_Key": Property("Свойство_Key", "Edm.Guid"), "Значение": Property("Значение", kind)}
    row = Shape("Реквизиты", (), row_fields, {})
    section = Property("ДополнительныеРеквизиты", "Collection(Реквизиты)")
    shape = Shape(ORDERS, ("Ref_Key",), {number.name: number, section.name: section}, {})
    return Metadata("x", {ORDERS: ORDERS}, {ORDERS: shape, "Реквизиты": row})


def test_a_field_is_taken_when_the_mark_fits() -> None:
    assert markers.verify_marker(metadata(36), MARKER).whole is True
    assert markers.verify_marker(metadata(None), MARKER).whole is False


@pytest.mark.parametrize(
    ("marker", "of", "code"),
    [
        (MARKER, metadata(35), "E829"),
        (MARKER, metadata(50, "Edm.Int64"), "E828"),
        (Marker(ORDERS, "ExternalRunKey"), metadata(50), "E828"),
        (Marker("Document_Нет", "Поле"), metadata(50), "E834"),
        (Marker(ORDERS, "НетЧасти", UUID(int=1)), metadata(50), "E828"),
    ],
)
def test_a_field_that_cannot_keep_the_mark_is_refused_before_anything_is_written(
    marker: Marker, of: Metadata, code: str
) -> None:
    with pytest.raises(Exception, match=code):
        markers.verify_marker(of, marker)


def test_an_additional_requisite_can_be_the_mark() -> None:
    marker = markers.verify_marker(metadata(36), Marker(ORDERS, "ДополнительныеРеквизиты", UUID(int=1)))
    body = marker.put({"ДополнительныеРеквизиты": [{"Свойство_Key": "2"}]}, "метка")
    assert body["ДополнительныеРеквизиты"][1]["Значение"] == "метка"
    assert marker.condition("мет'ка") == (
        f"ДополнительныеРеквизиты/any(d: (d/Свойство_Key eq guid'{UUID(int=1)}') and (d/Значение eq 'мет''ка'))"
    )


def test_a_mark_of_which_only_a_few_letters_are_left_is_no_mark() -> None:
    value = "01234567-89ab-cdef-0123-456789abcdef"
    assert MARKER.matches({MARKER.field: value[:20] + "   "}, value)
    assert not MARKER.matches({MARKER.field: value[:19]}, value)
    assert not MARKER.matches({MARKER.field: ""}, value)
    assert not MARKER.matches({MARKER.field: value[:20] + "x"}, value)


def test_of_several_the_one_that_counts_is_the_same_for_all() -> None:
    several: list[Record] = [
        {"Ref_Key": "3", "Number": "0002", "DeletionMark": False},
        {"Ref_Key": "1", "Number": "0001", "DeletionMark": True},
        {"Ref_Key": "2", "Number": "0003", "DeletionMark": False},
    ]
    for order in (several, several[::-1]):
        assert [record["Ref_Key"] for record in sorted(order, key=markers.precedence)] == ["3", "2", "1"]


def test_the_metadata_of_a_real_configuration_has_the_fields_for_a_mark(corpus: Path) -> None:
    marks = {
        "ut11.4": Marker(ORDERS, "НомерПоДаннымКлиента"),
        "unf1.6": Marker("Document_ЗаказПокупателя", "НомерВходящегоДокумента"),
    }
    for name, marker in marks.items():
        with gzip.open(corpus / "odata" / "metadata" / f"{name}.edmx.gz") as stream:
            known = metadata_reader.read(stream)
        assert markers.verify_marker(known, marker).whole is False  # it states no lengths
        with pytest.raises(ConfigError, match="E828"):
            markers.verify_marker(known, Marker(marker.set_name, "ExternalRunKey"))
