"""An emulated base whose answers are made once and then sent from files, so that it holds up nobody: the same for both.

``python -m bench.pull.server FOLDER SIZE`` prints its address.
"""

from __future__ import annotations

import hashlib
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import httpx

from syncd.emulator.odata import OdataBase

_KEPT_HEADERS: Final = ("content-type",)


class Cache(ThreadingHTTPServer):
    """``folder`` holds answers by address; what is not there yet is asked of ``base``."""

    daemon_threads = True

    def __init__(self, folder: Path, base: OdataBase) -> None:
        self.folder = folder
        self.base = base
        self.behind = httpx.Client(auth=(base.user, base.password), timeout=600)
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Cache

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing is told."""

    def do_GET(self) -> None:
        """From the file, made now where there is none."""
        path = self.server.folder / hashlib.sha256(self.path.encode()).hexdigest()
        if not path.exists() and not self._fill(path):
            return
        with path.open("rb") as stream:
            kind = stream.readline().strip().decode()
            size = path.stat().st_size - stream.tell()
            self.send_response_only(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(size))
            self.end_headers()
            self.wfile.flush()
            at = stream.tell()
            while size:
                sent = os.sendfile(self.connection.fileno(), stream.fileno(), at, size)
                at, size = at + sent, size - sent

    def _fill(self, path: Path) -> bool:
        """Ask the base; what it refuses is passed on and not kept."""
        answer = self.server.behind.get(self.server.base.url.split("/ut/")[0] + self.path)
        if answer.status_code != 200:
            self.send_response_only(answer.status_code)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
            return False
        draft = path.with_suffix(f".{os.getpid()}.{id(self)}")
        draft.write_bytes(answer.headers["content-type"].encode() + b"\n" + answer.content)
        draft.rename(path)
        return True


def main() -> None:
    """Serve until the process is ended."""
    folder, size = Path(sys.argv[1]), int(sys.argv[2])
    with OdataBase("ut11", seed=1, size=size).running() as base:
        server = Cache(folder, base)
        print(f"http://127.0.0.1:{server.server_address[1]}/ut", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
