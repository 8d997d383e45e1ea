"""A receiver of webhooks on this machine: prints what comes, and whether the signature fits."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Final

import click
import orjson
from standardwebhooks import Webhook, WebhookVerificationError

from syncd.cli.output import Format, dump, safe, stdout, talk
from syncd.errors import ConfigError
from syncd.i18n import tr
from syncd.log import mask

HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
_BODY_LIMIT: Final = 1_048_576
_IDLE_SECONDS: Final = 10


def fits(signers: Sequence[Webhook], headers: dict[str, str], body: bytes) -> str | None:
    """What is wrong with a signature; ``None`` when it fits one of the secrets."""
    problem = tr("there is no secret", "нет секрета")
    for signer in signers:
        try:
            signer.verify(body, headers, json_parse=False)
        except WebhookVerificationError as error:
            problem = str(error)
        except ValueError:  # a header that is none, a body that is no text
            problem = tr("headers or body cannot be read", "заголовки или тело не читаются")
        else:
            return None
    return problem


def serve(port: int, status: int, signers: Sequence[Webhook], count: int | None, output: Format) -> None:
    """Listen until Ctrl-C, or until ``count`` messages came. Without signers nothing is checked. Raises E407."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        timeout = _IDLE_SECONDS

        def do_POST(self) -> None:
            length = self.headers["content-length"] or ""
            if not length.isdigit() or int(length) > _BODY_LIMIT:
                self.send_error(413)
                return
            body = self.rfile.read(int(length))
            headers = {name: self.headers[name] or "" for name in HEADERS}
            problem = fits(signers, headers, body) if signers else tr("not checked", "не проверялась")
            _print(headers["webhook-id"], body, problem, headers["webhook-id"] in seen, output)
            seen.append(headers["webhook-id"])
            self.send_response(400 if signers and problem else status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            """What came was printed already."""

    try:
        server = HTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise ConfigError("E407", host="127.0.0.1", port=port, detail=error.strerror) from None
    with server:
        talk.print(tr(f"Listening at http://127.0.0.1:{server.server_port}/ — Ctrl-C ends.",
                      f"Слушаю http://127.0.0.1:{server.server_port}/ — Ctrl-C завершит."))  # fmt: skip
        with suppress(KeyboardInterrupt):
            while count is None or len(seen) < count:
                server.handle_request()


def _print(marker: str, body: bytes, problem: str | None, again: bool, output: Format) -> None:
    try:
        event = orjson.loads(body)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        event = {"type": "?", "data": mask(body.decode("utf-8", "replace"))}
    if output != "table":
        click.echo(dump({"id": marker, "signature": problem or "ok", "repeated": again, "event": event}))
        return
    told = f"[yellow]{safe(problem)}[/]" if problem else "[green]ok[/]"
    said = "  ".join(part for part in (safe(marker), safe(str(event.get("type"))), told,
                                       tr("again", "повтор") if again else "") if part)  # fmt: skip
    stdout().print(said, soft_wrap=True)
    stdout().print("    " + safe(dump(event.get("data"))), soft_wrap=True)
