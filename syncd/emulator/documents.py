"""CommerceML as the standard exchange of УТ 11 writes it: schema 2.07, portions, ``import<C>_<P>.xml`` and
``offers<C>_<P>.xml``.

The split files of 3.1 are in ``documents31``, orders back to the site in ``order_documents``; both are importable from
here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from syncd.emulator.catalogue import TradeBase, local_number, plain
from syncd.emulator.goods import Category, Offer, PriceType, Product, Property, Unit, Warehouse
from syncd.emulator.xmltext import ROOT_END, attribute, element, encode, requisites, root, wrap

NAMESPACE = "urn:1C.ru:commerceml_2"
VERSION = "2.07"

Indices = Sequence[int]


@dataclass(frozen=True, slots=True)
class ExportFile:
    """One file of an export: its name, and a way to write it as often as needed."""

    name: str
    write: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Portion:
    """What goes in one session of the standard client: XML files, then the pictures they cite."""

    files: tuple[ExportFile, ...]
    pictures: Callable[[], Iterator[tuple[str, bytes]]]
    products: int


def standard_export(base: TradeBase, *, full: bool = True, portions: int = 1, catalogue: int = 0) -> Iterator[Portion]:
    """The whole base (or, not ``full``, what changed in the last round) as the portions of УТ 11: all goods first,
    then all offers.

     Only portion 1 of a full export says СодержитТолькоИзменения=false (УТ 11.4, line 1505), and only portion 1 has
    the classifier.
    """
    goods: Indices = range(base.products) if full else list(base.changed("names", "deleted", "new"))
    priced: Indices = range(base.products) if full else list(base.changed("names", "prices", "stocks", "new"))
    for number, indices in enumerate(split(goods, portions), start=1):
        yield _goods_portion(base, indices, number, catalogue, changes_only=not full or number > 1)
    for number, indices in enumerate(split(priced, portions), start=1):
        yield _offers_portion(base, indices, number, catalogue, changes_only=not full or number > 1)


def split(indices: Indices, portions: int) -> Iterator[Indices]:
    """The indices in ``portions`` nearly equal runs; an empty delta gives nothing."""
    if not len(indices):
        return
    size = -(-len(indices) // max(1, portions))
    for start in range(0, len(indices), size):
        yield indices[start : start + size]


def _goods_portion(base: TradeBase, indices: Indices, number: int, catalogue: int, *, changes_only: bool) -> Portion:
    def write() -> Iterator[bytes]:
        return import_xml(base, indices, portion=number, changes_only=changes_only)

    def pictures() -> Iterator[tuple[str, bytes]]:
        for index in indices:
            for path in base.product(index).pictures:
                yield path, base.picture(path)

    return Portion((ExportFile(f"import{catalogue}_{number}.xml", write),), pictures, len(indices))


def _offers_portion(base: TradeBase, indices: Indices, number: int, catalogue: int, *, changes_only: bool) -> Portion:
    def write() -> Iterator[bytes]:
        return offers_xml(base, indices, portion=number, changes_only=changes_only)

    return Portion((ExportFile(f"offers{catalogue}_{number}.xml", write),), lambda: iter(()), len(indices))


def import_xml(base: TradeBase, indices: Indices, *, portion: int = 1, changes_only: bool = False) -> Iterator[bytes]:
    """import.xml with these products."""
    return encode(_import_pieces(base, indices, portion, changes_only))


def offers_xml(base: TradeBase, indices: Indices, *, portion: int = 1, changes_only: bool = False) -> Iterator[bytes]:
    """offers.xml with the offers of these products: prices and stocks inside every offer."""
    return encode(_offers_pieces(base, indices, portion, changes_only))


def _import_pieces(base: TradeBase, indices: Indices, portion: int, changes_only: bool) -> Iterator[str]:
    yield root(NAMESPACE, VERSION, base.formed_at)
    if portion == 1:
        yield wrap(
            "Классификатор",
            element("Ид", base.catalogue_id),
            element("Наименование", f"Классификатор ({base.catalogue_name})"),
            owner(base),
            wrap("Группы", *map(group_xml, base.categories)),
            wrap("Свойства", *map(property_xml, base.properties)),
        )
    yield f'<Каталог СодержитТолькоИзменения="{_flag(changes_only)}">'
    yield element("Ид", base.catalogue_id) + element("ИдКлассификатора", base.catalogue_id)
    yield element("Наименование", base.catalogue_name) + owner(base) + "<Товары>"
    for index in indices:
        product = base.product(index)
        yield product_xml(product, list(base.offers(index, product)))
    yield "</Товары></Каталог>"
    yield ROOT_END


def _offers_pieces(base: TradeBase, indices: Indices, portion: int, changes_only: bool) -> Iterator[str]:
    yield root(NAMESPACE, VERSION, base.formed_at)
    if portion == 1:
        yield wrap(
            "Классификатор",
            element("Ид", base.catalogue_id),
            element("Наименование", f"Классификатор ({base.catalogue_name})"),
            owner(base),
            wrap("Свойства", *(property_xml(axis, for_offers=True) for axis in base.offer_properties)),
        )
    yield f'<ПакетПредложений СодержитТолькоИзменения="{_flag(changes_only)}">'
    yield element("Ид", f"{base.catalogue_id}#") + element("Наименование", f"Пакет предложений ({base.catalogue_name})")
    yield element("ИдКаталога", base.catalogue_id) + element("ИдКлассификатора", base.catalogue_id) + owner(base)
    yield wrap("ТипыЦен", *map(price_type_xml, base.price_types)) + wrap("Склады", *map(warehouse_xml, base.warehouses))
    yield "<Предложения>"
    for index in indices:
        product = base.product(index)
        if not product.deleted:
            for offer in base.offers(index, product):
                yield offer_xml(offer)
    yield "</Предложения></ПакетПредложений>"
    yield ROOT_END


def _flag(value: bool) -> str:
    return "true" if value else "false"


def owner(base: TradeBase) -> str:
    """Владелец: our organisation."""
    return wrap(
        "Владелец",
        element("Ид", base.guid("organisation")),
        element("Наименование", "ООО «Торговый дом Комплексный»"),
        element("ОфициальноеНаименование", "ООО «Торговый дом Комплексный»"),
        element("ИНН", "7712345678"),
        element("КПП", "771201001"),
    )


def group_xml(category: Category) -> str:
    """Группа with the groups inside it."""
    inner = wrap("Группы", *map(group_xml, category.children)) if category.children else ""
    return wrap("Группа", element("Ид", category.id), element("Наименование", category.name), inner)


def property_xml(property_: Property, *, for_offers: bool = False) -> str:
    """Свойство with its dictionary."""
    rows = [
        wrap("Справочник", element("ИдЗначения", id_), element("Значение", value)) for id_, value in property_.values
    ]
    return wrap(
        "Свойство",
        element("Ид", property_.id),
        element("Наименование", property_.name),
        element("ТипЗначений", property_.value_type),
        wrap("ВариантыЗначений", *rows) if rows else "",
        element("ДляПредложений", "true") if for_offers else "",
    )


def price_type_xml(type_: PriceType) -> str:
    """ТипЦены, VAT included."""
    tax = wrap("Налог", element("Наименование", "НДС"), element("УчтеноВСумме", "true"), element("Акциз", "false"))
    return wrap(
        "ТипЦены", element("Ид", type_.id), element("Наименование", type_.name), element("Валюта", type_.currency), tax
    )


def warehouse_xml(warehouse: Warehouse) -> str:
    """Склад with its address and a contact."""
    street = wrap("АдресноеПоле", element("Тип", "Улица"), element("Значение", warehouse.address))
    contact = wrap("Контакт", element("Тип", "Почта"), element("Значение", warehouse.address))
    return wrap(
        "Склад",
        element("Ид", warehouse.id),
        element("Наименование", warehouse.name),
        wrap("Адрес", element("Представление", warehouse.address), street),
        wrap("Контакты", contact),
    )


def unit_xml(unit: Unit) -> str:
    """БазоваяЕдиница in the 2.x shape: attributes and a recount to itself; 1C pads the code to four places."""
    recount = wrap("Пересчет", element("Единица", unit.code), element("Коэффициент", "1"))
    return (
        f'<БазоваяЕдиница Код="{unit.code:<4}" НаименованиеПолное="{attribute(unit.full_name)}" '
        f'МеждународноеСокращение="{unit.international}">{recount}</БазоваяЕдиница>'
    )


def product_xml(product: Product, offers: Sequence[Offer]) -> str:
    """Товар. Its characteristics are listed as УТ 11 lists them: by id and presentation."""
    variants = [
        wrap(
            "ХарактеристикаТовара",
            element("Ид", offer.variant_id),
            element("Наименование", offer.variant_name),
            element("Значение", offer.variant_name),
        )
        for offer in offers
        if offer.variant_id
    ]
    values = [
        wrap("ЗначенияСвойства", element("Ид", id_), element("Значение", value)) for id_, value in product.properties
    ]
    opening = '<Товар Статус="Удален">' if product.deleted else "<Товар>"
    return "".join(
        (
            opening,
            element("Ид", product.id),
            element("Штрихкод", product.barcode),
            element("Артикул", product.sku),
            element("Наименование", product.name),
            unit_xml(product.unit),
            wrap("Группы", element("Ид", product.category.id)),
            element("Описание", product.description),
            *(element("Картинка", path) for path in product.pictures),
            element("Страна", product.country),
            manufacturer_xml(product),
            wrap("ЗначенияСвойств", *values) if values else "",
            tax_xml(product),
            wrap("ХарактеристикиТовара", *variants) if variants else "",
            requisites(product_requisites(product)),
            "</Товар>",
        )
    )


def manufacturer_xml(product: Product) -> str:
    """Изготовитель; equal brands have equal ids."""
    letters = "".join(letter for letter in product.brand.lower() if letter.isalnum())
    named = element("Наименование", product.brand) + element("ОфициальноеНаименование", product.brand)
    return wrap("Изготовитель", element("Ид", f"brand-{letters}"), named)


def tax_xml(product: Product) -> str:
    """СтавкиНалогов of a product."""
    return wrap("СтавкиНалогов", wrap("СтавкаНалога", element("Наименование", "НДС"), element("Ставка", product.tax)))


def product_requisites(product: Product) -> list[tuple[str, str]]:
    """The requisites every standard writer gives, and the usual ones beside them."""
    described = [("ОписаниеФайла", f"{path}#{product.name}") for path in product.pictures]
    return [
        ("ВидНоменклатуры", product.category.name),
        ("ТипНоменклатуры", "Товар"),
        ("Полное наименование", product.full_name),
        ("Код", product.code),
        ("Вес", plain(product.weight)),
        *described,
    ]


def prices_xml(offer: Offer) -> str:
    """Цены: what 1C shows and what it means."""
    unit = offer.product.unit
    return wrap(
        "Цены",
        *(
            wrap(
                "Цена",
                element("Представление", f"{local_number(value)} {type_.currency} за {unit.name}"),
                element("ИдТипаЦены", type_.id),
                element("ЦенаЗаЕдиницу", plain(value)),
                element("Валюта", type_.currency),
                element("Единица", unit.international),
                element("Коэффициент", "1"),
            )
            for type_, value in offer.prices
        ),
    )


def offer_xml(offer: Offer) -> str:
    """Предложение with prices and stocks of every warehouse, zeros too."""
    axes = [
        wrap(
            "ХарактеристикаТовара",
            element("Ид", axis.id),
            element("Наименование", axis.name),
            element("Значение", value),
        )
        for axis, _, value in offer.axes
    ]
    values = [
        wrap("ЗначенияСвойства", element("Ид", axis.id), element("Значение", value_id))
        for axis, value_id, _ in offer.axes
    ]
    stocks = [
        f'<Склад ИдСклада="{warehouse.id}" КоличествоНаСкладе="{plain(quantity)}"/>'
        for warehouse, quantity in offer.stocks
    ]
    return wrap(
        "Предложение",
        element("Ид", offer.id),
        element("Штрихкод", offer.barcode),
        element("Артикул", offer.product.sku),
        element("Наименование", offer.name),
        unit_xml(offer.product.unit),
        wrap("ЗначенияСвойств", *values) if values else "",
        wrap("ХарактеристикиТовара", *axes) if axes else "",
        prices_xml(offer),
        element("Количество", plain(offer.quantity)),
        *stocks,
    )
