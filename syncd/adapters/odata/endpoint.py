"""One base over OData: where it is, who we are there, and how gently it must be treated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from syncd.errors import ConfigError
from syncd.i18n import tr

SessionMode = Literal["none", "automatic", "manual"]
"""How the publication keeps sessions: a new one for each request, a pool of its own (1C's default for OData), or one
that we begin and end (``IBSession``). Only ``manual`` changes what we send."""
Format = Literal["nometadata", "json", "atom"]
"""``nometadata`` is the smallest JSON; ``json`` where a base refuses that; ``atom`` is all that platform 8.3.5 has."""
Kind = Literal["ping", "read", "table", "changes", "metadata", "write", "confirm"]

SERVICE: Final = "standard.odata"
MAX_URL: Final = 6000
MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
MAX_KEPT_BYTES: Final = 2 * 1024 * 1024 * 1024
"""200,000 goods with three prices are some 300 MB; a node on which a whole base was registered sends it all at once."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds a whole request may take, by its kind. A base that was idle needs 11 to 30 s for its first answer and up
    to 19 s for its first write; a virtual table may compute for half a minute; a packet of changes for a quarter of an
    hour; a confirmation must not outlive the lease of its node.
    """

    connect: float = 10
    ping: float = 60
    read: float = 180
    table: float = 300
    changes: float = 900
    metadata: float = 300
    write: float = 180
    confirm: float = 30

    def of(self, kind: Kind) -> float:
        """Seconds for a request of this kind."""
        return float(getattr(self, kind))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Settings of one base. ``url`` is that of the publication or of its ``odata/standard.odata``.

    ``concurrency``: requests at once, over all clients of this process; never above the publication's poolSize, for
    each may take a licence. ``ca``: a file of certificates to trust besides the usual ones. ``max_url``: characters of
    path and query that the web server takes. ``max_answer_bytes``: what one answer may have that is read into memory,
    ``max_kept_bytes``: one that is read into a file (a table, a packet of changes). ``zone``: of the base's clock.
    Raises ConfigError E838 for what cannot be right.
    """

    url: str
    login: str = ""
    password: str = field(default="", repr=False)
    zone: str = "Europe/Moscow"
    ca: Path | None = None
    proxy: str | None = field(default=None, repr=False)
    concurrency: int = 2
    session: SessionMode = "automatic"
    allowed_only: bool = False
    format: Format = "nometadata"
    max_url: int = MAX_URL
    max_answer_bytes: int = MAX_ANSWER_BYTES
    max_kept_bytes: int = MAX_KEPT_BYTES
    timeouts: Timeouts = field(default_factory=Timeouts)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            _refuse(
                tr("the address must begin with http:// or https://", "адрес должен начинаться с http:// или https://")
            )
        if parts.username is not None or parts.password is not None:
            _refuse(tr("login and password do not belong into the address", "имени и паролю не место в адресе"))
        if parts.query or parts.fragment:
            _refuse(tr("the address has no query", "в адресе не бывает параметров"))
        if ":" in self.login:
            _refuse(tr("a login with a colon cannot be sent", "имя с двоеточием нельзя передать"))
        if not 1 <= self.concurrency <= 64:
            _refuse(tr("concurrency must be 1 to 64", "concurrency должна быть от 1 до 64"))
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            _refuse(tr(f"{self.zone!r} is no time zone", f"{self.zone!r} — не часовой пояс"))

    @property
    def root(self) -> str:
        """The address of the service, without a slash at its end."""
        url = self.url.rstrip("/")
        return url if url.endswith(f"/{SERVICE}") else f"{url}/odata/{SERVICE}"

    @property
    def clock(self) -> ZoneInfo:
        """The zone in which the base tells times."""
        return ZoneInfo(self.zone)


def configured(
    address: str, settings: Mapping[str, Any], password: str | None, *, zone: str, concurrency: int, seconds: float
) -> Endpoint:
    """An endpoint as it is stored: ``settings`` may have login, ca, proxy, session, format, allowed_only, max_url,
    max_answer_bytes, max_kept_bytes.

    ``seconds`` is the time for a read or a write of an order; tables, changes and metadata keep their longer ones.
    Raises ConfigError E838.
    """
    session: SessionMode = _one_of(settings, "session", get_args(SessionMode)) or "automatic"
    format_: Format = _one_of(settings, "format", get_args(Format)) or "nometadata"
    return Endpoint(
        address, str(settings.get("login") or ""), password or "", zone,
        ca=Path(settings["ca"]) if settings.get("ca") else None, proxy=settings.get("proxy") or None,
        concurrency=concurrency, session=session, format=format_,
        allowed_only=bool(settings.get("allowed_only")), max_url=int(settings.get("max_url") or MAX_URL),
        max_answer_bytes=int(settings.get("max_answer_bytes") or MAX_ANSWER_BYTES),
        max_kept_bytes=int(settings.get("max_kept_bytes") or MAX_KEPT_BYTES),
        timeouts=Timeouts(read=seconds, write=seconds),
    )  # fmt: skip


def _one_of(settings: Mapping[str, Any], name: str, known: Sequence[str]) -> Any:
    value = settings.get(name)
    if value and value not in known:
        listed = ", ".join(known)
        _refuse(tr(f"{name} is one of {listed}, not {value!r}", f"{name} — одно из {listed}, а не {value!r}"))
    return value


def _refuse(detail: str) -> None:
    raise ConfigError("E838", detail=detail)
