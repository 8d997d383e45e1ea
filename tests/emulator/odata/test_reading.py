"""What is read: sets, keys, selections, pages, references, formats."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest

from syncd.emulator.odata import Manners, OdataBase
from tests.emulator.odata.conftest import EMPTY, Connect, Wire, corpus

GOODS = "Catalog_Номенклатура"
ATOM = "{http://www.w3.org/2005/Atom}"
DATA = "{http://schemas.microsoft.com/ado/2007/08/dataservices}"
META = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"


def test_the_service_document_lists_every_set_with_its_address(odata: Wire) -> None:
    captured = json.loads(corpus("json/service_document_moon_test_2016.json").read_text(encoding="utf-8-sig"))
    ours = odata.get("?$format=json").json()
    assert ours.keys() == captured.keys()
    assert ours["value"][0].keys() == captured["value"][0].keys()
    assert {"name": "Document_ЗаказКлиента_Товары", "url": "Document_ЗаказКлиента_Товары"} in ours["value"]


def test_without_a_format_the_answer_is_atom(odata: Wire) -> None:
    answer = odata.get(f"{GOODS}?$top=2")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    feed = ET.fromstring(answer.content)
    entries = feed.findall(f"{ATOM}entry")
    assert len(entries) == 2
    properties = entries[0].find(f"{ATOM}content/{META}properties")
    assert properties is not None
    assert properties.findtext(f"{DATA}Ref_Key")
    assert properties.find(f"{DATA}Артикул[@{META}null='true']") is not None, "a folder has no article"


def test_accept_asks_for_json_as_the_option_does(odata: Wire) -> None:
    answer = odata.send("GET", f"{GOODS}?$top=1", headers={"Accept": "application/json"})
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.json()["odata.metadata"].endswith("/$metadata#Catalog_Номенклатура")


def test_a_platform_before_8_3_6_speaks_atom_only(connect: Connect) -> None:
    old = connect(manners=Manners(atom_only=True))
    assert old.get("Catalog_Валюты?$format=json").content.startswith(b"<?xml")


def test_json_of_an_object_has_the_types_of_captured_answers(odata: Wire) -> None:
    captured = json.loads(
        corpus("json/captured_moon_test_3_Catalog_Номенклатура_@Element.json").read_text(encoding="utf-8-sig")
    )
    ref = odata.rows(f"{GOODS}?$filter=IsFolder eq true&$top=1")[0]["Ref_Key"]
    ours = odata.get(f"{GOODS}(guid'{ref}')?$format=json").json()
    assert ours["odata.metadata"].endswith("#Catalog_Номенклатура/@Element")
    for name in captured.keys() & ours.keys() - {"odata.metadata"}:
        assert type(ours[name]) is type(captured[name]), name


def test_line_numbers_and_counts_travel_as_text(odata: Wire) -> None:
    captured = json.loads(corpus("json/captured_moon_test_1_Document_ПриходныйОрдер.json").read_text("utf-8-sig"))
    assert captured["value"][0]["Товары"][0]["LineNumber"] == "1"
    page = odata.json("Document_ЗаказКлиента?$top=1&$inlinecount=allpages")
    assert page["odata.count"] == str(len(odata.base.documents("ЗаказКлиента")))
    assert page["value"][0]["Товары"][0]["LineNumber"] == "1"


def test_a_reference_has_a_link_unless_it_is_empty(odata: Wire) -> None:
    order = odata.get("Document_ЗаказКлиента?$format=json&$top=1").json()["value"][0]
    address = f"Document_ЗаказКлиента(guid'{order['Ref_Key']}')"
    assert order["Контрагент@navigationLinkUrl"] == f"{address}/Контрагент"
    assert order["Грузополучатель_Key"] == EMPTY
    assert "Грузополучатель@navigationLinkUrl" not in order


@pytest.mark.parametrize(("level", "links"), [("nometadata", False), ("minimalmetadata", True), ("fullmetadata", True)])
def test_json_says_as_much_of_itself_as_was_asked(odata: Wire, level: str, links: bool) -> None:
    page = odata.get(f"Document_ЗаказКлиента?$top=1&$format=application/json;odata={level}").json()
    assert ("odata.metadata" in page) == links
    assert any("@navigationLinkUrl" in name for name in page["value"][0]) == links
    assert ("odata.type" in page["value"][0]) == (level == "fullmetadata")


def test_an_object_is_found_by_its_key_in_every_form(odata: Wire) -> None:
    ref = odata.rows(f"{GOODS}?$top=1&$select=Ref_Key")[0]["Ref_Key"]
    for key in (f"guid'{ref}'", f"Ref_Key=guid'{ref}'", f"guid'{ref.upper()}'"):
        assert odata.json(f"{GOODS}({key})")["Ref_Key"] == ref


def test_a_record_is_found_by_its_dimensions(odata: Wire, unf: Wire) -> None:
    code = odata.rows("InformationRegister_ШтрихкодыНоменклатуры?$top=1")[0]
    found = odata.json(f"InformationRegister_ШтрихкодыНоменклатуры(Штрихкод='{code['Штрихкод']}')")
    assert found["Номенклатура_Key"] == code["Номенклатура_Key"]
    price = unf.rows("InformationRegister_ЦеныНоменклатуры?$top=1&$skip=7")[0]
    keys = ",".join(f"{name}=guid'{price[name]}'" for name in ("ВидЦен_Key", "Номенклатура_Key", "Характеристика_Key"))
    address = f"InformationRegister_ЦеныНоменклатуры(Period=datetime'{price['Period']}',{keys})"
    assert unf.json(address)["Цена"] == price["Цена"]


def test_a_row_of_a_section_is_found_by_its_owner_and_number(odata: Wire) -> None:
    order = odata.rows("Document_ЗаказКлиента?$top=1")[0]
    row = odata.json(f"Document_ЗаказКлиента_Товары(Ref_Key=guid'{order['Ref_Key']}',LineNumber=1)")
    assert row == order["Товары"][0]
    rows = odata.rows(f"Document_ЗаказКлиента_Товары?$filter=Ref_Key eq guid'{order['Ref_Key']}'")
    assert rows == order["Товары"]
    assert odata.rows(f"Document_ЗаказКлиента(guid'{order['Ref_Key']}')/Товары") == order["Товары"]


def test_a_path_from_an_object_leads_through_references(odata: Wire) -> None:
    order = odata.rows("Document_ЗаказКлиента?$top=1")[0]
    address = f"Document_ЗаказКлиента(guid'{order['Ref_Key']}')"
    name = odata.json(f"{address}/Валюта/Description")["value"]
    assert name == "руб."
    assert odata.json(f"{address}/Контрагент")["Ref_Key"] == order["Контрагент_Key"]
    assert odata.get(f"{address}/Number/$value").text == order["Number"]
    invoice = odata.rows("Document_СчетНаОплатуКлиенту?$top=1")[0]
    through = f"Document_СчетНаОплатуКлиенту(guid'{invoice['Ref_Key']}')/ДокументОснование/Document_ЗаказКлиента/Number"
    assert odata.json(through)["value"] == order["Number"]


def test_select_gives_what_was_asked_and_nothing_else(odata: Wire) -> None:
    row = odata.rows("Document_ЗаказКлиента?$top=1&$select=Number,Товары/Цена,Товары/LineNumber")[0]
    assert row.keys() == {"Number", "Товары"}
    assert row["Товары"][0].keys() == {"Цена", "LineNumber"}
    assert "Товары" not in odata.rows("Document_ЗаказКлиента?$top=1&$select=**")[0]
    assert "Товары" in odata.rows("Document_ЗаказКлиента?$top=1&$select=*")[0]


def test_presentations_come_on_request_only(odata: Wire) -> None:
    row = odata.rows("Document_ЗаказКлиента?$top=1&$select=Number,Валюта____Presentation,Presentation")[0]
    assert row["Валюта____Presentation"] == "руб."
    assert row["Presentation"].startswith(f"ЗаказКлиента {row['Number']} от ")
    every = odata.rows("Document_ЗаказКлиента?$top=1&$select=*,*____Presentation")[0]
    assert "Контрагент____Presentation" in every
    assert every["Posted____Presentation"] == "Да"


def test_expand_does_nothing_unless_the_reference_is_selected(odata: Wire) -> None:
    plain = odata.rows("Document_ЗаказКлиента?$top=1&$expand=Контрагент")[0]
    assert "Контрагент" not in plain
    full = odata.rows("Document_ЗаказКлиента?$top=1&$select=Ref_Key,Контрагент/ИНН,Грузополучатель/ИНН"
                      "&$expand=Контрагент,Грузополучатель")[0]  # fmt: skip
    assert full["Контрагент"].keys() == {"ИНН"}
    assert len(full["Контрагент"]["ИНН"]) in (10, 12)
    assert full["Грузополучатель"] is None, "an empty reference"


def test_expand_reaches_further_objects(odata: Wire) -> None:
    row = odata.rows("Document_ЗаказКлиента?$top=1&$select=Контрагент/Партнер/Description&$expand=Контрагент/Партнер")[
        0
    ]
    assert row["Контрагент"]["Партнер"]["Description"]


def test_pages_in_order_of_the_key_give_every_row_once(odata: Wire) -> None:
    everything = [str(row["Ref_Key"]) for row in odata.base.rows(GOODS)]
    found: list[str] = []
    while page := odata.rows(f"{GOODS}?$orderby=Ref_Key&$top=7&$skip={len(found)}&$select=Ref_Key"):
        found += [row["Ref_Key"] for row in page]
    assert found == everything == sorted(everything)
    found = [EMPTY]
    while page := odata.rows(f"{GOODS}?$orderby=Ref_Key&$top=7&$filter=Ref_Key gt guid'{found[-1]}'"):
        found += [row["Ref_Key"] for row in page]
    assert found[1:] == everything


def test_rows_made_later_come_after_the_first_ones(odata: Wire) -> None:
    made = odata.base.create("Catalog_Партнеры", {"Description": "Новый"})
    odata.base.change("Catalog_Партнеры", str(odata.base.rows("Catalog_Партнеры")[2]["Ref_Key"]), {"Комментарий": "x"})
    refs = [row["Ref_Key"] for row in odata.rows("Catalog_Партнеры?$orderby=Ref_Key&$select=Ref_Key")]
    assert refs == sorted(refs)
    assert refs[-1] == made["Ref_Key"]


def test_order_follows_several_fields_and_references(odata: Wire) -> None:
    rows = odata.rows(
        "Document_ЗаказКлиента?$orderby=Контрагент/ИНН desc,Number&$select=Контрагент/ИНН,Number&$expand=Контрагент"
    )
    keys = [(row["Контрагент"]["ИНН"], row["Number"]) for row in rows]
    assert keys == sorted(sorted(keys, key=lambda key: key[1]), key=lambda key: key[0], reverse=True)


def test_count_is_bare_text_after_a_bom(odata: Wire) -> None:
    answer = odata.get(f"{GOODS}/$count?$filter=IsFolder eq false")
    assert answer.content == b"\xef\xbb\xbf40"


def test_inlinecount_counts_regardless_of_the_page(odata: Wire) -> None:
    page = odata.json(f"{GOODS}?$filter=IsFolder eq false&$inlinecount=allpages&$top=3&$skip=5")
    assert page["odata.count"] == "40"
    assert len(page["value"]) == 3


def test_json_may_begin_with_a_bom(connect: Connect) -> None:
    body = connect(manners=Manners(bom=True)).get("Catalog_Валюты?$format=json").content
    assert body.startswith(b"\xef\xbb\xbf{")


def test_a_user_of_limited_rights_gets_401_unless_only_the_allowed_is_asked(odata: Wire) -> None:
    refs = [str(row["Ref_Key"]) for row in odata.base.rows("Catalog_Партнеры")]
    odata.base.hidden["Catalog_Партнеры"] = {refs[1]}
    assert odata.refused("Catalog_Партнеры")[:2] == (401, "20")
    assert odata.refused(f"Catalog_Партнеры(guid'{refs[1]}')")[:2] == (401, "20")
    shown = odata.rows("Catalog_Партнеры?allowedOnly=true")
    assert [row["Ref_Key"] for row in shown] == [refs[0], *refs[2:]]


def test_a_constant_is_a_set_of_one_row(odata: Wire) -> None:
    rows = odata.rows("Constant_ВалютаУправленческогоУчета")
    assert [row["SurrogateKey"] for row in rows] == [0]
    assert odata.json(f"Catalog_Валюты(guid'{rows[0]['Value_Key']}')")["Code"] == "643"


def test_the_same_seed_gives_the_same_base_and_another_another() -> None:
    one, same, other = OdataBase(seed=3, size=12), OdataBase(seed=3, size=12), OdataBase(seed=4, size=12)
    for name in one.store.schema.sets:
        assert one.rows(name) == same.rows(name)
    assert one.rows(GOODS) != other.rows(GOODS)
