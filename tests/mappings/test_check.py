"""Presets fit the bases they are for, and every planted mistake is found at its line with what to type instead."""

from __future__ import annotations

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from syncd import i18n
from syncd.errors import MappingError
from syncd.i18n import Language
from syncd.mappings.check import check
from syncd.mappings.compiled import compile_mapping
from syncd.mappings.lint import lint
from syncd.mappings.loading import Mapping, read
from syncd.mappings.metadata import Metadata
from tests.mappings.bases import edmx, listed

PRESETS = Path(__file__).resolve().parents[2] / "config" / "mappings"
NAMES = ("ut11", "ut115", "unf", "bp30")


def preset(name: str) -> str | None:
    path = PRESETS / f"{name}.yaml"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def mapping(text: str, file: str = "my.yaml") -> Mapping:
    return read(text, file, preset, NAMES)


@pytest.fixture(autouse=True)
def english() -> None:
    i18n.use("en")


@pytest.fixture
def ut() -> Metadata:
    return edmx("ut11.4")


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_has_no_mistake_of_its_own(name: str) -> None:
    found = mapping(f"extends: {name}")
    assert [str(problem) for problem in lint(found)] == []
    wanted = {"categories", "products", "offers", "price_types", "prices", "stocks", "warehouses", "counterparties",
              "contracts", "settlements", "orders", "invoices", "shipments", "payments", "returns"}  # fmt: skip
    assert wanted <= {section.section for section in found.sections}


@pytest.mark.parametrize(("name", "base"), [("ut11", "ut11.4"), ("unf", "unf1.6")])
def test_a_preset_fits_the_whole_metadata_of_its_configuration(name: str, base: str) -> None:
    assert [str(problem) for problem in check(mapping(f"extends: {name}"), edmx(base))] == []


@pytest.mark.parametrize(
    ("name", "config", "not_listed"),
    [
        ("ut115", "BAS_UT3.5(~UT11.5)", {
            "Document_ПоступлениеБезналичныхДенежныхСредств", "Document_ПриходныйКассовыйОрдер", "ИНН", "КПП",
        }),
        ("ut115", "BAS_ERP2.1(~ERP2.4)", None),
        ("bp30", "BP_KG3.1.9", {
            "AccountingRegister_Хозрасчетный", "Document_ПоступлениеНаРасчетныйСчет", "Document_ПриходныйКассовыйОрдер",
            "КПП",
        }),
    ],
)  # fmt: skip
def test_a_preset_fits_the_list_of_fields_of_a_kin_configuration(
    name: str, config: str, not_listed: set[str] | None
) -> None:
    """The lists hold a part of the objects of foreign releases with tax numbers of their own; what differs is named."""
    found = check(mapping(f"extends: {name}"), listed(config))
    if not_listed is None:  # an older release: it lacks the settlements by terms, and little else
        assert {problem.code for problem in found} <= {"E721", "E722", "E724", "E725"}
        return
    assert {problem.params["key"] for problem in found} == not_listed
    assert {problem.code for problem in found} <= {"E721", "E722"}


GOOD = """\
extends: ut11
products:
  fields:
    sku: Артикул
    weight: {from: ВесЧислитель, as: decimal}
    brand: Марка/Description
  extra:
    color: {from: Качество, values: {Новый: new}, unlisted: keep}
stocks:
  from: AccumulationRegister_ТоварыНаСкладах/Balance
  parameters: {Dimensions: "Номенклатура,Характеристика,Склад"}
  where: ВНаличииBalance gt 0
  fields:
    on_hand: {expr: ВНаличииBalance - КОтгрузкеBalance}
    reserved: КОтгрузкеBalance
orders:
  write:
    marker: НомерПоДаннымКлиента
    fields:
      Комментарий: comment
"""


def test_the_mapping_the_mistakes_are_planted_into_is_good(ut: Metadata) -> None:
    assert [str(problem) for problem in check(mapping(GOOD), ut)] == []


STOCK = "AccumulationRegister_ТоварыНаСкладах"
PLANTED = [
    # what is replaced, by what; code, line, what the advice must hold
    ("sku: Артикул", "sku: Артикль", "E722", 4, "Did you mean Артикул?"),
    ("sku: Артикул", "sku: Наименование", "E722", 4, "Did you mean Description?"),
    ("sku: Артикул", "skuu: Артикул", "E705", 4, "Did you mean sku?"),
    ("sku: Артикул", "sku: {frm: Артикул}", "E701", 4, "Did you mean from?"),
    ("sku: Артикул", "sku: ДополнительныеРеквизиты", "E723", 4, "rows: ДополнительныеРеквизиты"),
    ("as: decimal", "as: decimel", "E703", 5, "Did you mean decimal?"),
    ("{from: ВесЧислитель, as: decimal}", "Артикул", "E723", 5, "Edm.String"),
    ("{from: ВесЧислитель, as: decimal}", "{from: ВесЧислитель, expr: ВесЧислитель}", "E709", 5, "exclude each other"),
    ("{from: ВесЧислитель, as: decimal}", "{expr: ВесЧислител * 2}", "E722", 5, "Did you mean ВесЧислитель?"),
    ("{from: ВесЧислитель, as: decimal}", "{expr: ВесЧислитель = 2}", "E710", 5, "Equality is =="),
    (", as: decimal", ", via: Catalog_Валюты, take: Cod", "E722", 5, "Did you mean Code?"),
    ("Марка/Description", "Марка_Key/Description", "E725", 6, "Did you mean Марка/…?"),
    ("Марка/Description", "Марка.Description", "E722", 6, "Марка/Description"),
    ("values: {Новый: new}", "values: kinds", "E711", 8, "dictionaries"),
    ("products:", "prodacts:", "E704", 2, "Did you mean products?"),
    ("ТоварыНаСкладах/Balance", "ТоварыНаСкладе/Balance", "E721", 10, "AccumulationRegister_ТоварыНаСкладах"),
    (f"{STOCK}/Balance", "РегистрНакопления.ТоварыНаСкладах.Остатки", "E721", 10, f"{STOCK}/Balance"),
    ("ТоварыНаСкладах/Balance", "ТоварыНаСкладах/Остатки", "E726", 10, "Did you mean Balance?"),
    ('Dimensions: "Номенклатура,', 'Dimension: "Номенклатура,', "E727", 11, "Did you mean Dimensions?"),
    ('Характеристика,Склад"', 'Характеристика,Склады"', "E722", 11, "Did you mean Склад?"),
    ("where: ВНаличииBalance gt 0", "where: ВНаличииBalance > 0", "E728", 12, "Write gt."),
    ("where: ВНаличииBalance gt 0", "where: contains(ВНаличииBalance, 'x')", "E728", 12, "substringof"),
    ("where: ВНаличииBalance gt 0", "where: ВНаличи gt 0", "E722", 12, "Did you mean ВНаличииBalance?"),
    ("reserved: КОтгрузкеBalance", "reserved: КОтгрузке", "E722", 15, "Did you mean КОтгрузкеBalance?"),
    ("marker: НомерПоДаннымКлиента", "marker: ДатаПоДаннымКлиента", "E730", 18, "Edm.DateTime"),
    ("marker: НомерПоДаннымКлиента", "marker: НомерНаСайте", "E722", 18, "has no property"),
    ("Комментарий: comment", "Комментарий: coment", "E705", 20, "Did you mean comment?"),
    ("Комментарий: comment", "Коментарий: comment", "E722", 20, "Did you mean Комментарий?"),
    ("Комментарий: comment", "Posted: {value: true}", "E733", 20, "post: true"),
    ("extends: ut11", "extends: ut12", "E706", 1, "Did you mean ut11?"),
    ("extends: ut11", "exchange_plan: ExchangePlan_Сайт\nextends: ut11", "E731", 1, ""),
    ("unlisted: keep", "unlistd: keep", "E701", 8, "Did you mean unlisted?"),
    # letters that look alike, ё for е, capitals
    ("sku: Артикул", "sku: Aртикул", "E722", 4, "Did you mean Артикул? It is typed with Latin letters: A."),
    ("sku: Артикул", "sku: Apтикyл", "E722", 4, "Did you mean Артикул? It is typed with Latin letters: Apy."),
    ("sku: Артикул", "sкu: Артикул", "E705", 4, "Did you mean sku? It is typed with Cyrillic letters: к."),
    ("sku: Артикул", "sku: АРТИКУЛ", "E722", 4, "Did you mean Артикул?"),
    ("sku: Артикул", "SKU: Артикул", "E705", 4, "Did you mean sku?"),
    ("products:", "рroducts:", "E704", 2, "Did you mean products? It is typed with Cyrillic letters: р."),
    ("as: decimal", "аs: decimal", "E701", 5, "Did you mean as? It is typed with Cyrillic letters: а."),
    ("as: decimal", "as: dеcimal", "E703", 5, "Did you mean decimal?"),
    ("Марка/Description", "Mарка/Description", "E725", 6, "Did you mean Марка? It is typed with Latin letters: M."),
    ("Марка/Description", "Марка/Dеscription", "E722", 6, "Did you mean Description? It is typed with Cyrillic"),
    (f"{STOCK}/Balance", f"{STOCK}/Ваlance", "E726", 10, "Did you mean Balance?"),
    (STOCK, STOCK.replace("A", "А", 1), "E721", 10, f"Did you mean {STOCK}? It is typed with Cyrillic letters: А."),
    ("where: ВНаличииBalance gt 0", "where: ВНаличииВalance gt 0", "E722", 12, "Did you mean ВНаличииBalance?"),
    ("reserved: КОтгрузкеBalance", "reserved: КОтгрузкёBalance", "E722", 15, "Did you mean КОтгрузкеBalance?"),
    ("Комментарий: comment", "Комментарий: сomment", "E705", 20, "It is typed with Cyrillic letters: с."),
    ("extends: ut11", "extends: UT11", "E706", 1, "Did you mean ut11?"),
    # what is no YAML, or says a thing twice
    ("  fields:\n    sku", "\tfields:\n    sku", "E702", 3, "use spaces"),
    ("    sku: Артикул", "   sku: Артикул", "E702", 5, "exactly below each other"),
    ("sku: Артикул", "sku Артикул", "E702", 5, "look at the line above"),
    ("sku: Артикул", "sku:Артикул", "E702", 5, "behind a colon there is a space"),
    ("sku: Артикул", "sku: {from: Артикул", "E702", 5, "a brace { is not closed"),
    ("sku: Артикул", "sku: Артикул\n    sku: Code", "E702", 5, "sku is given twice"),
    ("marker: НомерПоДаннымКлиента", "marker: null", "E730", 17, "Write `marker: `"),
    ("sku: Артикул", "sku: {from: Марка_Key, take: Code}", "E709", 4, "via and take"),
    ("sku: Артикул", "sku: Марка_Key/Code", "E725", 4, "Did you mean Марка/…?"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "code", "line", "advice"), PLANTED, ids=[row[1][:60] for row in PLANTED])
def test_a_planted_mistake_is_found_at_its_line_with_what_to_type(
    ut: Metadata, good: str, bad: str, code: str, line: int, advice: str
) -> None:
    assert GOOD.count(good) == 1 or good == STOCK
    text = GOOD.replace(good, bad)
    try:
        found = check(mapping(text), ut)
    except MappingError as error:  # what stops the reading is told the same way
        found = [error]
    mine = [problem for problem in found if problem.code == code and problem.params["place"].line == line]
    assert mine, [str(problem) for problem in found]
    assert mine[0].params["place"].file == "my.yaml"
    assert advice in str(mine[0]), str(mine[0])
    assert len(found) <= 2, [str(problem) for problem in found]
    languages: tuple[Language, Language] = ("ru", "en")
    for language in languages:
        assert not re.search(r"\{\w+\}", mine[0].text(language)), "every parameter of the text is given"


def test_a_plain_comparison_of_a_reference_of_several_types_is_told(ut: Metadata) -> None:
    text = "extends: ut11\ninvoices:\n  where: ДокументОснование eq guid'00000000-0000-0000-0000-000000000001'\n"
    (found,) = check(mapping(text), ut)
    assert (found.code, found.params["place"].line) == ("E729", 3)
    assert "cast(" in str(found)
    fixed = text.replace(
        "guid'00000000-0000-0000-0000-000000000001'",
        "cast(guid'00000000-0000-0000-0000-000000000001', 'Document_ЗаказКлиента')",
    )
    assert check(mapping(fixed), ut) == []


def test_a_register_without_its_virtual_table_is_told(ut: Metadata) -> None:
    text = "extends: ut11\nstocks: {from: AccumulationRegister_ТоварыНаСкладах, parameters: null}\n"
    found = check(mapping(text), ut)
    assert found[0].code == "E726"
    assert "AccumulationRegister_ТоварыНаСкладах/Balance" in str(found[0])


def test_a_field_that_1c_does_not_group_by_is_told(ut: Metadata) -> None:
    text = "extends: ut11\nstocks:\n  parameters: {Dimensions: Номенклатура}\n"
    assert {p.params["key"] for p in check(mapping(text), ut)} == {"Характеристика_Key", "Склад_Key"}


def test_a_path_from_a_row_is_told_to_use_a_lookup(ut: Metadata) -> None:
    text = "extends: ut11\norders: {lines: {fields: {unit: Упаковка/Description}}}\n"
    (found,) = check(mapping(text), ut)
    assert found.code == "E725"
    assert "via" in str(found)


def test_an_optional_field_is_left_out_where_the_base_lacks_it(ut: Metadata) -> None:
    text = "extends: ut11\nproducts: {fields: {country: {from: СтранаПроисхождения/Description, optional: true}}}\n"
    assert check(mapping(text), ut) == []


def test_an_empty_reference_that_comes_as_null_is_no_mistake(ut: Metadata) -> None:
    """An expanded reference is null where it is empty, and its link is missing."""
    made = {source.label: source for source in compile_mapping(mapping(GOOD), ZoneInfo("Europe/Moscow"), base=ut)}
    row = dict.fromkeys(path.partition("/")[0] for path in made["products"].query.select) | {"Ref_Key": "a"}
    cells = {cell.field: cell for cell in made["products"].preview(row)}
    assert row["Марка"] is None
    assert (cells["brand"].result, cells["brand"].error) == (None, None)
