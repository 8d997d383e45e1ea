from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from syncd.emulator.base import OrderBase
from syncd.emulator.catalogue import TradeBase
from syncd.emulator.documents import ExportFile, Portion, offers_xml, standard_export
from syncd.emulator.documents31 import split_export
from syncd.emulator.order_documents import UKRAINIAN_NAMES, orders_file_name, orders_xml
from tests.emulator.order_xml import batch, order

SPACE = "{urn:1C.ru:commerceml_2}"
CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "commerceml"


@pytest.fixture
def base() -> TradeBase:
    return TradeBase.generate(5, products=60)


def parsed(file: ExportFile) -> etree._Element:
    return etree.fromstring(b"".join(file.write()))


def files(portions: Iterator[Portion]) -> dict[str, etree._Element]:
    return {file.name: parsed(file) for portion in portions for file in portion.files}


def flag(root: etree._Element, name: str) -> str | None:
    found = root.find(f"{SPACE}{name}")
    assert found is not None
    return found.get("СодержитТолькоИзменения")


def texts(root: etree._Element, path: str) -> list[str]:
    found = root.iterfind("/".join(SPACE + step for step in path.split("/")))
    return [element.text or "" for element in found]


def paths(root: etree._Element) -> set[str]:
    """Every way from the root to an element, by local names."""
    tree = set()
    for element in root.iter(etree.Element):
        names = [etree.QName(up).localname for up in (*reversed(list(element.iterancestors())), element)]
        tree.add("/".join(name for name in names))
    return tree


def test_the_same_base_gives_the_same_bytes(base: TradeBase) -> None:
    def written(source: TradeBase) -> list[bytes]:
        return [b"".join(file.write()) for portion in standard_export(source, portions=2) for file in portion.files]

    assert written(base) == written(TradeBase.generate(5, products=60))


def test_files_begin_with_a_bom_and_the_declaration(base: TradeBase) -> None:
    for portion in standard_export(base):
        for file in portion.files:
            content = b"".join(file.write())
            assert content.startswith(b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?>\n')


def test_only_the_first_portion_of_a_full_export_says_full_and_has_the_classifier(base: TradeBase) -> None:
    written = files(standard_export(base, portions=3))
    assert list(written) == [f"{kind}0_{number}.xml" for kind in ("import", "offers") for number in (1, 2, 3)]
    for kind, element in (("import", "Каталог"), ("offers", "ПакетПредложений")):
        flags = [flag(written[f"{kind}0_{number}.xml"], element) for number in (1, 2, 3)]
        assert flags == ["false", "true", "true"]
        classifiers = [
            written[f"{kind}0_{number}.xml"].find(f"{SPACE}Классификатор") is not None for number in (1, 2, 3)
        ]
        assert classifiers == [True, False, False]


def test_the_portions_together_hold_every_product_once(base: TradeBase) -> None:
    written = files(standard_export(base, portions=7))
    ids = [
        id_
        for name, root in written.items()
        if name.startswith("import")
        for id_ in texts(root, "Каталог/Товары/Товар/Ид")
    ]
    assert ids == [base.product(index).id for index in range(60)]


def test_a_delta_holds_what_changed_and_says_so(base: TradeBase) -> None:
    base.change(names=0.1, prices=0.2)
    written = files(standard_export(base, full=False))
    goods = texts(written["import0_1.xml"], "Каталог/Товары/Товар/Ид")
    assert goods == [base.product(index).id for index in base.changed("names")]
    assert 0 < len(goods) < 20
    assert flag(written["import0_1.xml"], "Каталог") == "true"
    assert flag(written["offers0_1.xml"], "ПакетПредложений") == "true"


def test_a_delta_without_changes_has_no_portions(base: TradeBase) -> None:
    base.change()
    assert list(standard_export(base, full=False)) == []
    assert list(split_export(base, full=False)) == []


def test_a_deleted_product_is_marked_and_offered_no_more(base: TradeBase) -> None:
    base.change(deleted=0.2)
    written = files(standard_export(base))
    products = written["import0_1.xml"].iter(f"{SPACE}Товар")
    deleted = {element.findtext(f"{SPACE}Ид") for element in products if element.get("Статус") == "Удален"}
    assert deleted == {base.product(index).id for index in base.changed("deleted")}
    offered = {
        id_.partition("#")[0] for id_ in texts(written["offers0_1.xml"], "ПакетПредложений/Предложения/Предложение/Ид")
    }
    assert offered.isdisjoint(deleted)


def test_what_is_written_is_what_the_base_has(base: TradeBase) -> None:
    written = files(standard_export(base))
    offers = written["offers0_1.xml"].iter(f"{SPACE}Предложение")
    for element, offer in zip(offers, (offer for index in range(60) for offer in base.offers(index)), strict=True):
        assert element.findtext(f"{SPACE}Ид") == offer.id
        assert [price.text for price in element.iter(f"{SPACE}ЦенаЗаЕдиницу")] == [
            f"{value:f}".rstrip("0").rstrip(".") for _, value in offer.prices
        ]
        stocks = {store.get("ИдСклада"): store.get("КоличествоНаСкладе") for store in element.iter(f"{SPACE}Склад")}
        assert set(stocks) == {warehouse.id for warehouse, _ in offer.stocks}


def test_pictures_follow_the_xml_that_cites_them(base: TradeBase) -> None:
    portion = next(standard_export(base))
    cited = texts(parsed(portion.files[0]), "Каталог/Товары/Товар/Картинка")
    sent = dict(portion.pictures())
    assert cited == list(sent)
    assert cited
    assert all(path.count("/") == 2 and path.startswith("import_files/") for path in cited)


def test_a_long_document_is_written_in_constant_memory() -> None:
    def peak(products: int) -> int:
        base = TradeBase.generate(5, products=products, pictures=0)
        tracemalloc.start()
        size = sum(len(part) for part in offers_xml(base, range(products)))
        measured = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size > products * 1000
        return measured

    peak(10)
    small, large = peak(200), peak(2000)
    assert large < small * 1.5


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not beside the checkout")
def test_the_standard_files_are_valid_by_the_schema_of_2_08(base: TradeBase) -> None:
    base.change(names=0.1, prices=0.1, deleted=0.05)
    schema = etree.XMLSchema(etree.parse(str(CORPUS / "schemas" / "commerceml-2.08.xsd")))
    for full in (True, False):
        for name, root in files(standard_export(base, full=full, portions=2)).items():
            assert schema.validate(root), (name, schema.error_log)


REAL_31 = {
    "goods": "002 137",
    "groups": "003",
    "priceLists": "005",
    "prices": "006 020",
    "propertiesGoods": "009 008",
    "propertiesOffers": "011 012",
    "storages": "014",
    "units": "015",
    "rests": "138 021",
}


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not beside the checkout")
def test_the_split_files_have_only_elements_that_real_ones_have(base: TradeBase) -> None:
    for name, root in files(split_export(base)).items():
        kind = name.partition("_")[0]
        real: set[str] = set()
        for number in REAL_31.get(kind, "").split():
            real |= paths(etree.parse(str(next(CORPUS.glob(f"{number}-*")))).getroot())
        assert not real or not paths(root) - real, name
        assert root.get("ВерсияСхемы") == "3.1"


def test_split_prices_and_rests_have_nothing_but_their_kind(base: TradeBase) -> None:
    space = "{urn:1C.ru:commerceml_3}"
    for name, root in files(split_export(base)).items():
        for kind, expected in (("prices", {"Ид", "Цены"}), ("rests", {"Ид", "Остатки"})):
            if name.startswith(kind):
                children = {
                    etree.QName(child).localname for offer in root.iter(f"{space}Предложение") for child in offer
                }
                assert children == expected


def test_the_split_delta_says_deletion_by_its_mark(base: TradeBase) -> None:
    base.change(deleted=0.2)
    goods = next(root for name, root in files(split_export(base, full=False)).items() if name.startswith("goods"))
    assert {mark.text for mark in goods.iter("{urn:1C.ru:commerceml_3}ПометкаУдаления")} == {"true"}


@pytest.fixture
def orders() -> OrderBase:
    stored = OrderBase()
    stored.take(batch(order("WEB-1"), order("WEB-2")))
    return stored


def requisites(orders: OrderBase, number: str, names: dict[str, str] | None = None) -> dict[str, str]:
    root = etree.fromstring(b"".join(orders_xml([orders.order(number)], "2024-02-01T10:00:00", names=names)))
    path = f"{SPACE}Документ/{SPACE}ЗначенияРеквизитов/{SPACE}ЗначениеРеквизита"
    return {
        row.findtext(f"{SPACE}Наименование") or "": row.findtext(f"{SPACE}Значение") or ""
        for row in root.iterfind(path)
    }


def test_an_order_goes_back_under_1cs_id_and_the_sites_number(orders: OrderBase) -> None:
    root = etree.fromstring(b"".join(orders_xml(orders.changed(), "2024-02-01T10:00:00")))
    assert texts(root, "Документ/Ид") == list(orders.orders)
    assert texts(root, "Документ/Номер") == ["WEB-1", "WEB-2"]
    assert texts(root, "Документ/Дата") == ["2024-01-31"] * 2
    assert texts(root, "Документ/Время") == ["09:05:07"] * 2
    assert texts(root, "Документ/Товары/Товар/Количество") == ["2", "2"]


def test_only_what_has_happened_is_among_the_requisites(orders: OrderBase) -> None:
    assert set(requisites(orders, "WEB-1")) == {
        "Номер по 1С",
        "Дата по 1С",
        "ПометкаУдаления",
        "Проведен",
        "Статус заказа",
    }
    orders.pay("WEB-1")
    assert {"Номер оплаты по 1С", "Дата оплаты по 1С"} < set(requisites(orders, "WEB-1"))
    assert "Номер отгрузки по 1С" not in requisites(orders, "WEB-1")
    orders.ship("WEB-1")
    assert requisites(orders, "WEB-1")["Номер отгрузки по 1С"]
    orders.cancel("WEB-2")
    assert requisites(orders, "WEB-2")["Отменен"] == "true"
    assert requisites(orders, "WEB-2")["Статус заказа"] == "Закрыт"


def test_ukrainian_bases_name_the_requisites_otherwise(orders: OrderBase) -> None:
    assert "Номер за 1С" in requisites(orders, "WEB-1", UKRAINIAN_NAMES)


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus is not beside the checkout")
def test_orders_back_are_valid_by_the_schema_of_2_08(orders: OrderBase) -> None:
    orders.pay("WEB-1")
    orders.ship("WEB-1")
    schema = etree.XMLSchema(etree.parse(str(CORPUS / "schemas" / "commerceml-2.08.xsd")))
    root = etree.fromstring(b"".join(orders_xml(orders.changed(), "2024-02-01T10:00:00")))
    assert schema.validate(root), schema.error_log


def test_every_file_of_orders_has_a_name_of_its_own() -> None:
    assert orders_file_name(2).startswith("orders-")
    assert orders_file_name(2).endswith("_2.xml")
    assert orders_file_name() != orders_file_name()
