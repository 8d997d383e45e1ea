"""What an entity is: a declaration from which its table, merge, API listing and mapping target follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "decimal", "integer", "boolean", "timestamp", "list", "map"]
"""How a value is kept. ``list`` and ``map`` are JSON; a ``map`` merges key by key, a ``list`` is replaced whole."""


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of an entity.

    ``doc_en`` and ``doc_ru`` are what the API's documentation and the mapping tools show. ``stated_with`` names a text
    that says whether this field is stated: where that one is, a value that is absent here is empty (a tax rate that
    became "without VAT"). ``items`` names what each element of a list of maps holds, where that is known.
    """

    name: str
    kind: Kind
    doc_en: str
    doc_ru: str
    stated_with: str | None = None
    items: tuple[Field, ...] = ()


@dataclass(frozen=True, slots=True)
class Entity:
    """A kind of canonical record.

    ``key`` names the fields that identify a record within a tenant. ``scope`` names the key field under which records
    come as a whole set: all prices of one offer, say, so that a price absent from the new set is gone. ``filters``
    names fields by which the API lists.
    """

    name: str
    plural: str
    key: tuple[Field, ...]
    fields: tuple[Field, ...]
    doc_en: str
    doc_ru: str
    scope: str | None = None
    filters: tuple[str, ...] = ()

    @property
    def key_names(self) -> tuple[str, ...]:
        """Names of the key fields, in order."""
        return tuple(field.name for field in self.key)

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """Key fields, then the others."""
        return self.key + self.fields
