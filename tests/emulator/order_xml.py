"""Orders as a careful site writes them, with ways to spoil them."""

from __future__ import annotations

VAT = "<Налоги><Налог><Наименование>НДС</Наименование><УчтеноВСумме>true</УчтеноВСумме><Ставка>{rate}</Ставка></Налог></Налоги>"  # noqa: E501

BUYER = "<Контрагенты><Контрагент><Ид>c-1</Ид><Наименование>Иванов Иван</Наименование></Контрагент></Контрагенты>"


def requisite(name: str, value: str) -> str:
    """One requisite of an order or a line."""
    return f"<ЗначениеРеквизита><Наименование>{name}</Наименование><Значение>{value}</Значение></ЗначениеРеквизита>"


def line(id_: str = "p-1", quantity: str = "2", amount: str = "201.00", rate: str | None = "20") -> str:
    """One line of an order."""
    return (
        f"<Товар><Ид>{id_}</Ид><Наименование>Дрель</Наименование><ЦенаЗаЕдиницу>100.50</ЦенаЗаЕдиницу>"
        f"<Количество>{quantity}</Количество><Сумма>{amount}</Сумма>{'' if rate is None else VAT.format(rate=rate)}"
        f"<ЗначенияРеквизитов>{requisite('ТипНоменклатуры', 'Товар')}</ЗначенияРеквизитов></Товар>"
    )


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
    return (
        f"<Документ>{ident and f'<Ид>{ident}</Ид>'}<Номер>{number}</Номер><Дата>2024-01-31</Дата>"
        f"<ХозОперация>{operation}</ХозОперация><Роль>Продавец</Роль><Валюта>{currency}</Валюта><Курс>1</Курс>"
        f"<Сумма>201</Сумма>{buyer}<Время>{time}</Время>{VAT.format(rate='20')}"
        f"<Товары>{line() if lines is None else lines}</Товары>{extra}"
        f"<ЗначенияРеквизитов>{requisites}</ЗначенияРеквизитов></Документ>"
    )


def batch(*orders: str) -> str:
    """The whole answer of sale/query, without a declaration."""
    opening = '<КоммерческаяИнформация ВерсияСхемы="2.07" ДатаФормирования="2024-01-31T10:00:00">'
    return f"{opening}{''.join(orders)}</КоммерческаяИнформация>"


def encoded(*orders: str) -> bytes:
    """The answer as the standard dialect sends it."""
    return ('<?xml version="1.0" encoding="windows-1251"?>' + batch(*orders)).encode("cp1251", "xmlcharrefreplace")
