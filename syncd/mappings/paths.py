"""Where a path of a mapping leads in a base: a property, one behind references, or one of the owner of a row."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings.metadata import Metadata, Property, Shape
from syncd.mappings.tree import Place
from syncd.mappings.words import hint, in_odata


@dataclass(slots=True)
class Scope:
    """What paths are read against. ``owner`` is the object a row belongs to; ``of`` names the set for people."""

    base: Metadata
    shape: Shape
    of: str
    owner: Scope | None = None

    def find(self, path: str, place: Place) -> Property:
        """The property at a path. Raises ``MappingError`` E722 or E725 with what to type instead."""
        if path.startswith("../"):
            if self.owner is None:
                detail = tr(
                    "only a row of a tabular section has an owner", "владелец есть только у строки табличной части"
                )
                raise MappingError("E709", place=place, key=path, detail=detail)
            return self.owner.find(path.removeprefix("../"), place)
        head, slash, rest = path.partition("/")
        if not slash:
            return self._property(path, place)
        return self._behind(head, place).find(rest, place)

    def _property(self, name: str, place: Place) -> Property:
        found = self.shape.properties.get(name)
        if found is None:
            raise MappingError("E722", place=place, of=self.of, key=name, hint=self._hint(name))
        return found

    def _behind(self, navigation: str, place: Place) -> Scope:
        """The object a reference leads to."""
        if self.owner is not None and navigation in self.shape.references:
            en = f" 1C does not follow references from rows; use {{from: {navigation}_Key, via: …, take: …}}."
            ru = f" По ссылкам из строк 1С не ходит; используйте {{from: {navigation}_Key, via: …, take: …}}."
            raise MappingError("E725", place=place, of=self.of, key=navigation, hint=tr(en, ru))
        target = self.base.referred(self.shape, navigation)
        if target is not None:
            return Scope(self.base, target, self.shape.references[navigation])
        bare = navigation.removesuffix("_Key")
        if bare in self.shape.references:
            advice = tr(f" Did you mean {bare}/…?", f" Возможно, {bare}/…?")
        elif self.shape.is_composite(navigation):
            en = " It leads to several types: use type, via and take."
            ru = " Она ведёт к нескольким типам: используйте type, via и take."
            advice = tr(en, ru)
        elif navigation in self.shape.properties:
            en = f" If a division is meant, put spaces around it: {navigation} / …"
            ru = f" Если это деление, поставьте пробелы: {navigation} / …"
            advice = tr(en, ru)
        else:
            advice = hint(navigation, self.shape.references, most=0)
        raise MappingError("E725", place=place, of=self.of, key=navigation, hint=advice)

    def _hint(self, name: str) -> str:
        known = [found.name for found in self.shape.properties.values() if not found.row_type]
        if name in self.shape.sections:
            en = f" {name} is a tabular section: {{rows: {name}, …}}."
            ru = f" {name} — табличная часть: {{rows: {name}, …}}."
            return tr(en, ru)
        if "." in name and in_odata(name) == name:
            path = name.replace(".", "/")
            return tr(f" A path has slashes: {path}.", f" Путь пишется через косую черту: {path}.")
        return hint(name, known)
