"""How УТ 11 reads the orders of a site, with its leaks and exceptions (``ОбменССайтом``, УТ 11.4.2; lines in the
comments).

Where УТ would throw, ``DocumentRefused`` is raised; where it silently makes something else of the data, a remark is
kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from lxml import etree

from syncd.emulator.orders import Counterparty, OrderLine
from syncd.emulator.violations import DocumentRefused, Said

ORDER = "заказ товара"
EMPTY_DATE = ("0001-01-01", "00:00:00")
_KOPECK = Decimal("0.01")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


@dataclass(slots=True)
class Incoming:
    """An order as УТ understood it.

    ``date`` and ``time`` are 0001-01-01 where it could not read them; ``remarks`` say what went astray.
    """

    site_id: str
    number: str
    date: str
    time: str
    currency: str
    counterparty: Counterparty
    price_includes_vat: bool
    comment: str
    requisites: dict[str, str]
    cancelled: bool
    lines: list[OrderLine]
    remarks: list[str] = field(default_factory=list)


def read_documents(text: str, *, containers: bool = False) -> tuple[Iterator[Document], int]:
    """The orders under the root, to be read one by one, and the number of Контейнер, inside of which УТ does not look.

    With ``containers`` it is the Bitrix module that reads: only what is inside of Контейнер, orders only, namespace or
    none. Raises ``DocumentRefused`` with an empty number when the text is no document of an exchange.
    """
    root = _parsed(text)
    found = [child for child in root if _local(child) == "Контейнер"]
    if containers:
        _forget_namespaces(root)
        inside = (document for container in found for document in container.findall("Документ"))
        return (Document(element) for element in inside if _is_order(element)), len(found)
    if etree.QName(root).namespace:
        raise DocumentRefused(
            "",
            Said(
                "The root has an xmlns, so the document is bound to the typed package; a 2.x answer must have none.",
                "У корня есть xmlns, и документ попадает в типизированный пакет; в ответах 2.x его быть не должно.",
            ),
        )
    return (Document(child) for child in root if _local(child) == "Документ"), len(found)


def _parsed(text: str) -> etree._Element:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
    try:
        root = etree.fromstring(text.strip(), parser)
    except etree.XMLSyntaxError as error:
        raise DocumentRefused("", Said(f"The XML is not well-formed: {error}.", f"XML повреждён: {error}.")) from error
    if _local(root) != "КоммерческаяИнформация":
        raise DocumentRefused("", Said(f"The root is <{_local(root)}>.", f"Корневой элемент <{_local(root)}>."))
    return root


def _forget_namespaces(root: etree._Element) -> None:
    for element in root.iter(etree.Element):
        element.tag = _local(element)


def _is_order(element: etree._Element) -> bool:
    """Payments and shipments of a container are documents of their own kind."""
    return (element.findtext("ХозОперация") or "").strip().lower() == ORDER


def _local(element: etree._Element) -> str:
    name = str(element.tag)  # comments and instructions have a function here
    return name.rpartition("}")[2]


class Document:
    """One Документ of the site."""

    def __init__(self, element: etree._Element) -> None:
        self._element = element
        self._number = (element.findtext("Номер") or "").strip()
        self._remarks: list[str] = []

    def read(self) -> Incoming:
        """The order in it. Raises ``DocumentRefused`` wherever УТ throws."""
        site_id = self._required(self._element, "Ид")
        number = self._required(self._element, "Номер")
        operation = self._required(self._element, "ХозОперация")
        if operation.lower() != ORDER:
            raise self._refused(
                f"ХозОперация is {operation!r}, not «Заказ товара».", f"ХозОперация {operation!r}, а не «Заказ товара»."
            )
        date, time = self._when()
        currency = self._required(self._element, "Валюта")
        counterparty = self._counterparty()
        self._check_warehouse()
        requisites = self._requisites(self._element)
        includes_vat, default_vat = self._document_vat()
        lines = self._lines(default_vat)
        self._discount(lines)
        return Incoming(
            site_id,
            number,
            date,
            time,
            currency,
            counterparty,
            includes_vat,
            self._text(self._element, "Комментарий"),
            requisites,
            requisites.get("Отменен") == "true",
            lines,
            self._remarks,
        )

    def _refused(self, en: str, ru: str) -> DocumentRefused:
        return DocumentRefused(self._number, Said(en, ru))

    def _one(self, parent: etree._Element, name: str) -> etree._Element | None:
        """The only child of this name. Several make an XDTO list, of which every field access throws."""
        found = parent.findall(name)
        if len(found) > 1:
            raise self._refused(f"<{name}> occurs {len(found)} times.", f"<{name}> встречается {len(found)} раза.")
        return found[0] if found else None

    def _text(self, parent: etree._Element, name: str) -> str:
        element = self._one(parent, name)
        return "" if element is None else (element.text or "").strip()

    def _required(self, parent: etree._Element, name: str) -> str:
        value = self._text(parent, name)
        if not value:
            raise self._refused(f"<{name}> is missing or empty.", f"Нет значения <{name}>.")
        return value

    def _when(self) -> tuple[str, str]:
        """Дата("20240131093000"): 14 digits or an exception that is swallowed, after which the date is empty
        (ДатаВремяИзСтроки).
        """
        date, time = self._required(self._element, "Дата"), self._text(self._element, "Время")
        digits = date.replace("-", "") + time.replace(":", "")
        try:
            moment = datetime.strptime(digits, "%Y%m%d%H%M%S")  # noqa: DTZ007 - 1C's dates have no zone
        except ValueError:
            moment = None
        if moment is None or not re.fullmatch(r"\d{14}", digits):
            self._remarks.append(f"date {date!r} {time!r} was read as 0001-01-01")
            return EMPTY_DATE
        return moment.strftime("%Y-%m-%d"), moment.strftime("%H:%M:%S")

    def _counterparty(self) -> Counterparty:
        element = self._element.find("Контрагенты/Контрагент")
        if element is None:
            raise self._refused("There is no Контрагент.", "Нет ни одного Контрагент.")
        contacts = {
            self._text(contact, "Тип").replace(" ", ""): self._text(contact, "Значение")
            for contact in element.findall("Контакты/Контакт")
        }
        return Counterparty(
            name=self._required(element, "Наименование"),
            id=self._text(element, "Ид"),
            legal=element.find("ОфициальноеНаименование") is not None,
            official_name=self._text(element, "ОфициальноеНаименование"),
            inn=self._text(element, "ИНН"),
            kpp=self._text(element, "КПП"),
            contacts=contacts,
        )

    def _check_warehouse(self) -> None:
        """ИзвлечьРеквизитыСклада reads the address and the contact without asking whether there are any, or many."""
        warehouse = self._element.find("Склады/Склад")
        if warehouse is None:
            return
        for path, field_ in (("Адрес", "АдресноеПоле"), ("Контакты", "Контакт")):
            found = warehouse.findall(f"{path}/{field_}")
            if len(found) != 1 or found[0].find("Тип") is None or found[0].find("Значение") is None:
                raise self._refused(
                    f"{path} of the warehouse must hold one whole {field_}, it holds {len(found)}.",
                    f"В {path} склада должно быть ровно одно полное {field_}, а их {len(found)}.",
                )

    def _requisites(self, parent: etree._Element) -> dict[str, str]:
        """The variable that holds the value is not reset: an empty one inherits what the requisite before it had
        (4075-4090).
        """
        values: dict[str, str] = {}
        value = ""
        for element in parent.findall("ЗначенияРеквизитов/ЗначениеРеквизита"):
            name = self._text(element, "Наименование")
            own = self._text(element, "Значение")
            if not own and value:
                self._remarks.append(f"empty requisite {name!r} inherited {value!r}")
            value = own or value
            values[name] = value
        return values

    def _document_vat(self) -> tuple[bool, Decimal | None]:
        """Whether prices include VAT, and the rate for all lines. Only a tax named НДС counts."""
        for tax in self._element.findall("Налоги/Налог"):
            if self._text(tax, "Наименование").lower() == "ндс":
                return self._text(tax, "УчтеноВСумме").lower() == "true", self._rate(tax)
        return False, None

    def _rate(self, tax: etree._Element) -> Decimal | None:
        return self._number_of(tax, "Ставка") if tax.find("Ставка") is not None else None

    def _lines(self, default_vat: Decimal | None) -> list[OrderLine]:
        """The lines; the rate variable lives through the loop, so a line without a rate gets the one before it
        (4850-4915).
        """
        lines: list[OrderLine] = []
        rate = default_vat
        for element in self._element.findall("Товары/Товар"):
            quantity = self._number_of(element, "Количество")
            if not quantity:
                self._remarks.append(f"line {self._text(element, 'Ид')!r} has no quantity and was skipped")
                continue
            own = self._line_rate(element)
            if own is None and lines:
                self._remarks.append(f"line {self._text(element, 'Ид')!r} has no VAT rate and inherited {rate}")
            rate = own if own is not None else rate
            lines.append(self._line(element, quantity, rate))
        return lines

    def _line_rate(self, element: etree._Element) -> Decimal | None:
        for tax in (*element.findall("Налоги/Налог"), *element.findall("СтавкиНалогов/СтавкаНалога")):
            if tax.find("Ставка") is not None:
                return self._rate(tax)
        return None

    def _line(self, element: etree._Element, quantity: Decimal, rate: Decimal | None) -> OrderLine:
        price = self._number_of(element, "ЦенаЗаЕдиницу")
        amount = (
            self._number_of(element, "Сумма")
            if element.find("Сумма") is not None
            else (price * quantity).quantize(_KOPECK)
        )
        for discount in element.findall("Скидки/Скидка"):
            included = self._text(discount, "УчтеноВСумме")
            if included and included.lower() != "true":
                amount -= self._number_of(discount, "Сумма")
        kind = self._requisites(element).get("ТипНоменклатуры", "")
        return OrderLine(
            product_id=self._required(element, "Ид"),
            name=self._required(element, "Наименование"),
            quantity=quantity,
            price=price,
            amount=amount,
            vat=rate,
            unit=self._text(element, "Единица") or "796",
            service=kind == "Услуга",
        )

    def _discount(self, lines: list[OrderLine]) -> None:
        """A discount of the document that the sums do not include is spread over the lines; the last one takes the
        rest.
        """
        left = Decimal(0)
        for discount in self._element.findall("Скидки/Скидка"):
            if self._text(discount, "УчтеноВСумме").lower() != "true":
                left += self._number_of(discount, "Сумма")
        total = sum((line.amount for line in lines), Decimal(0))
        if not left or not total:
            return
        whole = left
        for line in lines[:-1]:
            share = (whole * line.amount / total).quantize(_KOPECK)
            line.amount -= share
            left -= share
        lines[-1].amount -= left

    def _number_of(self, parent: etree._Element, name: str) -> Decimal:
        """Число(): anything that is not a plain number throws."""
        text = self._text(parent, name)
        if not _NUMBER.fullmatch(text):
            raise self._refused(
                f"Число({text!r}) of <{name}> throws.", f"Число({text!r}) для <{name}> вызывает исключение."
            )
        return Decimal(text)
