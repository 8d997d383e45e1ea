"""Read ``$metadata``: a document of up to some 17 MB is read as a stream, and kept in a form of a few hundred KB.

What real documents do (see the tests): the container stands in a second ``Schema`` of another namespace, functions
carry neither ``EntitySet`` nor ``HttpMethod`` and are bound by the type of ``bindingParameter``, ``EnumType`` repeats
an attribute.
"""

from __future__ import annotations

import hashlib
import io
import sys
import zlib
from collections.abc import Callable
from typing import Final, Protocol

import orjson
from lxml import etree

from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings.metadata import COLLECTION, Function, Metadata, Property, Shape

SIZE_LIMIT: Final = 256 << 20
"""Largest document that is read, bytes; the largest seen has 17 MB."""
_CHUNK: Final = 1 << 20
_FORM: Final = 1  # of the compact form
_REFERENCE: Final = "bindingParameter"
_WHOLE: Final = ("EntityType", "ComplexType", "EnumType", "Association", "FunctionImport", "EntitySet")


class Stream(Protocol):
    """Bytes to read: an open file, a response, an unpacking stream."""

    def read(self, size: int, /) -> bytes:
        """So many bytes, fewer at the end."""


class _Hashed(io.RawIOBase):
    """Passes bytes on, and knows their hash and number."""

    def __init__(self, stream: Stream) -> None:
        super().__init__()
        self._stream = stream
        self.digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        """The next bytes. Raises ``MappingError`` E732 for a document without an end."""
        data = self._stream.read(size if size >= 0 else _CHUNK)
        self.digest.update(data)
        self.size += len(data)
        if self.size > SIZE_LIMIT:
            raise MappingError("E732", detail=tr("it is too large", "он слишком велик"))
        return data


def read(stream: Stream) -> Metadata:
    """Read a document. Raises ``MappingError`` E732 for what is no ``$metadata``."""
    source = _Hashed(stream)
    reader = _Reader()
    try:
        # recover: 1C writes an attribute of EnumType twice, which is not well-formed
        events = etree.iterparse(
            source, events=("end",), tag=[f"{{*}}{name}" for name in _WHOLE], recover=True, resolve_entities=False,
            no_network=True, load_dtd=False, huge_tree=False, remove_comments=True,
        )  # fmt: skip
        for _, element in events:
            reader.take(element)
            element.clear()
            parent = element.getparent()
            while parent is not None and element.getprevious() is not None:
                del parent[0]
        for found in events.error_log:
            if found.type_name != "ERR_ATTRIBUTE_REDEFINED":
                raise MappingError("E732", detail=f"{found.message} ({found.line})")
    except etree.XMLSyntaxError as error:
        raise MappingError("E732", detail=str(error)) from error
    if not reader.made.sets:
        raise MappingError("E732", detail=tr("there are no entity sets in it", "в нём нет наборов сущностей"))
    return reader.finish(source.digest.hexdigest())


class _Reader:
    """Takes the elements as they end."""

    def __init__(self) -> None:
        self.made = Metadata("")
        self._properties: dict[tuple[str, str, bool, int | None], Property] = {}
        self._ends: dict[str, dict[str, str]] = {}
        self._navigation: list[tuple[str, str, str, str]] = []
        self._takers: Final[dict[str, Callable[[etree._Element], None]]] = {
            "EntityType": self._shape, "ComplexType": self._shape, "EnumType": self._enum,
            "Association": self._association, "FunctionImport": self._function, "EntitySet": self._set,
        }  # fmt: skip

    def take(self, element: etree._Element) -> None:
        """One of ``_WHOLE``, with all its parts."""
        self._takers[_local(element)](element)

    def finish(self, digest: str) -> Metadata:
        """Resolve what the order of the document left open."""
        for owner, name, relationship, role in self._navigation:
            target = self._ends.get(relationship, {}).get(role)
            if target:
                self.made.types[owner].references[name] = target
        self.made.hash = digest
        return self.made

    def _shape(self, element: etree._Element) -> None:
        shape = Shape(_name(element), (), {}, {})
        for part in element:
            match _local(part):
                case "Key":
                    shape.key = tuple(_name(ref) for ref in part)
                case "Property":
                    found = self._property(part)
                    shape.properties[found.name] = found
                case "NavigationProperty":
                    relationship, role = _plain(part.get("Relationship", "")), part.get("ToRole", "")
                    self._navigation.append((shape.name, _name(part), relationship, role))
                case _:
                    pass
        self.made.types[shape.name] = shape

    def _property(self, element: etree._Element) -> Property:
        length = element.get("MaxLength", "")
        key = (
            _name(element), _plain(element.get("Type", "")), element.get("Nullable", "true") != "false",
            int(length) if length.isascii() and length.isdigit() else None,
        )  # fmt: skip
        return self._properties.setdefault(key, Property(*key))

    def _enum(self, element: etree._Element) -> None:
        self.made.enums[_name(element)] = tuple(_name(part) for part in element if _local(part) == "Member")

    def _association(self, element: etree._Element) -> None:
        self._ends[_name(element)] = {part.get("Role", ""): _plain(part.get("Type", "")) for part in element}

    def _function(self, element: etree._Element) -> None:
        parameters = {_name(part): _plain(part.get("Type", "")) for part in element if _local(part) == "Parameter"}
        of = parameters.pop(_REFERENCE, "") or _plain(element.get("EntitySetPath", ""))
        result = _plain(element.get("ReturnType", "")).removeprefix(COLLECTION).removesuffix(")")
        writes = element.get("IsSideEffecting") == "true"
        found = Function(_name(element), of, tuple(parameters.items()), result, writes)
        self.made.functions.setdefault(of, {})[found.name] = found

    def _set(self, element: etree._Element) -> None:
        self.made.sets[_name(element)] = _plain(element.get("EntityType", ""))


def _local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _name(element: etree._Element) -> str:
    return sys.intern(element.get("Name", ""))


def _plain(type_: str) -> str:
    """A type without its namespace; those of Edm keep theirs."""
    if type_.startswith(COLLECTION):
        return f"{COLLECTION}{_plain(type_[len(COLLECTION) : -1])})"
    return sys.intern(type_ if type_.startswith("Edm.") else type_.rpartition(".")[2])


def pack(made: Metadata) -> bytes:
    """The compact form, for a cache: ``unpack`` reads it many times faster than the document is read."""
    numbers: dict[Property, int] = {}
    types = {
        name: (shape.key, [numbers.setdefault(p, len(numbers)) for p in shape.properties.values()], shape.references)
        for name, shape in made.types.items()
    }
    functions = [
        (f.name, f.of, f.parameters, f.result, f.writes) for calls in made.functions.values() for f in calls.values()
    ]
    properties = [(p.name, p.type, p.nullable, p.length) for p in numbers]
    body = {
        "form": _FORM, "hash": made.hash, "sets": made.sets, "types": types, "enums": made.enums,
        "functions": functions, "properties": properties,
    }  # fmt: skip
    return zlib.compress(orjson.dumps(body), 6)


def unpack(data: bytes) -> Metadata:
    """What ``pack`` made. Raises ``MappingError`` E732 for anything else, an older form too."""
    try:
        body = orjson.loads(zlib.decompress(data))
    except (zlib.error, orjson.JSONDecodeError) as error:
        raise MappingError("E732", detail=str(error)) from error
    if body.get("form") != _FORM:
        raise MappingError(
            "E732",
            detail=tr("another syncd wrote it; pull it again", "он записан другой версией syncd; получите его снова"),
        )
    properties = [Property(*values) for values in body["properties"]]
    made = Metadata(body["hash"], sets=body["sets"], enums={k: tuple(v) for k, v in body["enums"].items()})
    for name, (key, numbers, references) in body["types"].items():
        made.types[name] = Shape(name, tuple(key), {(p := properties[n]).name: p for n in numbers}, references)
    for name, of, parameters, result, writes in body["functions"]:
        found = Function(name, of, tuple((p, t) for p, t in parameters), result, writes)
        made.functions.setdefault(of, {})[name] = found
    return made
