"""Documents and archives that are all right in every part, and too much as a whole."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zipfile
from collections.abc import Callable
from typing import Final

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?><КоммерческаяИнформация ВерсияСхемы="2.07">'
_TAIL: Final = "</КоммерческаяИнформация>"
PLACES: Final = (
    "{}",
    "<Новое>{}</Новое>",
    "<Каталог><Ид>c</Ид>{}</Каталог>",
    "<Каталог><Ид>c</Ид><Товары><Товар><Ид>1</Ид>{}</Товар></Товары></Каталог>",
    "<Каталог><Ид>c</Ид><Товары><Товар><Ид>{}</Ид></Товар></Товары></Каталог>",
    "<Каталог><Ид>c</Ид><Товары><Товар><Ид>1</Ид><Наименование>{}</Наименование></Товар></Товары></Каталог>",
    "<Классификатор><Группы><Группа><Ид>1</Ид>{}</Группа></Группы></Классификатор>",
    "<ПакетПредложений><Предложения><Предложение><Ид>1</Ид>{}</Предложение></Предложения></ПакетПредложений>",
    "<Документ><Номер>1</Номер><ХозОперация>Заказ товара</ХозОперация>{}</Документ>",
)


def document(rng: random.Random) -> bytes:
    """A document that blows something up: depth, attributes, a text, names, children, entities."""
    return rng.choice(_DOCUMENTS)(rng)


def archive(xml: bytes, rng: random.Random) -> bytes:
    """An archive that is odd in one way, with this document in it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # doubled names are meant
        return rng.choice(_ARCHIVES)(xml, rng)


def _placed(inner: str, rng: random.Random) -> bytes:
    return f"{_HEAD}{rng.choice(PLACES).replace('{}', inner)}{_TAIL}".encode()


def _depth(rng: random.Random) -> bytes:
    depth, name = (
        rng.choice((10, 100, 200, 240, 250, 300, 20_000)),
        rng.choice(("а", "Группы", "Группа", "Товар", "Значение")),
    )
    pairs = (name, "Группы") if name == "Группа" else (name,)
    opened = [pairs[i % len(pairs)] for i in range(depth)]
    return _placed("".join(f"<{n}>" for n in opened) + "".join(f"</{n}>" for n in reversed(opened)), rng)


def _attributes(rng: random.Random) -> bytes:
    many = " ".join(f'a{n}="{n}"' for n in range(rng.choice((100, 5_000, 100_000))))
    return _placed(f"<{rng.choice(('а', 'Товар', 'Каталог', 'БазоваяЕдиница'))} {many}/>", rng)


def _text(rng: random.Random) -> bytes:
    size = rng.choice((100_000, 2_000_000, 9_900_000, 10_100_000))
    return _placed(rng.choice(("x", "ж", "&#1078;", "&amp;", " ", "\n"))[: max(1, size)] * (size // 6), rng)


def _incompressible(rng: random.Random) -> bytes:
    return _placed(rng.randbytes(rng.choice((1_000, 1_400, 5_000, 500_000))).hex(), rng)


def _names(rng: random.Random) -> bytes:
    return _placed("".join(f"<n{n}/>" for n in range(rng.choice((1_000, 50_000, 200_000)))), rng)


def _children(rng: random.Random) -> bytes:
    one = rng.choice(
        ("<а/>", "<Ид>1</Ид>", "<Товар/>", "<Картинка>1</Картинка>", "<Группы><Группа><Ид>1</Ид></Группа></Группы>")
    )
    return _placed(one * rng.choice((1_000, 30_000, 200_000)), rng)


def _swarm(rng: random.Random) -> bytes:
    """One record of millions of elements: small on the wire, and a tree of gigabytes."""
    return _placed(f"<б>{'<а/>' * rng.choice((1_000_000, 4_000_000))}</б>", rng)


def _open_tag(rng: random.Random) -> bytes:
    name = rng.choice(("Каталог", "ПакетПредложений", "Товар", "а"))
    return f'{_HEAD}<{name} а="{"x" * rng.choice((300_000, 12_000_000, 48_000_000))}'.encode()


def _records(rng: random.Random) -> bytes:
    one = rng.choice(
        (
            "<Товар/>",
            "<Товар><Ид>{n}</Ид></Товар>",
            "<Товар><Ид/></Товар>",
            "<Товар><Ид>1</Ид><Цены><Цена/></Цены></Товар>",
        )
    )
    many = "".join(one.replace("{n}", str(n)) for n in range(rng.choice((200, 3_000, 10_000))))
    return f"{_HEAD}<Каталог><Ид>c</Ид><Товары>{many}</Товары></Каталог>{_TAIL}".encode()


def _entities(rng: random.Random) -> bytes:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    dtd = rng.choice((
        f'<!DOCTYPE r [<!ENTITY l0 "ха">{laughs}]>',
        '<!DOCTYPE r [<!ENTITY l11 SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE r [<!ENTITY % p SYSTEM "file:///etc/hostname">%p;]>',
        "<!DOCTYPE КоммерческаяИнформация>",
        f'<!DOCTYPE r [<!ENTITY l11 "{"x" * 100_000}">]>',
    ))  # fmt: skip
    body = f"<КоммерческаяИнформация>{rng.choice(PLACES).replace('{}', '&l11;' * rng.choice((1, 1000)))}{_TAIL}"
    return f'<?xml version="1.0"?>{dtd}{body}'.encode()


def _prolog(rng: random.Random) -> bytes:
    size = rng.choice((1_000, 900_000, 3_000_000))
    filler = rng.choice((f"<!--{'x' * size}-->", " " * size, f"<?x {'y' * size}?>", "<!-- -->" * (size // 8)))
    return f'<?xml version="1.0"?>{filler}<КоммерческаяИнформация/>'.encode()


_DOCUMENTS: Final[tuple[Callable[[random.Random], bytes], ...]] = (
    _depth, _depth, _attributes, _text, _incompressible, _incompressible,
    _names, _children, _swarm, _open_tag, _records,
    _entities, _prolog,
)  # fmt: skip


def _zip(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as out:
        for name, data in members:
            out.writestr(zipfile.ZipInfo(name), data, method)  # a case is the same at any time
    return stream.getvalue()


def _ratio(xml: bytes, rng: random.Random) -> bytes:
    filler = rng.choice((b" ", b"<a/>", b"\0")) * rng.choice((1 << 20, 1 << 24))
    end = xml.rfind(b"</")
    return _zip(
        [("import.xml", xml[:end] + filler + xml[end:])],
        rng.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)),
    )


def _odd_names(xml: bytes, rng: random.Random) -> bytes:
    names = [
        "../import.xml", "/etc/import.xml", "C:\\temp\\import.xml", "import_files\\a\\b.xml", ".xml", "IMPORT.XML",
        "a" * 9_000 + ".xml",
        "импорт.xml", "import.xml ", "im\x01port.xml", "a//b.xml", "./import.xml", "import.xml", "import.xml",
        "\ud7ff.xml",
        "con.xml", "a\nb.xml", "%00.xml", "import.xml/", "webdata/000/import0_1.xml", "..\\..\\x.xml",
        "\u202elmx.exe.xml",
    ]  # fmt: skip
    return _zip([(name, xml) for name in rng.sample(names, rng.randint(1, 6))])


def _many(xml: bytes, rng: random.Random) -> bytes:
    names = rng.choice(("import_files/{n}.jpg", "{n}.xml", "{n}/import.xml"))
    small = rng.choice((b"", b"x", b"<a/>"))
    return _zip(
        [(names.format(n=n), small) for n in range(rng.choice((50, 1_000, 3_000)))] + [("import.xml", xml)],
        zipfile.ZIP_STORED,
    )


def _truncated(xml: bytes, rng: random.Random) -> bytes:
    whole = _zip([("import.xml", xml), ("offers.xml", xml)])
    return whole[: rng.randint(4, len(whole))]


def _damaged(xml: bytes, rng: random.Random) -> bytes:
    method = rng.choice(
        (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    )
    out = bytearray(_zip([("import.xml", xml), ("offers.xml", xml)], method))
    heads = [at for mark in (b"PK\1\2", b"PK\3\4", b"PK\5\6") for at in _places(out, mark)]
    for _ in range(rng.choice((1, 1, 2, 6))):
        near = rng.choice(heads) + rng.randint(4, 60) if rng.random() < 0.7 else rng.randrange(len(out))
        out[min(near, len(out) - 1)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    return bytes(out)


def _places(data: bytearray, mark: bytes) -> list[int]:
    found, at = [], data.find(mark)
    while at >= 0:
        found.append(at)
        at = data.find(mark, at + 1)
    return found


def _in_front(xml: bytes, rng: random.Random) -> bytes:
    return (
        b"PK\x03\x04"
        + rng.randbytes(rng.choice((0, 10, 1000)))
        + _zip([("import.xml", xml)])
        + rng.randbytes(rng.choice((0, 10, 70_000)))
    )


def _extra(xml: bytes, rng: random.Random) -> bytes:
    """A field of ZIP64 whose numbers are missing, or too large."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as out:
        info = zipfile.ZipInfo("import.xml")
        body = rng.randbytes(rng.choice((0, 7, 8, 24)))
        info.extra = struct.pack("<HH", rng.choice((1, 0x7075, 0x9901)), rng.choice((len(body), 65_535, 8))) + body
        out.writestr(info, xml)
    return stream.getvalue()


def _encrypted(xml: bytes, _rng: random.Random) -> bytes:
    out = bytearray(_zip([("import.xml", xml)]))
    for mark, shift in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        out[out.find(mark) + shift] |= 1
    return bytes(out)


def _nested(xml: bytes, rng: random.Random) -> bytes:
    inner = _zip([("import.xml", xml)])
    return _zip([(rng.choice(("inner.zip", "inner.xml")), inner), ("dir/", b"")])


_ARCHIVES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    _ratio, _odd_names, _odd_names, _many,
    _truncated, _damaged, _damaged, _damaged, _in_front, _extra, _encrypted, _nested,
)  # fmt: skip
