"""Pictures of products, as 1C sent them."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Response
from fastapi.responses import StreamingResponse

from syncd.api.auth import Ctx, Reader
from syncd.store.pictures import SVG
from syncd.sync import pictures

router: Final = APIRouter(prefix="/v1/images", tags=["images"])
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "Unchanged: the ETag is one of If-None-Match"},
    404: {"description": "1C has not sent this picture"},
}


@router.get("/{path:path}", summary="A picture by its path", response_class=Response, responses=_ANSWERS)
def show(
    ctx: Ctx, key: Reader, path: str, if_none_match: Annotated[str | None, Header(max_length=2000)] = None
) -> Response:
    """`path` is what stands in `images` of a product or an offer; letter case, kind of slash and a leading
    `import_files/` make no difference. The newest picture sent under it is answered.

    Картинка по пути из `images` товара или предложения; регистр букв, вид косой черты и начальный `import_files/` не
    важны. Отвечает последней присланной картинкой.
    """
    with ctx.db.transaction() as conn:
        found = pictures.find(conn, key.tenant, path)
    headers = {"ETag": f'"{found.tag}"', "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}
    if if_none_match and _knows(if_none_match, found.tag):
        return Response(status_code=304, headers=headers)
    content = pictures.read(ctx, key.tenant, path, found)
    headers["Content-Length"] = str(content.size)
    if not content.type.startswith("image/"):
        headers["Content-Disposition"] = "attachment"
    if content.type == SVG:  # a picture that may hold scripts: opened by itself it must run none
        headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return StreamingResponse(content.pieces, media_type=content.type, headers=headers)


def _knows(header: str, tag: str) -> bool:
    known = {part.strip().removeprefix("W/").strip('"') for part in header.split(",")}
    return tag in known or "*" in known
