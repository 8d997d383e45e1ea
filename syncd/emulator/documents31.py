"""CommerceML 3.1 as УТ 11.5 splits it for Bitrix: one kind of data per file, always СодержитТолькоИзменения=true.

Deletion is said by ПометкаУдаления, or at the end of a full run by mode=deactivate.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator

from syncd.emulator.catalogue import TradeBase, local_number, plain
from syncd.emulator.documents import ExportFile, Indices, Portion, manufacturer_xml, product_requisites, split, tax_xml
from syncd.emulator.goods import Category, Offer, PriceType, Product, Property, Unit, Warehouse
from syncd.emulator.xmltext import ROOT_END, element, encode, requisites, root, wrap

NAMESPACE = "urn:1C.ru:commerceml_3"
VERSION = "3.1"
NODE = "Обмен с сайтом"

Pieces = Callable[[], Iterable[str]]


def split_export(base: TradeBase, *, full: bool = True, portions: int = 1) -> Iterator[Portion]:
    """The base, or what its last round changed, in the order of УТ 11.5: what is referred to first, then goods,
    offers, prices, rests.

     Every portion is one file. A delta has no dictionaries; prices and rests that did not change are not in it.
    """
    whole: Indices = range(base.products)
    if full:
        for kind, inner in _dictionaries(base):
            yield _portion(base, kind, 1, _classifier(base, inner))
    goods = whole if full else list(base.changed("names", "deleted", "new"))
    for number, indices in enumerate(split(goods, portions), start=1):
        yield _goods_portion(base, number, indices)
    if full:
        axes = [property_xml(axis) for axis in base.offer_properties]
        yield _portion(base, "propertiesOffers", 1, _offer_classifier(base, wrap("Свойства", *axes)))
    writers: tuple[tuple[str, Callable[[Offer], str], Indices], ...] = (
        ("offers", offer_xml, goods),
        ("prices", prices_xml, whole if full else list(base.changed("prices", "new"))),
        ("rests", rests_xml, whole if full else list(base.changed("stocks", "new"))),
    )
    for kind, write, chosen in writers:
        for number, indices in enumerate(split(chosen, portions), start=1):
            yield _portion(base, kind, number, _package(base, indices, write), len(indices))


def _portion(base: TradeBase, kind: str, number: int, inner: Pieces, products: int = 0) -> Portion:
    name = f"{kind}_1_{number}_{base.guid('file', kind, number, len(base.rounds))}.xml"
    return Portion((ExportFile(name, lambda: encode(_rooted(base, inner))),), lambda: iter(()), products)


def _goods_portion(base: TradeBase, number: int, indices: Indices) -> Portion:
    written = _portion(base, "goods", number, _goods(base, indices))

    def pictures() -> Iterator[tuple[str, bytes]]:
        for index in indices:
            for path in base.product(index).pictures:
                yield path, base.picture(path)

    return Portion(written.files, pictures, len(indices))


def _rooted(base: TradeBase, inner: Pieces) -> Iterator[str]:
    yield root(NAMESPACE, VERSION, base.formed_at, NODE)
    yield from inner()
    yield ROOT_END


def _dictionaries(base: TradeBase) -> Iterator[tuple[str, str]]:
    yield "priceLists", wrap("ТипыЦен", *map(price_type_xml, base.price_types))
    yield "storages", wrap("Склады", *map(warehouse_xml, base.warehouses))
    yield "units", wrap("ЕдиницыИзмерения", *map(unit_xml, base.units))
    yield "groups", wrap("Группы", *map(group_xml, base.categories))
    yield "propertiesGoods", wrap("Свойства", *map(property_xml, base.properties))


def _head(base: TradeBase) -> str:
    return element("Ид", base.catalogue_id) + element("ИдКлассификатора", base.catalogue_id)


def _classifier(base: TradeBase, inner: str) -> Pieces:
    """A stub Каталог without goods, as 3.1 writes it beside every classifier, and the classifier."""
    stub = _head(base) + element("Наименование", base.catalogue_name) + element("Описание", base.catalogue_name)
    return lambda: (f'<Каталог СодержитТолькоИзменения="true">{stub}</Каталог>', _classifier_xml(base, inner))


def _offer_classifier(base: TradeBase, inner: str) -> Pieces:
    package = f'<ПакетПредложений СодержитТолькоИзменения="true">{_package_head(base)}</ПакетПредложений>'
    return lambda: (package, _classifier_xml(base, inner))


def _classifier_xml(base: TradeBase, inner: str) -> str:
    named = element("Ид", base.catalogue_id) + element("Наименование", base.catalogue_name)
    return f'<Классификатор СодержитТолькоИзменения="true">{named}{inner}</Классификатор>'


def _package_head(base: TradeBase) -> str:
    named = element("Наименование", f"Пакет предложений ({base.catalogue_name})")
    catalogue = element("ИдКаталога", base.catalogue_id) + element("ИдКлассификатора", base.catalogue_id)
    return element("Ид", f"#{base.catalogue_id}") + named + catalogue


def _goods(base: TradeBase, indices: Indices) -> Pieces:
    def pieces() -> Iterator[str]:
        yield '<Каталог СодержитТолькоИзменения="true">' + _head(base) + element("Наименование", base.catalogue_name)
        yield "<Товары>"
        for index in indices:
            yield product_xml(base.product(index))
        yield "</Товары></Каталог>"

    return pieces


def _package(base: TradeBase, indices: Indices, write: Callable[[Offer], str]) -> Pieces:
    def pieces() -> Iterator[str]:
        yield f'<ПакетПредложений СодержитТолькоИзменения="true">{_package_head(base)}<Предложения>'
        for index in indices:
            for offer in base.offers(index):
                yield write(offer)
        yield "</Предложения></ПакетПредложений>"

    return pieces


def version(revision: int = 1, *, deleted: bool = False) -> str:
    """НомерВерсии (base64 of eight bytes) and ПометкаУдаления."""
    mark = element("ПометкаУдаления", "true" if deleted else "false")
    return element("НомерВерсии", b64encode(revision.to_bytes(8, "big")).decode()) + mark


def price_type_xml(type_: PriceType) -> str:
    """ТипЦены with its version."""
    tax = wrap("Налог", element("Наименование", "НДС"), element("УчтеноВСумме", "true"), element("Акциз", "false"))
    named = element("Наименование", type_.name) + element("Валюта", type_.currency)
    return wrap("ТипЦены", element("Ид", type_.id), version(), named, tax)


def warehouse_xml(warehouse: Warehouse) -> str:
    """Склад with its version; 3.1 writes no address."""
    return wrap("Склад", element("Ид", warehouse.id), version(), element("Наименование", warehouse.name))


def unit_xml(unit: Unit) -> str:
    """ЕдиницаИзмерения: id and code are padded to four places, the full name to its column."""
    return wrap(
        "ЕдиницаИзмерения",
        element("Ид", f"{unit.code:<4}"),
        version(),
        element("НаименованиеКраткое", unit.name),
        element("Код", f"{unit.code:<4}"),
        element("НаименованиеПолное", f"{unit.full_name:<50}"),
        element("МеждународноеСокращение", unit.international),
    )


def group_xml(category: Category) -> str:
    """Группа with its version and the groups inside it."""
    inner = wrap("Группы", *map(group_xml, category.children)) if category.children else ""
    return wrap("Группа", element("Ид", category.id), version(), element("Наименование", category.name), inner)


def property_xml(property_: Property) -> str:
    """Свойство with its version and dictionary."""
    rows = [
        wrap("Справочник", element("ИдЗначения", id_), element("Значение", value)) for id_, value in property_.values
    ]
    return wrap(
        "Свойство",
        element("Ид", property_.id),
        element("Наименование", property_.name),
        version(),
        element("Внешний", "false"),
        element("Информационное", "true"),
        element("ТипЗначений", property_.value_type),
        wrap("ВариантыЗначений", *rows) if rows else "",
    )


def product_xml(product: Product) -> str:
    """Товар of 3.1: the barcode is the offer's, the unit is a padded id."""
    values = [
        wrap("ЗначенияСвойства", element("Ид", id_), element("Значение", value)) for id_, value in product.properties
    ]
    return wrap(
        "Товар",
        element("Ид", product.id),
        version(product.revision, deleted=product.deleted),
        element("Штрихкод", ""),
        element("Артикул", product.sku),
        element("Наименование", product.name),
        element("БазоваяЕдиница", f"{product.unit.code:<4}"),
        wrap("Группы", element("Ид", product.category.id)),
        element("Описание", product.description),
        *(element("Картинка", path) for path in product.pictures),
        element("Страна", product.country),
        manufacturer_xml(product),
        wrap("ЗначенияСвойств", *values) if values else "",
        tax_xml(product),
        requisites(product_requisites(product)),
    )


def offer_xml(offer: Offer) -> str:
    """Предложение: its description alone."""
    values = [
        wrap("ЗначенияСвойства", element("Ид", axis.id), element("Значение", value_id))
        for axis, value_id, _ in offer.axes
    ]
    return wrap(
        "Предложение",
        element("Ид", offer.id),
        version(offer.product.revision, deleted=offer.product.deleted),
        element("Штрихкод", offer.barcode),
        element("Артикул", offer.product.sku),
        element("Наименование", offer.name),
        element("БазоваяЕдиница", f"{offer.product.unit.code:<4}"),
        wrap("ЗначенияСвойств", *values) if values else "",
    )


def prices_xml(offer: Offer) -> str:
    """Предложение with Ид and Цены only: by this set of children Bitrix knows a file of prices."""
    tax = wrap("Налог", element("Наименование", "НДС"), element("УчтеноВСумме", "true"))
    prices = [
        wrap(
            "Цена",
            element("Представление", f"{local_number(value)} {type_.currency} за {offer.product.unit.name}"),
            element("ИдТипаЦены", type_.id),
            element("ЦенаЗаЕдиницу", plain(value)),
            element("Валюта", type_.currency),
            tax,
        )
        for type_, value in offer.prices
    ]
    return wrap("Предложение", element("Ид", offer.id), wrap("Цены", *prices))


def rests_xml(offer: Offer) -> str:
    """Предложение with Ид and Остатки only."""
    rests = [
        wrap("Остаток", wrap("Склад", element("Ид", warehouse.id), element("Количество", plain(quantity))))
        for warehouse, quantity in offer.stocks
    ]
    return wrap("Предложение", element("Ид", offer.id), wrap("Остатки", *rests))
