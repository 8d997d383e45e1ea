"""The JSON Schema of the language, for editors: it completes keys and fields, shows what they mean, and marks slips.

``config/mappings/schema.json`` is what this makes; a mapping names it in its first line
(``# yaml-language-server: $schema=…``).
"""

from __future__ import annotations

import copy
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from syncd.mappings.language import DICTIONARY, Head, Source
from syncd.mappings.targets import CHOICES, TARGETS
from syncd.model import Entity, Field

Json = dict[str, Any]
_REF: Final = "#/definitions/"
_WORD: Final[Json] = {"type": ["string", "number", "boolean", "null"]}
_SHORT: Final = {
    "Rule": ["string", "number", "boolean", "array", "null"],
    "StatusRule": ["string", "null"],
    "Payment": ["string", "null"],
    "Delivery": ["string", "null"],
    "Requisite": ["string", "null"],
}
"""Models that have a short form: a plain text instead of keys."""


def schema() -> Json:
    """The whole schema (draft 7), the same for every base."""
    _, made = models_json_schema(
        [(Head, "validation"), (Source, "validation")], by_alias=True, ref_template=_REF + "{model}"
    )
    definitions: Json = made["$defs"]
    for definition in definitions.values():
        _tidy(definition)
    _rule(definitions["Rule"])
    for name, types in _SHORT.items():
        definitions[f"{name}OrShort"] = {"anyOf": [{"$ref": _REF + name}, {"type": types}]}
    head, source = definitions.pop("Head"), definitions.pop("Source")
    for name, entity in TARGETS.items():
        definitions[name] = _section(source, name, entity)
    sections = {name: _one_or_many(name, entity) for name, entity in TARGETS.items()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "syncd mapping · маппинг syncd",
        "type": "object",
        "additionalProperties": False,
        "properties": {**head["properties"], **sections},
        "definitions": dict(sorted(definitions.items())),
    }


def _tidy(node: Any) -> None:
    """Titles that repeat the key go, and models with a short form take it."""
    if isinstance(node, list):
        for part in node:
            _tidy(part)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("title"), str):
        del node["title"]
    if node.get("default", ...) is None:
        del node["default"]
    name = str(node.get("$ref", "")).removeprefix(_REF)
    if name in _SHORT:
        node["$ref"] = f"{_REF}{name}OrShort"
    for part in node.values():
        _tidy(part)


def _rule(rule: Json) -> None:
    names = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
    words = {"anyOf": [{"type": "object", "additionalProperties": _WORD}, {"type": "string"}]}
    for key, allowed in (("from", names), ("values", words)):
        rule["properties"][key] = {"description": rule["properties"][key]["description"], **allowed}
    rule["properties"].pop(DICTIONARY, None)


def _section(source: Json, name: str, entity: Entity) -> Json:
    made = copy.deepcopy(source)
    properties = made["properties"]
    about = properties["fields"]["description"]
    properties["fields"] = _table(name, entity.all_fields, about)
    lines = next((field.items for field in entity.fields if field.name == "lines"), ())
    if lines:
        inner = _table("lines", lines, about)
        properties["lines"] = _nullable(_object({
            "from": {"type": ["string", "null"], "description": "Tabular section · Табличная часть"},
            "when": {"type": ["string", "null"], "description": "Expression · Выражение"},
            "fields": inner,
        }), properties["lines"]["description"])  # fmt: skip
    else:
        del properties["lines"]
    if name != "orders":
        del properties["write"]
    made["description"] = f"{entity.doc_en} · {entity.doc_ru}"
    return made


def _table(section: str, fields: tuple[Field, ...], about: str) -> Json:
    """Fields by name, each with what it is."""
    table = _object({field.name: _field(section, field) for field in fields})
    return {"description": about, **table}


def _field(section: str, field: Field) -> Json:
    words = f"{field.doc_en} · {field.doc_ru} ({field.kind})"
    choice = CHOICES.get((section, field.name))
    if choice:
        words += ": " + ", ".join(choice)
    return {"description": words, "allOf": [{"$ref": f"{_REF}RuleOrShort"}]}


def _object(properties: Json) -> Json:
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _nullable(inner: Json, about: str) -> Json:
    return {"description": about, "anyOf": [inner, {"type": "null"}]}


def _one_or_many(name: str, entity: Entity) -> Json:
    one = {"$ref": _REF + name}
    about = f"{entity.doc_en} · {entity.doc_ru}"
    return {"description": about, "anyOf": [one, {"type": "array", "items": one, "minItems": 1}, {"type": "null"}]}
