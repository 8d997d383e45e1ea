"""Settings: environment over file over defaults. A typo is an error that names the place, never a silence.

The file is ``SYNCD_CONFIG``, else ``config/syncd.yaml`` here, else ``/etc/syncd/syncd.yaml``; without any the defaults
hold. Environment names are ``SYNCD_`` and the key, sections joined by two underscores: ``SYNCD_API__PORT``.
What each key means is written in ``config/syncd.yaml``.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from platformdirs import user_data_path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
)
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

from syncd.errors import ConfigError
from syncd.i18n import tr
from syncd.schedules.settings import DEFAULTS, Schedule, with_defaults
from syncd.yamlfile import Document, said

FILES = (Path("config/syncd.yaml"), Path("/etc/syncd/syncd.yaml"))
PREFIX = "SYNCD_"
ELSEWHERE = {"SYNCD_CONFIG"}  # read before there are settings


def _scheme(*allowed: str) -> AfterValidator:
    def check(url: str) -> str:
        if url.partition("://")[0] not in allowed:
            one_of = ", ".join(f"{name}://" for name in allowed)
            raise ValueError(tr(f"must begin with one of {one_of}", f"должно начинаться с одного из {one_of}"))
        return url

    return AfterValidator(check)


def _expanded(path: Path) -> Path:
    return path.expanduser()


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(tr(f"{name!r} is no time zone", f"{name!r} — не часовой пояс")) from error
    return name


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Log(_Section):
    """How syncd writes its log."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Api(_Section):
    """Where the HTTP API, the exchange and the console listen."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    threads: int = Field(default=16, ge=1, le=256)


class Worker(_Section):
    """The process that imports and delivers. Times in seconds."""

    threads: int = Field(default=2, ge=1, le=64)
    poll_seconds: float = Field(default=1.0, gt=0, le=60)
    lease_seconds: float = Field(default=20, ge=5, le=3600)
    delivery_threads: int = Field(default=8, ge=1, le=256)
    pull_threads: int = Field(default=2, ge=1, le=64)


class Delivery(_Section):
    """How patient the delivery of orders is. Times in seconds; see ``syncd.queue.policy``."""

    attempts: int = Field(default=8, ge=1, le=1000)
    delays_seconds: tuple[Annotated[float, Field(ge=0, le=86_400)], ...] = Field(
        default=(5, 30, 120, 600, 1800, 3600), min_length=1
    )
    away_seconds: float = Field(default=5, ge=0, le=3600)
    looks_seconds: tuple[Annotated[float, Field(ge=0, le=86_400)], ...] = Field(default=(2, 10, 30), min_length=1)


class Health(_Section):
    """How the infobases we call are asked whether they are well. Times in seconds."""

    interval_seconds: float = Field(default=30, ge=1, le=86_400)
    down_interval_seconds: float = Field(default=15, ge=1, le=86_400)
    locked_interval_seconds: float = Field(default=120, ge=120, le=86_400)
    timeout_seconds: float = Field(default=60, ge=1, le=600)
    down_after: int = Field(default=3, ge=1, le=100)
    up_after: int = Field(default=2, ge=1, le=100)
    slow_seconds: float = Field(default=10, gt=0, le=600)


class Exchange(_Section):
    """The CommerceML exchange in which 1C calls us."""

    file_limit_bytes: int = Field(default=10_485_760, ge=65_536, le=1_073_741_824)
    zip: bool = True
    session_hours: float = Field(default=24, gt=0, le=720)
    idle_import_seconds: float = Field(default=60, ge=1, le=86_400)
    progress_hold_seconds: float = Field(default=10, ge=0, le=60)
    max_upload_mb: int = Field(default=4096, ge=1)
    order_requisites: dict[str, list[str]] = Field(default_factory=dict)
    orders_mapping: Annotated[Path, AfterValidator(_expanded)] | None = None
    listen_seconds: float = Field(default=55, ge=0, le=120)
    poison_after: int = Field(default=3, ge=1, le=100)


class Imports(_Section):
    """How a package changes what is stored."""

    prices: Literal["replace", "keep"] = "replace"
    stocks: Literal["replace", "keep"] = "replace"
    skip_unchanged: bool = True
    unflagged_is_full: bool = False
    run_quiet_seconds: float = Field(default=1800, ge=1, le=86_400)
    removal_limit_percent: float = Field(default=20, ge=0, le=100)
    removal_limit_records: int = Field(default=50, ge=0)
    attempts: int = Field(default=5, ge=1, le=100)


class Journal(_Section):
    """How long the history of exchanges is kept."""

    keep_days: int = Field(default=90, ge=1)


class Settings(BaseSettings):
    """Everything that can be set. Made by ``load``; a plain ``Settings()`` has environment and defaults only."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True
    )

    database_url: Annotated[str, _scheme("postgresql", "postgres")] | None = None
    redis_url: Annotated[str, _scheme("redis", "rediss", "unix")] | None = None
    home: Annotated[Path, AfterValidator(_expanded)] = Field(default_factory=lambda: user_data_path("syncd"))
    lang: Literal["ru", "en"] | None = None
    zone: Annotated[str, AfterValidator(_zone)] = "Europe/Moscow"
    secret_key: SecretStr | None = None
    log: Log = Log()
    api: Api = Api()
    worker: Worker = Worker()
    delivery: Delivery = Delivery()
    health: Health = Health()
    exchange: Exchange = Exchange()
    imports: Imports = Imports()
    journal: Journal = Journal()
    schedules: Annotated[dict[str, Schedule], BeforeValidator(with_defaults)] = Field(
        default_factory=lambda: {name: Schedule.model_validate(one) for name, one in DEFAULTS.items()}
    )

    _lines: dict[str, str] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment stands above the file, whose values come as arguments."""
        return env_settings, init_settings


def load(path: Path | None = None) -> Settings:
    """Read the settings. Raises ConfigError: E401 unknown key, E402 not a readable YAML file, E406 wrong value."""
    for problem in _unknown_variables():
        raise problem
    found = path or _chosen_file()
    document = _read(found) if found else Document()
    for problem in document.problems:
        raise problem
    settings = _validated(document)
    settings._lines.update(document.lines)
    return settings


def problems(path: Path | None = None) -> list[ConfigError]:
    """Everything that is wrong with the settings, where ``load`` stops at the first; none when it succeeds."""
    found = path or _chosen_file()
    wrong = list(_unknown_variables())
    try:
        document = _read(found) if found else Document()
    except ConfigError as error:
        return [*wrong, error]
    wrong += document.problems
    try:
        _validated(document)
    except ConfigError as error:
        wrong += getattr(error.__cause__, "exceptions", None) or [error]
    return wrong


def chosen_file() -> Path | None:
    """The file the settings come from; ``None`` when there is none."""
    return _chosen_file()


def _validated(document: Document) -> Settings:
    try:
        return Settings.model_validate(document.values)
    except ValidationError as error:
        wrong = [_wrong_value(found, document) for found in error.errors()]
        raise wrong[0] from ExceptionGroup("settings", wrong)
    except SettingsError as error:  # a section given as text that is not JSON
        name = re.search(r'field "(\w+)"', str(error))
        key = f"{PREFIX}{name[1].upper()}" if name else PREFIX
        en, ru = "is a section: set its keys one by one", "это раздел: задавайте его ключи по одному"
        raise ConfigError("E406", key=key, detail=tr(f"{en}, {key}__…", f"{ru}, {key}__…")) from None


def explain(settings: Settings) -> list[tuple[str, str, str]]:
    """Every key with its value in force and where that comes from; passwords in URLs are masked."""
    found = []
    for key, value in _flat(settings.model_dump()):
        variable = _variable(key)
        section = _variable(key.partition(".")[0])
        if os.environ.get(variable):
            origin = f"env {variable}"
        elif "." in key and os.environ.get(section):
            origin = f"env {section}"
        else:
            origin = settings._lines.get(key, "default")
        found.append((key, masked("" if value is None else str(value)), origin))
    return found


def masked(url: str) -> str:
    """A URL without its password."""
    url = re.sub(r"(://[^/@:\s]*):[^/\s]*@", r"\1:***@", url)
    return re.sub(r"([?&](?:password|sslpassword)=)[^&\s]*", r"\1***", url)


# --- the file ------------------------------------------------------------------------------------------------------


def _read(path: Path) -> Document:
    return Document.read(path, Settings, lambda key, _model: _hint(key))


def _chosen_file() -> Path | None:
    chosen = os.environ.get("SYNCD_CONFIG")
    return Path(chosen).expanduser() if chosen else next((path for path in FILES if path.is_file()), None)


# --- what is wrong -------------------------------------------------------------------------------------------------


def _keys() -> list[str]:
    return [key for key, _ in _flat(Settings.model_construct().model_dump())]


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _variable(key: str) -> str:
    return PREFIX + key.replace(".", "__").upper()


def _hint(key: str) -> str:
    """The nearest key there is: the same word in another section, or one spelt alike."""
    keys = _keys()
    section, _, word = key.rpartition(".")
    inside = [name for name in keys if name.rpartition(".")[0] == section]
    same = [name for name in keys if name.rpartition(".")[2] == word]
    near = same or difflib.get_close_matches(key, [*inside, *Settings.model_fields], 1)
    near = near or difflib.get_close_matches(key, keys, 1)
    return tr(f" Did you mean {near[0]}?", f" Возможно, {near[0]}?") if near else ""


def _unknown_variables() -> Iterator[ConfigError]:
    known = {_variable(key): key for key in _keys()} | {_variable(name): name for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known and name not in ELSEWHERE:
            near = difflib.get_close_matches(name, known, 1)
            hint = tr(f"; did you mean {near[0]}?", f"; возможно, {near[0]}?") if near else ""
            yield ConfigError("E406", key=name, detail=tr("there is no such setting", "такой настройки нет") + hint)


def _wrong_value(error: ErrorDetails, document: Document) -> ConfigError:
    key = ".".join(str(part) for part in error["loc"] if not str(part).startswith(("function-", "constrained-")))
    variable = _variable(key)
    where = variable if os.environ.get(variable) else document.lines.get(key, "?")
    given = "" if key.endswith(("_url", "_key")) else tr(f", not {error['input']!r}", f", а не {error['input']!r}")
    return ConfigError("E406", key=key, detail=f"{said(error)}{given} ({where})")
