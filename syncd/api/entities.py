"""Listings of the canonical entities. Routes follow from the declarations in ``syncd.model``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request, Response

from syncd.api.auth import Ctx, Reader
from syncd.errors import RequestError
from syncd.model import ENTITIES, Entity
from syncd.model.entity import Kind
from syncd.store import listing

IDS_LIMIT: Final = 500
_SCHEMAS: Final[dict[Kind, dict[str, Any]]] = {
    "text": {"type": ["string", "null"]},
    "decimal": {"type": ["string", "null"], "format": "decimal"},
    "integer": {"type": ["integer", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "timestamp": {"type": ["string", "null"], "format": "date-time"},
    "list": {"type": ["array", "null"], "items": {}},
    "map": {"type": ["object", "null"]},
}

Since = Annotated[datetime | None, Query(description="Only what changed at this time or later; with a time zone")]
After = Annotated[str | None, Query(description="The cursor: `next` of the page before", max_length=2000)]
Limit = Annotated[int, Query(ge=1, le=listing.PAGE_LIMIT)]
Deleted = Annotated[bool, Query(description="Show removed records too; `deleted_at` tells which")]
_PLAIN: Final = frozenset({"changed_since", "after", "limit", "deleted"})


def routers() -> Iterable[APIRouter]:
    """One router per entity."""
    return [_router(entity) for entity in ENTITIES.values()]


def _router(entity: Entity) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=[entity.plural])
    filters = _filters(entity)

    def many(
        request: Request, ctx: Ctx, key: Reader, changed_since: Since = None, after: After = None, limit: Limit = 100,
        deleted: Deleted = False,
    ) -> Response:  # fmt: skip
        refuse_unknown(request, _PLAIN | filters.keys())
        given = {name: split(request.query_params.getlist(name)) for name in filters if name in request.query_params}
        query = listing.Query(
            equal={filters[name]: values for name, values in given.items() if name != "category"},
            category=given.get("category", []), changed_since=_aware(changed_since), deleted=deleted, after=after,
            limit=limit,
        )  # fmt: skip
        with ctx.db.statement() as conn:
            page = listing.page(conn, key.tenant, entity.name, query)
        age = round((page.now - page.as_of).total_seconds(), 1) if page.as_of else None
        return answer({"items": page.rows, "next": page.next, "as_of": page.as_of, "age_seconds": age})

    def one(ctx: Ctx, key: Reader, id: str) -> Response:  # noqa: A002 - the parameter's public name
        with ctx.db.statement() as conn:
            row = listing.get(conn, key.tenant, entity.name, id)
        if row is None:
            raise RequestError("E305", status=404, what=entity.name, id=id, shown=f"`GET /v1/{entity.plural}`")
        return answer(row)

    router.add_api_route(
        f"/{entity.plural}", many, methods=["GET"], summary=entity.doc_en, description=entity.doc_ru,
        response_class=Response, responses=_responses(_page(entity)), operation_id=f"list_{entity.plural}",
        openapi_extra={"parameters": [_parameter(name, filters[name]) for name in filters]},
    )  # fmt: skip
    if len(entity.key) == 1:
        router.add_api_route(
            f"/{entity.plural}/{{id:path}}", one, methods=["GET"], summary=f"One: {entity.doc_en}",
            response_class=Response, responses=_responses(_item(entity)), operation_id=f"get_{entity.name}",
        )  # fmt: skip
    return router


def _filters(entity: Entity) -> dict[str, str]:
    """Names of list parameters to the columns they select by."""
    first = entity.key_names[0]
    names = {"ids": first, **{name: name for name in entity.filters}}
    if entity.name in {"product", "offer", "price", "stock"}:
        names["category"] = "category_ids"
    return names


def _parameter(name: str, column: str) -> dict[str, Any]:
    return {
        "name": name, "in": "query", "required": False, "style": "form", "explode": True,
        "description": f"Values of `{column}`, repeated or separated by commas; {IDS_LIMIT} at most",
        "schema": {"type": "array", "items": {"type": "string"}},
    }  # fmt: skip


def _responses(schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {"application/json": {"schema": schema}}}}


def refuse_unknown(request: Request, known: AbstractSet[str]) -> None:
    """A misspelt filter must not answer with everything. Raises ``RequestError`` E307 (422)."""
    for name in request.query_params:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(known))}"
            raise RequestError("E307", status=422, detail=f"unknown parameter {name[:50]!r}; {hint}")


def split(values: list[str]) -> list[str]:
    """Repeated parameters and commas, joined. Raises ``RequestError`` E307 for too many, or for a NUL."""
    found = [part for value in values for part in value.split(",") if part]
    if len(found) > IDS_LIMIT:
        raise RequestError("E307", status=422, detail=f"{len(found)} ids, the limit is {IDS_LIMIT}")
    if any("\x00" in value for value in found):
        raise RequestError("E307", status=422, detail="NUL is no part of an id")
    return found


def _aware(moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise RequestError(
            "E307", status=422, detail="changed_since needs a time zone, such as 2026-01-31T12:00:00+03:00"
        )
    return moment


def answer(body: Mapping[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """JSON, rendered without a detour through models: response models cost more than the framework does.

    Money and quantities are texts, in plain digits.
    """
    data = orjson.dumps(body, default=_plain)
    return Response(data, status, headers, media_type="application/json; charset=utf-8")


def _plain(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _item(entity: Entity) -> dict[str, Any]:
    properties: dict[str, Any] = {
        f.name: {**_SCHEMAS[f.kind], "description": f"{f.doc_en} · {f.doc_ru}"} for f in entity.all_fields
    }
    properties["extra"] = {
        "type": ["object", "null"],
        "description": "What 1C sent and syncd has no field for, as it came",
    }
    properties["updated_at"] = {"type": "string", "format": "date-time"}
    properties["deleted_at"] = {"type": ["string", "null"], "format": "date-time"}
    return {"type": "object", "properties": properties}


def _page(entity: Entity) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": _item(entity)},
            "next": {"type": ["string", "null"], "description": "Cursor of the next page; null at the end"},
            "as_of": {"type": ["string", "null"], "format": "date-time", "description": "When 1C last spoke of this"},
            "age_seconds": {"type": ["number", "null"]},
        },
    }
