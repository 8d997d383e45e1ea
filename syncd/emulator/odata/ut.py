"""A base of «Управление торговлей» 11.4: the sets and names of that configuration, with a small company's data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from syncd.emulator.odata.company import OPENED, PRICES, SHARE, STORES, Company
from syncd.emulator.odata.declare import declared
from syncd.emulator.odata.model import EMPTY_REF, Row
from syncd.emulator.odata.preset import Preset
from syncd.emulator.odata.seeds import ObjectSeeds, RecordSeeds, Refs, SetSeeds, reference
from syncd.emulator.odata.store import Key, Store
from syncd.emulator.odata.ut_rules import TradeRules
from syncd.emulator.words import UNITS

STATUSES: Final = ("КОтгрузке", "КОбеспечению", "НеСогласован", "Закрыт")
_STOCK: Final = ("AccumulationRegister_ТоварыНаСкладах", "AccumulationRegister_СвободныеОстатки")
_GOODS: Final = "Catalog_Номенклатура"
_VARIANTS: Final = "Catalog_ХарактеристикиНоменклатуры"
_PRICES: Final = "InformationRegister_ЦеныНоменклатуры"
_BARCODES: Final = "InformationRegister_ШтрихкодыНоменклатуры"


class TradeData:
    """The company's data in the shape of УТ 11.4."""

    def __init__(self, store: Store, seed: int, size: int) -> None:
        self._store = store
        self.company = company = Company(seed, size)
        counts = {
            "Catalog_Валюты": 2, "Catalog_Организации": 1, "Catalog_Пользователи": 3, "Catalog_ВидыНоменклатуры": 1,
            "Catalog_УпаковкиЕдиницыИзмерения": len(UNITS), _GOODS: company.groups + company.size,
            _VARIANTS: company.variants, "Catalog_ВидыЦен": len(PRICES), "Catalog_Склады": len(STORES),
            "Catalog_Партнеры": company.customers, "Catalog_Контрагенты": company.customers,
            "Catalog_ДоговорыКонтрагентов": company.customers, "Catalog_СоглашенияСКлиентами": company.customers,
            "Catalog_КлючиАналитикиУчетаПоПартнерам": company.customers,
            "Document_УстановкаЦенНоменклатуры": company.shares,
            "Document_ПриобретениеТоваровУслуг": company.shares * len(STORES),
            "Document_ЗаказКлиента": company.orders, "Document_СчетНаОплатуКлиенту": company.orders,
            "Document_РеализацияТоваровУслуг": company.orders // 2,
            "Document_ПоступлениеБезналичныхДенежныхСредств": company.orders // 3,
            "Document_ВозвратТоваровОтКлиента": company.orders // 6, "ExchangePlan_ОбменССайтом": 2,
        }  # fmt: skip
        self.refs = {name: Refs(seed, name, count) for name, count in counts.items()}

    # -- parts of references

    def ref(self, name: str, index: int) -> str:
        """The reference of a catalogue's element."""
        return self.refs[f"Catalog_{name}"][index]

    def good(self, item: int) -> str:
        """A product; folders come before."""
        return self.refs[_GOODS][self.company.groups + item]

    def offer(self, offer: int) -> Row:
        """Product and characteristic of a line."""
        item, variant = self.company.parts(offer)
        return {
            "Номенклатура_Key": self.good(item),
            "Характеристика_Key": EMPTY_REF if variant is None else self.refs[_VARIANTS][variant],
        }

    def offers_of_good(self, ref: str) -> Iterable[int]:
        """The offers of a product by its reference."""
        found = self.refs[_GOODS].find(ref)
        item = -1 if found is None else found - self.company.groups
        return self.company.offers_of(item) if item >= 0 else ()

    # -- filling

    def fill(self) -> list[tuple[str, str]]:
        """Seed every table; returns the documents posted from the start."""
        makers: dict[str, Callable[[int], Row]] = {
            "Catalog_Валюты": self._currency, "Catalog_Организации": self._firm, "Catalog_Пользователи": self._user,
            "Catalog_ВидыНоменклатуры": lambda _i: {"Description": "Товары"},
            "Catalog_УпаковкиЕдиницыИзмерения": self._unit, "Catalog_ВидыЦен": self._price_type,
            "Catalog_Склады": self._store_row, "Catalog_Партнеры": self._partner,
            "Catalog_Контрагенты": self._counterparty, "Catalog_ДоговорыКонтрагентов": self._contract,
            "Catalog_СоглашенияСКлиентами": self._agreement,
            "Document_УстановкаЦенНоменклатуры": self._pricing, "Document_ПриобретениеТоваровУслуг": self._purchase,
            "Document_ЗаказКлиента": self._order, "Document_СчетНаОплатуКлиенту": self._invoice,
            "Document_РеализацияТоваровУслуг": self._shipment, "Document_ВозвратТоваровОтКлиента": self._return,
            "Document_ПоступлениеБезналичныхДенежныхСредств": self._payment, "ExchangePlan_ОбменССайтом": self._node,
        }  # fmt: skip
        for name, maker in makers.items():
            self._objects(name, maker)
        self._goods()
        self._registers()
        currency: Row = {"SurrogateKey": 0, "Value_Key": self.ref("Валюты", 0)}
        for name in ("ВалютаРегламентированногоУчета", "ВалютаУправленческогоУчета"):
            self._store.put(f"Constant_{name}", dict(currency))
        self._store.put("Constant_ХранитьФайлыВТомахНаДиске", {"SurrogateKey": 0, "Value": False})
        names = (
            "Document_ЗаказКлиента", "Document_РеализацияТоваровУслуг",
            "Document_ПоступлениеБезналичныхДенежныхСредств", "Document_ВозвратТоваровОтКлиента",
        )  # fmt: skip
        return [(name, self.refs[name][index]) for name in names for index in range(self.refs[name].count)]

    def _objects(self, name: str, make: Callable[[int], Row]) -> None:
        made = self._store.schema.sets[name]
        prefix = "ТД00-" if made.number_length else ""
        length = made.number_length or made.code_length
        label = "Number" if made.number_length else "Code"

        def numbered(index: int) -> Row:
            return {label: f"{prefix}{index + 1:0{length - len(prefix)}d}", **make(index)} if length else make(index)

        def of_number(text: str) -> Iterable[int]:
            digits = text.removeprefix(prefix)
            return (int(digits) - 1,) if digits.isdecimal() else ()

        self._store.seed(name, ObjectSeeds(self.refs[name], made.type, numbered, {label: of_number} if length else {}))

    def _goods(self) -> None:
        company, goods, variants = self.company, self.refs[_GOODS], self.refs[_VARIANTS]
        sets = self._store.schema.sets
        folder: Row = {
            name: None for name, prop in sets[_GOODS].type.props.items() if prop.role.value == "attribute"
        }  # fmt: skip

        def good(index: int) -> Row:
            code: Row = {"Code": f"00-{index + 1:08d}"}
            if index < company.groups:
                return {**folder, **code, "Description": company.group_name(index), "IsFolder": True}
            return {**code, **self._good(index - company.groups)}

        def of_code(text: str) -> Iterable[int]:
            return (int(text[3:]) - 1,) if text.startswith("00-") and text[3:].isdecimal() else ()

        def of_sku(text: str) -> Iterable[int]:
            tail = text.rpartition("-")[2]
            return (company.groups + int(tail) - 1,) if tail.isdecimal() else ()

        lookups = {"Code": of_code, "Артикул": of_sku}
        self._store.seed(_GOODS, ObjectSeeds(goods, sets[_GOODS].type, good, lookups))

        def of_owner(ref: str) -> Iterable[int]:
            found = goods.find(ref)
            return company.variants_of(found - company.groups) if found is not None else ()

        self._store.seed(_VARIANTS, ObjectSeeds(variants, sets[_VARIANTS].type, self._variant, {"Owner": of_owner}))
        keys, partners = "Catalog_КлючиАналитикиУчетаПоПартнерам", self.refs["Catalog_Партнеры"]

        def of_partner(ref: str) -> Iterable[int]:
            found = partners.find(ref)
            return () if found is None else (found,)

        lookups = {"Партнер_Key": of_partner}
        self._store.seed(keys, ObjectSeeds(self.refs[keys], sets[keys].type, self._analytics, lookups))

    def _registers(self) -> None:
        company, sets = self.company, self._store.schema.sets

        def prices(document: int) -> Iterable[Row]:
            for offer in company.share(document):
                for kind in range(len(PRICES)):
                    yield {"Period": OPENED, **self._price(offer, kind)}

        def of_good(ref: str) -> Iterable[int]:
            return {offer // SHARE for offer in self.offers_of_good(ref)}

        refs = self.refs["Document_УстановкаЦенНоменклатуры"]
        lookups = {"Номенклатура_Key": of_good}
        document = "Document_УстановкаЦенНоменклатуры"
        self._store.seed(_PRICES, SetSeeds(refs, sets[_PRICES].type, document, prices, lookups))
        for name in _STOCK:
            self._stock(name)
        self._store.seed(_BARCODES, RecordSeeds(company.offers, self._barcode, self._of_barcode, ("Штрихкод",)))

    def _stock(self, name: str) -> None:
        refs = self.refs["Document_ПриобретениеТоваровУслуг"]

        def records(document: int) -> Iterable[Row]:
            share, place = divmod(document, len(STORES))
            fixed: Row = {"Period": OPENED, "RecordType": "Receipt", "Склад_Key": self.ref("Склады", place)}
            for offer in self.company.share(share):
                if stock := self.company.stock(offer, place):
                    yield {**fixed, **self.offer(offer), "ВНаличии": stock}

        def of_good(ref: str) -> Iterable[int]:
            shares = {offer // SHARE for offer in self.offers_of_good(ref)}
            return [share * len(STORES) + place for share in shares for place in range(len(STORES))]

        kind = self._store.schema.sets[name].type
        document = "Document_ПриобретениеТоваровУслуг"
        self._store.seed(name, SetSeeds(refs, kind, document, records, {"Номенклатура_Key": of_good}))

    # -- catalogues

    def _currency(self, index: int) -> Row:
        code, name, full = (("643", "руб.", "Российский рубль"), ("840", "USD", "Доллар США"))[index]
        return {"Code": code, "Description": name, "НаименованиеПолное": full}

    def _firm(self, index: int) -> Row:
        del index
        name = "ООО «Торговый дом»"
        return {
            "Description": name, "НаименованиеПолное": name, "НаименованиеСокращенное": name, "ИНН": "7743013902",
            "КПП": "774301001", "Префикс": "ТД", "ЮридическоеФизическоеЛицо": "ЮридическоеЛицо", "ЮрФизЛицо": "ЮрЛицо",
        }  # fmt: skip

    def _user(self, index: int) -> Row:
        return {"Description": ("Администратор", "Менеджер Иванова", "Обмен с сайтом")[index]}

    def _unit(self, index: int) -> Row:
        code, name, full, international = UNITS[index]
        return {
            "Code": code, "Description": name, "НаименованиеПолное": full, "МеждународноеСокращение": international,
            "Числитель": 1, "Знаменатель": 1, "ТипИзмеряемойВеличины": "КоличествоШтук",
        }  # fmt: skip

    def _good(self, item: int) -> Row:
        company, name = self.company, self.company.name(item)
        return {
            "Parent_Key": self.refs[_GOODS][company.group_of(item)], "Description": name[:100],
            "НаименованиеПолное": name, "Артикул": company.sku(item), "СтавкаНДС": "НДС20", "ТипНоменклатуры": "Товар",
            "ВидНоменклатуры_Key": self.ref("ВидыНоменклатуры", 0), "Качество": "Новый",
            "ЕдиницаИзмерения_Key": self.ref("УпаковкиЕдиницыИзмерения", 0), "ВесИспользовать": True,
            "ВесЧислитель": (item % 97 + 1) / 10, "ВесЗнаменатель": 1,
            "ИспользованиеХарактеристик":
                "ИндивидуальныеДляНоменклатуры" if company.has_variants(item) else "НеИспользовать",
        }  # fmt: skip

    def _variant(self, variant: int) -> Row:
        name = self.company.variant_name(variant)
        owner = self.good(self.company.item_of_variant(variant))
        return {"Description": name, "НаименованиеПолное": name, **reference("Owner", owner, _GOODS)}

    def _price_type(self, index: int) -> Row:
        return {
            "Description": PRICES[index][0], "Идентификатор": f"Цена{index + 1}", "Статус": "Действует",
            "ВалютаЦены_Key": self.ref("Валюты", 0), "ЦенаВключаетНДС": True, "ИспользоватьПриПродаже": True,
            "СпособЗаданияЦены": "Вручную",
        }  # fmt: skip

    def _store_row(self, index: int) -> Row:
        return {"Description": STORES[index][0], "ТипСклада": "РозничныйМагазин" if index == 1 else "ОптовыйСклад"}

    def _partner(self, index: int) -> Row:
        name = self.company.customer_name(index)
        return {
            "Description": name, "НаименованиеПолное": name, "Клиент": True, "ДатаРегистрации": "2025-11-01T00:00:00",
            "ЮрФизЛицо": "ЧастноеЛицо" if self.company.is_person(index) else "Компания",
            "ОсновнойМенеджер_Key": self.ref("Пользователи", 1),
        }  # fmt: skip

    def _counterparty(self, index: int) -> Row:
        name, person = self.company.customer_name(index), self.company.is_person(index)
        return {
            "Description": name, "НаименованиеПолное": name, "ИНН": self.company.tax_number(index),
            "КПП": "" if person else "770201001", "Партнер_Key": self.ref("Партнеры", index),
            "ЮрФизЛицо": "ИндивидуальныйПредприниматель" if person else "ЮрЛицо",
            "ЮридическоеФизическоеЛицо": "ФизическоеЛицо" if person else "ЮридическоеЛицо",
        }  # fmt: skip

    def _buyer(self, index: int) -> Row:
        """What contracts, agreements and documents say of the customer."""
        return {
            "Партнер_Key": self.ref("Партнеры", index), "Контрагент_Key": self.ref("Контрагенты", index),
            "Организация_Key": self.ref("Организации", 0),
        }  # fmt: skip

    def _contract(self, index: int) -> Row:
        return {
            "Description": f"Договор поставки № {index + 1}", "Номер": str(index + 1), **self._buyer(index),
            "Дата": "2025-11-01T00:00:00", "Статус": "Действует", "ТипДоговора": "СПокупателем",
            "ВалютаВзаиморасчетов_Key": self.ref("Валюты", 0), "ОграничиватьСуммуЗадолженности": True,
            "ДопустимаяСуммаЗадолженности": 50000 + index % 10 * 10000, "Согласован": True,
        }  # fmt: skip

    def _agreement(self, index: int) -> Row:
        return {
            "Description": f"Соглашение № {index + 1}", **self._buyer(index), "Статус": "Действует",
            "Валюта_Key": self.ref("Валюты", 0), "ВидЦен_Key": self.ref("ВидыЦен", index % len(PRICES)),
            "Склад_Key": self.ref("Склады", 0), "Согласован": True,
        }  # fmt: skip

    def _analytics(self, index: int) -> Row:
        return {
            "Description": self.company.customer_name(index)[:100], "Партнер_Key": self.ref("Партнеры", index),
            "Организация_Key": self.ref("Организации", 0),
            **reference("Контрагент", self.ref("Контрагенты", index), "Catalog_Контрагенты"),
            **reference("Договор", self.ref("ДоговорыКонтрагентов", index), "Catalog_ДоговорыКонтрагентов"),
        }  # fmt: skip

    def _node(self, index: int) -> Row:
        names = (("ТД", "Торговый дом"), ("SITE", "Сайт"))
        return {"Code": names[index][0], "Description": names[index][1], "ThisNode": index == 0}

    # -- records

    def _price(self, offer: int, kind: int) -> Row:
        return {
            **self.offer(offer), "ВидЦены_Key": self.ref("ВидыЦен", kind), "Цена": self.company.price(offer, kind),
            "Валюта_Key": self.ref("Валюты", 0),
        }  # fmt: skip

    def _barcode(self, offer: int) -> Row:
        return {"Штрихкод": self.company.barcode(offer), **self.offer(offer), "Упаковка_Key": EMPTY_REF}

    def _of_barcode(self, key: Key) -> int | None:
        return self.company.offer_of_barcode(key[0])

    # -- documents

    def _document(self, name: str, date: str, fields: Row, sections: dict[str, Iterable[Row]], index: int) -> Row:
        """A document with its sections filled up to whole rows."""
        ref = self.refs[name][index]
        row: Row = {"Date": date, "Posted": True, **fields}
        for section, lines in sections.items():
            blank = self._store.schema.sets[name].type.collections[section].blank()
            row[section] = [
                {**blank, "Ref_Key": ref, "LineNumber": str(place), **line} for place, line in enumerate(lines, 1)
            ]
        return row

    def _pricing(self, index: int) -> Row:
        lines = (
            {"ВидЦены_Key": self.ref("ВидыЦен", kind), **self.offer(offer), "Цена": self.company.price(offer, kind)}
            for offer in self.company.share(index)
            for kind in range(len(PRICES))
        )
        return self._document(
            "Document_УстановкаЦенНоменклатуры", OPENED, {"Согласован": True}, {"Товары": lines}, index
        )  # fmt: skip

    def _purchase(self, index: int) -> Row:
        share, place = divmod(index, len(STORES))
        warehouse = self.ref("Склады", place)
        lines = (
            {**self.offer(offer), "Количество": stock, "КоличествоУпаковок": stock, "Склад_Key": warehouse}
            for offer in self.company.share(share)
            if (stock := self.company.stock(offer, place))
        )
        fields: Row = {"Организация_Key": self.ref("Организации", 0), "Склад_Key": warehouse}
        return self._document("Document_ПриобретениеТоваровУслуг", OPENED, fields, {"Товары": lines}, index)

    def _sale(self, order: int) -> Row:
        """What every document of a sale has at its head."""
        customer = self.company.customer_of(order)
        total = round(sum(line.sum for line in self.company.lines(order)), 2)
        return {
            **self._buyer(customer), "Валюта_Key": self.ref("Валюты", 0), "СуммаДокумента": total,
            "Договор_Key": self.ref("ДоговорыКонтрагентов", customer),
        }  # fmt: skip

    def _lines(self, order: int) -> list[Row]:
        return [
            {
                **self.offer(line.offer), "Количество": line.quantity, "КоличествоУпаковок": line.quantity,
                "Цена": line.price, "Сумма": line.sum, "СуммаСНДС": line.sum, "СуммаНДС": round(line.sum / 6, 2),
                "СтавкаНДС": "НДС20", "КодСтроки": str(place), "Склад_Key": self.ref("Склады", 0),
                "ВидЦены_Key": self.ref("ВидыЦен", 2),
            }
            for place, line in enumerate(self.company.lines(order), 1)
        ]  # fmt: skip

    def _order(self, order: int) -> Row:
        lines = self._lines(order)
        fields: Row = {
            **self._sale(order), "Статус": STATUSES[order % 3], "Согласован": order % 3 != 2, "ЦенаВключаетНДС": True,
            "Соглашение_Key": self.ref("СоглашенияСКлиентами", self.company.customer_of(order)),
            "Склад_Key": self.ref("Склады", 0), "Менеджер_Key": self.ref("Пользователи", 1),
            "МаксимальныйКодСтроки": str(len(lines)), "ДатаОтгрузки": f"{self.company.order_date(order)[:10]}T00:00:00",
            "НомерПоДаннымКлиента": f"S-{order + 1:05d}", "НалогообложениеНДС": "ПродажаОблагаетсяНДС",
            "ХозяйственнаяОперация": "РеализацияКлиенту", "ФормаОплаты": "Безналичная",
        }  # fmt: skip
        return self._document("Document_ЗаказКлиента", self.company.order_date(order), fields, {"Товары": lines}, order)

    def _invoice(self, order: int) -> Row:
        date, sale = self.company.order_date(order), self._sale(order)
        base = reference("ДокументОснование", self.refs["Document_ЗаказКлиента"][order], "Document_ЗаказКлиента")
        stages: list[Row] = [
            {"ДатаПлатежа": f"{date[:10]}T00:00:00", "ПроцентПлатежа": 100, "СуммаПлатежа": sale["СуммаДокумента"]}
        ]
        return self._document(
            "Document_СчетНаОплатуКлиенту", date, {**sale, **base, "ФормаОплаты": "Безналичная"},
            {"ЭтапыГрафикаОплаты": stages}, order,
        )  # fmt: skip

    def _shipment(self, index: int) -> Row:
        order = index * 2
        ref = reference("ЗаказКлиента", self.refs["Document_ЗаказКлиента"][order], "Document_ЗаказКлиента")
        fields: Row = {
            **self._sale(order), **ref, "Склад_Key": self.ref("Склады", 0), "Статус": "Отгружено",
            "РеализацияПоЗаказам": True, "ХозяйственнаяОперация": "РеализацияКлиенту", "ЦенаВключаетНДС": True,
        }  # fmt: skip
        lines = [{**line, **ref} for line in self._lines(order)]
        for line in lines:
            del line["ВидЦены_Key"]
        date = f"{self.company.order_date(order)[:11]}18:00:00"
        return self._document("Document_РеализацияТоваровУслуг", date, fields, {"Товары": lines}, index)

    def _payment(self, index: int) -> Row:
        order = index * 3
        sale = self._sale(order)
        total = sale["СуммаДокумента"]
        line: Row = {
            "Партнер_Key": sale["Партнер_Key"], "Сумма": total, "СуммаВзаиморасчетов": total,
            "ВалютаВзаиморасчетов_Key": self.ref("Валюты", 0),
            **reference("Заказ", self.refs["Document_ЗаказКлиента"][order], "Document_ЗаказКлиента"),
        }  # fmt: skip
        fields: Row = {
            name: sale[name] for name in ("Организация_Key", "Контрагент_Key", "Валюта_Key", "СуммаДокумента")
        }  # fmt: skip
        fields |= {"ХозяйственнаяОперация": "ПоступлениеОплатыОтКлиента", "ПроведеноБанком": True}
        date = f"{self.company.order_date(order)[:11]}19:00:00"
        name = "Document_ПоступлениеБезналичныхДенежныхСредств"
        return self._document(name, date, fields, {"РасшифровкаПлатежа": [line]}, index)

    def _return(self, index: int) -> Row:
        order = index * 2
        shipment = self.refs["Document_РеализацияТоваровУслуг"][index]
        line = self._lines(order)[0]
        for name in ("ВидЦены_Key", "Склад_Key"):
            del line[name]
        fields: Row = {
            **self._sale(order), "СуммаДокумента": line["СуммаСНДС"], "Склад_Key": self.ref("Склады", 0),
            **reference("ДокументРеализации", shipment, "Document_РеализацияТоваровУслуг"),
            "ХозяйственнаяОперация": "ВозвратОтПокупателя", "ЦенаВключаетНДС": True,
        }  # fmt: skip
        date = f"{self.company.order_date(order)[:11]}20:00:00"
        return self._document("Document_ВозвратТоваровОтКлиента", date, fields, {"Товары": [line]}, index)


def _fill(store: Store, seed: int, size: int) -> list[tuple[str, str]]:
    return TradeData(store, seed, size).fill()


UT11: Final = Preset("ut11", "ut", "ТД00-", lambda: declared("ut11"), _fill, TradeRules)
