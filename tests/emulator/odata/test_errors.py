"""Error bodies, held against captured ones: the same keys, codes and texts."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from syncd.emulator.odata import Manners
from syncd.emulator.odata.refusals import Language
from tests.emulator.odata.conftest import EMPTY, Connect, Wire, corpus

META = "{http://schemas.microsoft.com/ado/2007/08/dataservices/metadata}"


@pytest.mark.parametrize(
    ("captured", "address", "status"),
    [
        ("odata_json_0_param_unsupported.json", "Catalog_Валюты?$expan=Owner", 400),
        ("odata_json_14_filter_parse.json", "Catalog_Валюты?$filter=Code eq", 400),
        ("odata_json_400_guid.json", "Catalog_Валюты(guid'ZZP8x')", 400),
        ("odata_json_500_plus_in_filter.json", "Catalog_Валюты?$filter=Code+eq+'1'", 500),
        ("odata_json_6_method_not_found.json", "InformationRegister_ЦеныНоменклатуры/Balance", 400),
        ("odata_json_8_entity_not_found.json", "CatalogПоставщики", 404),
        ("odata_json_9_instance_not_found.json", f"Catalog_Валюты(guid'{EMPTY}')", 404),
    ],
)
def test_json_errors_are_word_for_word_what_was_captured(
    connect: Connect, captured: str, address: str, status: int
) -> None:
    expected: dict[str, Any] = json.loads(corpus(f"errors/{captured}").read_text(encoding="utf-8-sig"))
    english = not any("а" <= sign.lower() <= "я" for sign in expected["odata.error"]["message"]["value"].split('"')[-1])
    base = connect(manners=Manners(language=Language.EN if english else Language.RU))
    mark = "&" if "?" in address else "?"
    answer = base.get(f"{address}{mark}$format=json")
    assert answer.status_code == status
    assert answer.json() == expected


def test_the_failure_of_a_handler_is_word_for_word_what_was_captured(odata: Wire) -> None:
    expected = json.loads(corpus("errors/odata_json_500_minus1_handler.json").read_text(encoding="utf-8-sig"))
    answer = odata.write("POST", "Catalog_Номенклатура", {"Description": "Группа", "IsFolder": True})
    assert (answer.status_code, answer.json()) == (500, expected)


@pytest.mark.parametrize(
    ("captured", "address", "status"),
    [
        ("odata_xml_404_vendor.xml", f"Document_ЗаказКлиента(guid'{EMPTY}')", 404),
        ("odata_xml_500_minus1.xml", "Catalog_Валюты?$filter=Code eq 5", 500),
    ],
)
def test_xml_errors_have_the_elements_of_captured_ones(odata: Wire, captured: str, address: str, status: int) -> None:
    expected = ET.fromstring(corpus(f"errors/{captured}").read_bytes())
    answer = odata.get(address)
    found = ET.fromstring(answer.content)
    assert answer.status_code == status
    assert [element.tag for element in found.iter()] == [element.tag for element in expected.iter()]
    assert found.findtext(f"{META}code") == expected.findtext(f"{META}code")
    ours, theirs = found.findtext(f"{META}message") or "", expected.findtext(f"{META}message") or ""
    assert ours.split('"')[-1].split("}")[-1] == theirs.split('"')[-1].split("}")[-1]


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [
        ("Catalog_Валюты?$select=Нет", 400, "6"),
        ("Catalog_Валюты?$orderby=Нет", 400, "6"),
        ("Catalog_Валюты?$orderby=Code up", 400, "6"),
        ("Catalog_Валюты?$expand=Нет", 400, "6"),
        ("Catalog_Валюты/Нет", 400, "6"),
        ("Catalog_Валюты?$top=-1", 400, "14"),
        ("Catalog_Валюты?$skip=one", 400, "14"),
        ("Catalog_Валюты('text')", 400, "1"),
        ("Document_ЗаказКлиента_Товары(LineNumber=1)", 400, "7"),
        ("Document_ЗаказКлиента_Товары(guid'00000000-0000-0000-0000-000000000000')", 400, "7"),
        ("Catalog_Валюты(Code='643')", 400, "10"),
        ("Catalog_Валюты(", 400, "6"),
        ("Enum_СтавкиНДС", 404, "8"),
    ],
)
def test_addresses_that_lead_nowhere_have_codes_of_their_own(odata: Wire, address: str, status: int, code: str) -> None:
    assert odata.refused(address)[:2] == (status, code)


def test_text_of_the_client_is_escaped_in_xml(odata: Wire) -> None:
    answer = odata.get("Catalog_Валюты?$select=<b>%26")
    assert "<b>&" in (ET.fromstring(answer.content).findtext(f"{META}message") or "")
