"""The same pull as somebody writes it for one base: httpx, json, COPY, an upsert, and nothing else.

``python -m bench.pull.by_hand DATABASE_URL ADDRESS`` prints what it took. It takes for granted that nobody changes the
base meanwhile, that no record is bad and that no second run meets the first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote, urlencode

import httpx
import psycopg

from bench.pull.measuring import told

PAGE: Final = 1000
EMPTY: Final = "00000000-0000-0000-0000-000000000000"
PRODUCTS: Final = (
    "Ref_Key,Code,Description,НаименованиеПолное,Артикул,Описание,Parent_Key,ТипНоменклатуры,ВидНоменклатуры/Description,"
    "Марка/Description,Производитель_Key,Производитель/Description,ЕдиницаИзмерения/Code,ЕдиницаИзмерения/Description,"
    "ЕдиницаИзмерения/НаименованиеПолное,ЕдиницаИзмерения/МеждународноеСокращение,СтавкаНДС,ВесЧислитель,ВесЗнаменатель,"
    "ВесИспользовать,ДополнительныеРеквизиты,DataVersion,DeletionMark"
)
TABLES: Final = """
    CREATE TABLE hand_product (id text PRIMARY KEY, code text, name text, full_name text, sku text, description text,
        category_ids jsonb, type text, kind text, brand text, manufacturer jsonb, unit jsonb, tax_rate numeric,
        tax_label text, weight numeric, properties jsonb, version text, deleted boolean);
    CREATE TABLE hand_price (offer_id text, price_type_id text, currency text, value numeric, unit text, ratio numeric,
        PRIMARY KEY (offer_id, price_type_id));
    CREATE TABLE hand_stock (offer_id text, warehouse_id text, on_hand numeric, reserved numeric,
        PRIMARY KEY (offer_id, warehouse_id));
"""


def get(client: httpx.Client, path: str, **query: str) -> list[dict[str, Any]]:
    # %20, as 1C reads a + as an operator
    answer = client.get(f"{path}?{urlencode({f'${name}': value for name, value in query.items()}, quote_via=quote)}")
    answer.raise_for_status()
    found: list[dict[str, Any]] = json.loads(answer.content, parse_float=Decimal)["value"]
    return found


def goods(client: httpx.Client) -> Iterator[dict[str, Any]]:
    skip = 0
    while True:
        rows = get(
            client, "Catalog_Номенклатура", filter="IsFolder eq false", select=PRODUCTS, orderby="Ref_Key",
            expand="ВидНоменклатуры,Марка,Производитель,ЕдиницаИзмерения", top=str(PAGE), skip=str(skip),
            format="application/json;odata=nometadata",
        )  # fmt: skip
        yield from rows
        skip += PAGE
        if len(rows) < PAGE:
            return


def product(row: dict[str, Any]) -> tuple[Any, ...]:
    maker, unit = row["Производитель"], row["ЕдиницаИзмерения"] or {}
    label = row["СтавкаНДС"]
    rate = "".join(each for each in label if each.isdigit())
    divisor = row["ВесЗнаменатель"]
    more = {
        part["Свойство_Key"]: part["ТекстоваяСтрока"] or part["Значение"] for part in row["ДополнительныеРеквизиты"]
    }
    names = {"code": "Code", "name": "Description", "full_name": "НаименованиеПолное",
             "international": "МеждународноеСокращение"}  # fmt: skip
    return (
        row["Ref_Key"], row["Code"], row["Description"], row["НаименованиеПолное"] or row["Description"],
        row["Артикул"], row["Описание"], json.dumps([row["Parent_Key"]]), row["ТипНоменклатуры"],
        (row["ВидНоменклатуры"] or {}).get("Description"), (row["Марка"] or {}).get("Description"),
        json.dumps({"id": row["Производитель_Key"], "name": maker["Description"] if maker else None}),
        json.dumps({ours: unit.get(theirs) for ours, theirs in names.items()}, ensure_ascii=False),
        Decimal(rate) if rate else None, label,
        row["ВесЧислитель"] / divisor if row["ВесИспользовать"] and divisor else 0,
        json.dumps(more, ensure_ascii=False, default=str), row["DataVersion"], row["DeletionMark"],
    )  # fmt: skip


def offer(row: dict[str, Any]) -> str:
    variant = row["Характеристика_Key"]
    return str(row["Номенклатура_Key"]) if variant == EMPTY else f"{row['Номенклатура_Key']}#{variant}"


@contextmanager
def filled(conn: psycopg.Connection, table: str, key: str) -> Iterator[psycopg.Copy]:
    """COPY, and what was copied put over what is there: it runs again every few minutes."""
    with conn.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE fresh (LIKE {table}) ON COMMIT DROP".encode())
        with cursor.copy("COPY fresh FROM STDIN") as copy:
            yield copy
        names = [row[0] for row in cursor.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum", [table]
        )]  # fmt: skip
        changes = ", ".join(f"{name} = excluded.{name}" for name in names)
        cursor.execute(f"INSERT INTO {table} SELECT * FROM fresh ON CONFLICT ({key}) DO UPDATE SET {changes}".encode())
    conn.commit()


def pull(conn: psycopg.Connection, client: httpx.Client) -> int:
    nometadata = "application/json;odata=nometadata"
    currencies = {row["Ref_Key"]: {"643": "RUB", "840": "USD", "978": "EUR"}.get(row["Code"], row["Code"])
                  for row in get(client, "Catalog_Валюты", select="Ref_Key,Code", format=nometadata)}  # fmt: skip
    number = 0
    with filled(conn, "hand_product", "id") as copy:
        for row in goods(client):
            copy.write_row(product(row))
            number += 1
    prices = get(
        client, "InformationRegister_ЦеныНоменклатуры_RecordType/SliceLast()", format=nometadata, expand="Упаковка",
        select="Номенклатура_Key,Характеристика_Key,ВидЦены_Key,Валюта_Key,Цена,Упаковка/Знаменатель,Упаковка/Числитель,"
        "Упаковка/Description",
    )  # fmt: skip
    with filled(conn, "hand_price", "offer_id, price_type_id") as copy:
        for row in prices:
            pack = row["Упаковка"] or {}
            up, down = pack.get("Числитель") or 1, pack.get("Знаменатель") or 1
            value = row["Цена"] * down / up
            copy.write_row((offer(row), row["ВидЦены_Key"], currencies[row["Валюта_Key"]], value,
                            pack.get("Description"), Decimal(up) / down))  # fmt: skip
            number += 1
    stocks = get(
        client, "AccumulationRegister_СвободныеОстатки/Balance(Dimensions='Номенклатура,Характеристика,Склад')",
        format=nometadata, select="Номенклатура_Key,Характеристика_Key,Склад_Key,ВНаличииBalance,"
        "ВРезервеСоСкладаBalance,ВРезервеПодЗаказBalance",
    )  # fmt: skip
    with filled(conn, "hand_stock", "offer_id, warehouse_id") as copy:
        for row in stocks:
            reserved = row["ВРезервеСоСкладаBalance"] + row["ВРезервеПодЗаказBalance"]
            copy.write_row((offer(row), row["Склад_Key"], row["ВНаличииBalance"], reserved))
            number += 1
    return number


def main() -> None:
    url, address = sys.argv[1:3]
    with psycopg.connect(url) as conn:
        conn.execute(TABLES)
        conn.commit()
        base = f"{address}/odata/standard.odata/"
        with httpx.Client(base_url=base, auth=("odata", "odata"), timeout=600) as client:
            told(lambda: pull(conn, client))


if __name__ == "__main__":
    main()
