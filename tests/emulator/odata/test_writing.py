"""Writing: what 1C takes, cuts, drops without a word, numbers, refuses."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from syncd.emulator.odata import Manners
from tests.emulator.odata.conftest import EMPTY, Connect, Wire

ORDERS = "Document_ЗаказКлиента"
PARTNERS = "Catalog_Партнеры"
GOODS = "Catalog_Номенклатура"
SOME = "11111111-2222-11ee-8333-444444444444"


def order(**rest: Any) -> dict[str, Any]:
    return {"Date": "2026-05-05T10:00:00", **rest}


def line(number: object, quantity: float = 1, **rest: Any) -> dict[str, Any]:
    return {"LineNumber": number, "Количество": quantity, "Цена": 10, "СуммаСНДС": quantity * 10, **rest}


def make(odata: Wire, name: str = ORDERS, **fields: Any) -> dict[str, Any]:
    answer = odata.write("POST", name, order(**fields) if name == ORDERS else fields)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_made_object_comes_back_whole_with_its_address(odata: Wire) -> None:
    answer = odata.write("POST", ORDERS, order(НомерПоДаннымКлиента="W-1"))
    assert answer.status_code == 201
    body = answer.json()
    assert body["DataVersion"]
    assert body["Number"] == "ТД00-000007"
    assert body["Posted"] is False
    raw = next(value for name, value in answer.headers.raw if name.lower() == b"location")
    assert raw.decode() == f"{odata.base.url}{ORDERS}(guid'{body['Ref_Key']}')", "raw UTF-8"
    assert odata.json(f"{ORDERS}(guid'{body['Ref_Key']}')")["НомерПоДаннымКлиента"] == "W-1"


def test_the_key_of_a_new_object_is_1cs_own_unless_the_base_takes_another(odata: Wire, connect: Connect) -> None:
    assert make(odata, Ref_Key=SOME)["Ref_Key"] != SOME
    willing = connect(manners=Manners(ref_key_accepted=True))
    assert make(willing, Ref_Key=SOME)["Ref_Key"] == SOME
    again = willing.write("POST", ORDERS, order(Ref_Key=SOME))
    assert willing.error(again)[:2] == (400, "15")
    assert willing.rows(f"{ORDERS}?$orderby=Ref_Key&$select=Ref_Key")[0] == {"Ref_Key": SOME}


def test_an_unknown_property_is_dropped_without_a_word(odata: Wire) -> None:
    made = make(odata, ExternalRunKey="x", Товары=[line("1", Выдумка=1)])
    assert "ExternalRunKey" not in made
    assert odata.base.ignored == [f"{ORDERS}.ExternalRunKey", f"{ORDERS}_Товары.Выдумка"]


def test_long_text_is_cut_to_the_length_of_its_field(odata: Wire) -> None:
    made = make(odata, PARTNERS, Description="Я" * 150)
    assert made["Description"] == "Я" * 100


def test_a_reference_to_nothing_is_stored(odata: Wire) -> None:
    assert make(odata, Контрагент_Key=SOME)["Контрагент_Key"] == SOME


def test_words_in_a_whole_number_are_ignored(odata: Wire) -> None:
    made = make(odata, МаксимальныйКодСтроки="много")
    assert made["МаксимальныйКодСтроки"] == "0"
    changed = odata.write("PATCH", f"{ORDERS}(guid'{made['Ref_Key']}')", {"МаксимальныйКодСтроки": 5}).json()
    assert changed["МаксимальныйКодСтроки"] == "5"


def test_numbers_are_rounded_to_the_places_of_their_field(odata: Wire) -> None:
    made = make(odata, Товары=[line("1", 1.23456, Цена="19.999")])
    assert made["Товары"][0]["Количество"] == 1.235
    assert made["Товары"][0]["Цена"] == 20


@pytest.mark.parametrize(
    ("field", "value", "status", "code"),
    [
        ("Контрагент_Key", "ZZP8x", 400, "1"),
        ("Согласован", "да", 400, "1"),
        ("ДатаОтгрузки", "05.05.2026", 400, "1"),
        ("СуммаДокумента", "дорого", 400, "1"),
        ("Комментарий", ["a"], 500, "-1"),
        ("Комментарий", {"a": 1}, 500, "-1"),
        ("Товары", {"LineNumber": "1"}, 500, "-1"),
    ],
)
def test_values_that_cannot_be_read_refuse_the_whole_write(
    odata: Wire, field: str, value: object, status: int, code: str
) -> None:
    before = len(odata.base.documents("ЗаказКлиента"))
    answer = odata.write("POST", ORDERS, order(**{field: value}))
    assert odata.error(answer)[:2] == (status, code)
    assert len(odata.base.documents("ЗаказКлиента")) == before


def test_broken_json_is_an_inner_error(odata: Wire) -> None:
    answer = odata.send("POST", f"{ORDERS}?$format=json", content=b'{"Date": ')
    assert odata.error(answer)[:2] == (500, "-1")


def test_a_date_is_naive_and_null_empties_it(odata: Wire) -> None:
    made = make(odata, ДатаОтгрузки="2026-06-01T00:00:00", ДатаСогласования=None)
    assert made["ДатаОтгрузки"] == "2026-06-01T00:00:00"
    assert made["ДатаСогласования"] == "0001-01-01T00:00:00"
    refused = odata.write("POST", ORDERS, {"Date": "2026-06-01T00:00:00+03:00"})
    assert odata.error(refused)[:2] == (400, "1")


def test_rows_without_a_line_number_are_an_inner_error(odata: Wire) -> None:
    answer = odata.write("POST", ORDERS, order(Товары=[{"Количество": 1}]))
    assert odata.error(answer) == (500, "-1", "Внутренняя ошибка OData сервиса")


@pytest.mark.parametrize("numbers", [("0",), ("2",), ("1", "3"), ("1", "1"), ("2", "1")])
def test_line_numbers_run_from_one_without_gaps(odata: Wire, numbers: tuple[str, ...]) -> None:
    answer = odata.write("POST", ORDERS, order(Товары=[line(number) for number in numbers]))
    assert odata.error(answer)[0] == 400


def test_patch_replaces_a_section_as_a_whole_and_leaves_the_others(odata: Wire) -> None:
    made = make(odata, Товары=[line("1"), line("2"), line("3")], ЭтапыГрафикаОплаты=[{"LineNumber": 1}])
    answer = odata.write("PATCH", f"{ORDERS}(guid'{made['Ref_Key']}')", {"Товары": [line("1", 7)]})
    assert answer.status_code == 200
    body = answer.json()
    assert [row["Количество"] for row in body["Товары"]] == [7]
    assert body["Товары"][0]["Ref_Key"] == made["Ref_Key"]
    assert len(body["ЭтапыГрафикаОплаты"]) == 1
    assert body["Date"] == made["Date"]


def test_every_write_gives_a_new_version_even_one_that_changes_nothing(odata: Wire) -> None:
    made = make(odata)
    address = f"{ORDERS}(guid'{made['Ref_Key']}')"
    bodies: tuple[dict[str, Any], ...] = ({}, {"Комментарий": "x"}, {"DeletionMark": True}, {"DeletionMark": False})
    versions = [made["DataVersion"], *(odata.write("PATCH", address, body).json()["DataVersion"] for body in bodies)]
    odata.send("POST", f"{address}/Post?PostingModeOperational=false")
    versions.append(odata.json(address)["DataVersion"])
    assert len(set(versions)) == len(versions)


def test_keys_versions_and_predefined_names_cannot_be_written(odata: Wire) -> None:
    made = make(odata, PARTNERS, Description="a")
    body = {"Ref_Key": SOME, "DataVersion": "AAAAAAAAAAA=", "PredefinedDataName": "Имя"}
    changed = odata.write("PATCH", f"{PARTNERS}(guid'{made['Ref_Key']}')", body).json()
    assert changed["Ref_Key"] == made["Ref_Key"]
    assert changed["DataVersion"] not in (made["DataVersion"], "AAAAAAAAAAA=")
    assert changed["PredefinedDataName"] == ""


def test_if_match_is_ignored_as_live_bases_do_and_can_be_honoured(odata: Wire, connect: Connect) -> None:
    made = make(odata)
    address = f"{ORDERS}(guid'{made['Ref_Key']}')"
    assert odata.write("PATCH", address, {}, **{"If-Match": "AAAAAAAAAAA="}).status_code == 200
    strict = connect(manners=Manners(if_match_honoured=True))
    made = make(strict)
    address = f"{ORDERS}(guid'{made['Ref_Key']}')"
    assert strict.write("PATCH", address, {}, **{"If-Match": made["DataVersion"]}).status_code == 200
    assert strict.write("PATCH", address, {}, **{"If-Match": made["DataVersion"]}).status_code == 412
    assert strict.send("DELETE", address, headers={"If-Match": made["DataVersion"]}).status_code == 412


def test_put_asks_for_every_property_and_takes_references_as_links(odata: Wire) -> None:
    row = odata.rows("Catalog_УпаковкиЕдиницыИзмерения?$top=1")[0]
    address = f"Catalog_УпаковкиЕдиницыИзмерения(guid'{row['Ref_Key']}')"
    part = {name: value for name, value in row.items() if name != "Числитель"}
    status, code, text = odata.error(odata.write("PUT", address, part))
    assert (status, code) == (400, "5")
    assert "Числитель" in text
    del row["ЕдиницаИзмерения_Key"]
    row["ЕдиницаИзмерения@odata.bind"] = address
    changed = odata.write("PUT", address, {**row, "Числитель": 12}).json()
    assert (changed["Числитель"], changed["ЕдиницаИзмерения_Key"]) == (12, row["Ref_Key"])


def test_a_reference_of_several_types_is_written_with_its_type_or_as_a_link(odata: Wire) -> None:
    base = odata.rows(f"{ORDERS}?$top=1")[0]["Ref_Key"]
    made = make(odata, "Document_СчетНаОплатуКлиенту", Date="2026-05-05T00:00:00",
                **{"ДокументОснование@odata.bind": f"{ORDERS}(guid'{base}')"})  # fmt: skip
    assert (made["ДокументОснование"], made["ДокументОснование_Type"]) == (base, f"StandardODATA.{ORDERS}")
    fields = {"ДокументОснование": "не ссылка", "ДокументОснование_Type": f"StandardODATA.{ORDERS}"}
    assert odata.error(odata.write("POST", "Document_СчетНаОплатуКлиенту", fields))[:2] == (400, "1")


def test_an_empty_number_is_filled_and_a_taken_one_refused_within_its_year(odata: Wire) -> None:
    made = make(odata)
    again = odata.write("POST", ORDERS, order(Number=made["Number"]))
    assert odata.error(again) == (500, "-1", 'Значение поля "Номер" не уникально')
    other = odata.write("POST", ORDERS, {"Date": "2025-05-05T10:00:00", "Number": made["Number"]})
    assert other.status_code == 201, "another year"
    assert make(odata)["Number"] == "ТД00-000008"


def test_a_taken_code_is_refused_and_an_empty_one_filled(odata: Wire) -> None:
    taken = odata.rows(f"{PARTNERS}?$top=1")[0]["Code"]
    assert odata.error(odata.write("POST", PARTNERS, {"Code": taken}))[0] == 500
    assert make(odata, PARTNERS)["Code"] == "00000000009"


def test_a_catalogue_without_codes_has_none(odata: Wire) -> None:
    assert "Code" not in make(odata, "Catalog_Контрагенты", Description="ООО")
    assert odata.refused("Catalog_Контрагенты?$select=Code")[:2] == (400, "6")


def test_a_bare_group_of_goods_fails_in_the_configurations_code(odata: Wire) -> None:
    before = len(odata.base.rows(GOODS))
    answer = odata.write("POST", GOODS, {"Description": "Группа", "IsFolder": True})
    status, code, text = odata.error(answer)
    assert (status, code) == (500, "-1")
    assert text.startswith("Ошибка при выполнении обработчика - 'ПриЗаписи'")
    assert len(odata.base.rows(GOODS)) == before, "rolled back"
    assert make(odata, GOODS, Description="Товар")["Артикул"] == ""


def test_the_configuration_rewrites_fields_after_the_client(odata: Wire) -> None:
    made = make(odata, СуммаДокумента=999, Товары=[line("1", 2), line("2", 3)])
    assert made["СуммаДокумента"] == 50
    assert [row["КодСтроки"] for row in made["Товары"]] == ["1", "2"]
    assert made["МаксимальныйКодСтроки"] == "2"


def test_load_mode_skips_the_configurations_code(odata: Wire) -> None:
    made = odata.write("POST", ORDERS, order(СуммаДокумента=999, Товары=[line("1", 2)]),
                       **{"1C_OData-DataLoadMode": "true"}).json()  # fmt: skip
    assert made["СуммаДокумента"] == 999
    assert made["Number"] == ""


def test_delete_is_at_once_and_the_object_is_gone(odata: Wire) -> None:
    made = make(odata)
    address = f"{ORDERS}(guid'{made['Ref_Key']}')"
    assert odata.send("DELETE", address).status_code == 204
    assert odata.refused(address)[:2] == (404, "9")
    assert odata.error(odata.send("DELETE", f"{address}?$format=json"))[:2] == (404, "9")
    seeded = odata.rows(f"{ORDERS}?$top=1&$skip=1")[0]
    assert odata.send("DELETE", f"{ORDERS}(guid'{seeded['Ref_Key']}')").status_code == 204
    assert seeded["Ref_Key"] not in [row["Ref_Key"] for row in odata.base.documents("ЗаказКлиента")]


def test_a_record_is_made_once_and_its_key_is_taken_then(odata: Wire) -> None:
    name = "InformationRegister_ШтрихкодыНоменклатуры"
    body = {"Штрихкод": "2000000000015", "Номенклатура_Key": odata.base.rows(GOODS)[-1]["Ref_Key"]}
    answer = odata.write("POST", name, body)
    assert answer.status_code == 200, "not 201"
    assert "Location" not in answer.headers
    assert odata.error(odata.write("POST", name, body))[:2] == (400, "15")
    address = f"{name}(Штрихкод='2000000000015')"
    changed = odata.write("PATCH", address, {"Номенклатура_Key": EMPTY, "Штрихкод": "3"}).json()
    assert (changed["Штрихкод"], changed["Номенклатура_Key"]) == ("2000000000015", EMPTY)
    assert odata.send("DELETE", address).status_code == 204
    assert odata.refused(address)[:2] == (404, "9")


def test_rows_of_sections_cannot_be_written_by_themselves(odata: Wire) -> None:
    ref = odata.rows(f"{ORDERS}?$top=1")[0]["Ref_Key"]
    assert odata.error(odata.write("POST", f"{ORDERS}_Товары", line("1")))[:2] == (400, "13")
    row = f"{ORDERS}_Товары(Ref_Key=guid'{ref}',LineNumber=1)"
    assert odata.error(odata.write("PATCH", row, {"Цена": 1}))[:2] == (400, "13")


def test_a_set_of_records_is_written_by_its_recorder(odata: Wire) -> None:
    ref = make(odata)["Ref_Key"]
    name = "AccumulationRegister_СвободныеОстатки"
    address = f"{name}(Recorder='{ref}',Recorder_Type='StandardODATA.{ORDERS}')"
    rows = [{"LineNumber": "1", "Period": "2026-05-05T10:00:00", "RecordType": "Receipt", "Active": True,
             "ВРезервеСоСклада": 3}]  # fmt: skip
    answer = odata.write("PATCH", address, {"RecordSet": rows})
    assert answer.status_code == 200, answer.text
    assert [row["ВРезервеСоСклада"] for row in odata.base.movements(name, ref)] == [3]
    assert odata.rows(f"{name}_RecordType?$filter=ВРезервеСоСклада eq 3")[0]["Recorder"] == ref


def test_a_constant_is_changed_in_place(odata: Wire) -> None:
    name = "Constant_ХранитьФайлыВТомахНаДиске"
    assert odata.write("PATCH", f"{name}(guid'{EMPTY}')", {"Value": False}).status_code == 200
    assert odata.write("PATCH", name, {"Value": True}).json()["Value"] is True
    assert odata.rows(name)[0]["Value"] is True


def test_what_a_storage_holds_is_given_as_bytes(odata: Wire) -> None:
    kinds = odata.rows("Catalog_ВидыЦен?$top=1")[0]["Ref_Key"]
    address = f"Catalog_ВидыЦен(guid'{kinds}')"
    field = "ХранилищеСхемыКомпоновкиДанных"
    assert odata.get(f"{address}/{field}/$value").status_code == 501, "nothing that could be given"
    odata.write("PATCH", address, {f"{field}_Base64Data": "0J/RgNC40LLQtdGC", f"{field}_Type": "text/plain"})
    answer = odata.get(f"{address}/{field}/$value")
    assert (answer.headers["content-type"], answer.content.decode()) == ("text/plain", "Привет")


def test_an_atom_entry_is_written_like_json(odata: Wire) -> None:
    body = (
        '<entry xmlns="http://www.w3.org/2005/Atom" xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices"'
        ' xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"><content type="application/xml">'
        "<m:properties><d:Description>Атом</d:Description><d:Клиент>true</d:Клиент></m:properties></content></entry>"
    ).encode()
    answer = odata.send("POST", PARTNERS, content=body, headers={"Content-Type": "application/atom+xml"})
    assert answer.status_code == 201
    found = odata.rows(f"{PARTNERS}?$filter=Description eq 'Атом'")
    assert [row["Клиент"] for row in found] == [True]


def test_verbs_that_do_not_fit_are_refused(odata: Wire) -> None:
    assert odata.error(odata.send("DELETE", f"{ORDERS}?$format=json"))[:2] == (405, "19")
    assert odata.error(odata.send("POST", "?$format=json"))[:2] == (405, "19")


def test_iis_wants_to_know_how_long_a_write_is(connect: Connect) -> None:
    iis = connect(manners=Manners(length_required=True))
    ref = iis.rows(f"{ORDERS}?$top=1")[0]["Ref_Key"]
    address = httpx.URL(f"{iis.base.url}{ORDERS}(guid'{ref}')/Unpost")
    bare = httpx.Request("POST", address, headers={"Host": address.netloc.decode()})
    bare.headers.pop("Content-Length", None)
    assert iis.http.send(bare).status_code == 411
    assert iis.send("POST", f"{ORDERS}(guid'{ref}')/Unpost", content=b"").status_code == 200
