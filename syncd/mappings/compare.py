"""What differs between two mappings: rule by rule, and in the records they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import tzinfo
from typing import Any

from syncd.errors import MappingError
from syncd.mappings.cases import shown
from syncd.mappings.compiled import CompiledSource, compile_mapping
from syncd.mappings.loading import Mapping as Loaded
from syncd.mappings.tree import Place, Tree, nodes


def compare(old: Loaded, new: Loaded) -> list[dict[str, str]]:
    """Rules that were added, taken away or changed: path, before, after, and where the new one stands."""
    before, after = dict(_rules(old.tree, "")), dict(_rules(new.tree, ""))
    rows = []
    for path in dict.fromkeys([*before, *after]):
        was, now = before.get(path), after.get(path)
        words = [shown(node.plain()) if node else "" for node in (was, now)]
        if words[0] != words[1]:
            rows.append({"path": path, "before": words[0], "after": words[1], "place": str(now.place) if now else ""})
    return rows


def _rules(tree: Tree, path: str) -> Iterator[tuple[str, Tree]]:
    """Down to single rules: a section, then its keys, then its fields."""
    for key, node in tree.map.items():
        where = f"{path}.{key}" if path else key
        if where in {"extends", "description"}:
            continue
        if node.list and all(part.map for part in node.list):
            for n, part in enumerate(node.list):
                name = part.map.get("name")
                yield from _rules(part, f"{where}.{name.value if name else n}")
        elif node.map and _is_table(where):
            yield from _rules(node, where)
        else:
            yield where, node


def rule_at(mapping: Loaded) -> Callable[[Place], str]:
    """Tells which rule stands at a place, as a path (``products.fields.sku``), be it inside of the rule."""
    paths = {part.place: path for path, node in _rules(mapping.tree, "") for part in nodes(node)}
    for name, node in mapping.tree.map.items():
        paths.setdefault(node.place, name)
    return lambda place: paths.get(place, "")


def _is_table(path: str) -> bool:
    last = path.rpartition(".")[2]
    return "." not in path or last in {"fields", "extra", "lines", "write", "parameters", "references", "dictionaries"}


def effects(
    old: Loaded, new: Loaded, section: str, rows: Iterable[dict[str, Any]], zone: tzinfo
) -> list[dict[str, str]]:
    """What becomes otherwise in records of 1C: record, field, before, after. Mistakes are shown in their field."""
    before, after = _source(old, section, zone), _source(new, section, zone)
    found = []
    for row in rows:
        was, now = _made(before, row), _made(after, row)
        name = next((str(row[key]) for key in ("Description", "Number", "Ref_Key") if row.get(key)), "")
        for field in dict.fromkeys([*was, *now]):
            if was.get(field) != now.get(field):
                words = {"before": shown(was.get(field)), "after": shown(now.get(field))}
                found.append({"record": name, "field": field, **words})
    return found


def _source(mapping: Loaded, section: str, zone: tzinfo) -> CompiledSource | None:
    sources = compile_mapping(mapping, zone)
    return next((source for source in sources if section in {source.label, source.section}), None)


def _made(source: CompiledSource | None, row: Mapping[str, Any]) -> dict[str, Any]:
    if source is None:
        return {}
    made = {}
    for cell in source.preview(row):
        made[cell.field] = _told(cell.error) if cell.error else cell.result
    return made


def _told(error: MappingError) -> str:
    return f"! {error.code}"
