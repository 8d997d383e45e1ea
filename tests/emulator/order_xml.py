"""Orders as a careful site writes them, with ways to spoil them."""

from __future__ import annotations

LINE = """<Товар><Ид>{id}</Ид><Наименование>Дрель</Наименование><ЦенаЗаЕдиницу>100.50</ЦенаЗаЕдиницу><Количество>{quantity}</Количество>
<Сумма>{amount}</Сумма>{vat}<ЗначенияРеквизитов><ЗначениеРеквизита><Наименование>ТипНоменклатуры</Наименование><Значение>Товар</Значение>
</ЗначениеРеквизита></ЗначенияРеквизитов></Товар>"""

VAT = "<Налоги><Налог><Наименование>НДС</Наименование><УчтеноВСумме>true</УчтеноВСумме><Ставка>{rate}</Ставка></Налог></Налоги>"

BUYER = "<Контрагенты><Контрагент><Ид>c-1</Ид><Наименование>Иванов Иван</Наименование></Контрагент></Контрагенты>"


def line(id_: str = "p-1", quantity: str = "2", amount: str = "201.00", rate: str | None = "20") -> str:
    """One line of an order."""
    return LINE.format(id=id_, quantity=quantity, amount=amount, vat="" if rate is None else VAT.format(rate=rate))


def requisite(name: str, value: str) -> str:
    """One requisite of an order."""
    return f"<ЗначениеРеквизита><Наименование>{name}</Наименование><Значение>{value}</Значение></ЗначениеРеквизита>"


def order(
    number: str = "WEB-1",
    *,
    lines: str | None = None,
    buyer: str = BUYER,
    requisites: str = "",
    extra: str = "",
    time: str = "09:05:07",
    operation: str = "Заказ товара",
    currency: str = "RUB",
    ident: str = "site-1",
) -> str:
    """One Документ."""
    return f"""<Документ>{ident and f"<Ид>{ident}</Ид>"}<Номер>{number}</Номер><Дата>2024-01-31</Дата><ХозОперация>{operation}</ХозОперация>
<Роль>Продавец</Роль><Валюта>{currency}</Валюта><Курс>1</Курс><Сумма>201</Сумма>{buyer}<Время>{time}</Время>{VAT.format(rate="20")}
<Товары>{line() if lines is None else lines}</Товары>{extra}<ЗначенияРеквизитов>{requisites}</ЗначенияРеквизитов></Документ>"""


def batch(*orders: str) -> str:
    """The whole answer of sale/query, without a declaration."""
    return f'<КоммерческаяИнформация ВерсияСхемы="2.07" ДатаФормирования="2024-01-31T10:00:00">{"".join(orders)}</КоммерческаяИнформация>'


def encoded(*orders: str) -> bytes:
    """The answer as the standard dialect sends it."""
    return ('<?xml version="1.0" encoding="windows-1251"?>' + batch(*orders)).encode("cp1251", "xmlcharrefreplace")
