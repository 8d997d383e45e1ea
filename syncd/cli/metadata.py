"""``syncd metadata``: what a base publishes over OData: keep it, look through it, see what an update changed."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from syncd.adapters.odata import describe
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint
from syncd.cli.codes import CHECK_FAILED
from syncd.cli.metadata_watching import tell, watch
from syncd.cli.output import Column, Format, emit, moment, os_user, output_option, safe, talk
from syncd.cli.runtime import database, settings, tenant_option
from syncd.errors import ConfigError, MappingError
from syncd.i18n import tr
from syncd.mappings.check import check
from syncd.mappings.loading import Mapping
from syncd.mappings.metadata import Metadata
from syncd.mappings.metadata_reader import read
from syncd.mappings.metadata_search import LIMIT, kind_of
from syncd.mappings.metadata_search import diff as differences
from syncd.mappings.metadata_search import search as find
from syncd.mappings.words import hint
from syncd.store import mapping_files, mappings
from syncd.store.db import Conn
from syncd.sync import metadata_watch
from syncd.sync.metadata_watch import Fetched, Looked

Function = TypeVar("Function", bound=Callable[..., Any])
FILE: Final = click.Path(path_type=Path, dir_okay=False)
_GZIP: Final = b"\x1f\x8b"


def base_option(function: Function) -> Function:
    """``--base`` or ``--metadata``: what a mapping is held against; and ``--tenant``."""
    options = (
        click.option("--base", help="Base whose metadata was pulled / база, чьи метаданные получены"),
        click.option("--metadata", type=FILE, help="File with $metadata / файл с $metadata"),
        tenant_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


def chosen_base(base: str | None, metadata: Path | None, tenant: str) -> Metadata | None:
    """The metadata of the options; ``None`` where neither is given. Raises ``MappingError`` E732, E748."""
    if metadata is not None:
        return from_file(metadata)
    return kept(base, tenant) if base is not None else None


def from_file(path: Path) -> Metadata:
    """Metadata in a file, plain or packed with gzip. Raises ``MappingError`` E732."""
    try:
        with path.open("rb") as stream:
            packed = stream.read(2) == _GZIP
            stream.seek(0)
            if not packed:
                return read(stream)
            with gzip.open(stream) as inner:
                return read(inner)
    except OSError as error:
        raise MappingError("E732", detail=f"{path}: {error.strerror or error}") from error


def kept(word: str, tenant: str) -> Metadata:
    """Metadata that was pulled: NAME, or NAME@HASH for an earlier state. Raises ``MappingError`` E748."""
    name, _, hash_ = word.partition("@")
    with database() as db, db.transaction() as conn:
        found = mappings.metadata_of(conn, tenant, name, hash_)
    if found is None:
        raise MappingError("E748", name=name, version=f" ({hash_})" if hash_ else "")
    return found


@click.group()
def metadata() -> None:
    """What a base publishes over OData / что база публикует через OData."""


metadata.add_command(watch)


@metadata.command("pull")
@click.argument("source")
@click.option("--base", required=True, help="Name of the base / имя базы")
@click.option("--login", default="", help="Login, for an address / логин, если SOURCE — адрес")
@click.option("--password-stdin", is_flag=True, help="Read the password from stdin / прочитать пароль из stdin")
@tenant_option
def pull(source: str, base: str, login: str, password_stdin: bool, tenant: str) -> None:
    """Keep the $metadata of a base / сохранить $metadata базы.

    SOURCE is the address of the publication (http://server/trade), or a file saved from its $metadata page.
    SOURCE — адрес публикации (http://server/trade) или файл, сохранённый с её страницы $metadata.
    """
    settings()  # the log is quiet from here on
    made = _from_base(source, login, password_stdin) if "://" in source else from_file(Path(source))
    with database() as db, db.transaction() as conn:
        before = mappings.metadata_of(conn, tenant, base)
        mappings.keep_metadata(conn, tenant, base, made, source=_bare(source), by=os_user())
        published = mappings.current(conn, tenant, base)
        looked = _judged(conn, tenant, base, Fetched(made, before), _bare(source))
    objects = sum(1 for _ in made.objects())
    talk.print(tr(f"{base}: {objects} sets, {made.hash[:12]}", f"{base}: наборов {objects}, {made.hash[:12]}"))
    for each in looked:
        tell(each)
    if any(each.broken for each in looked):
        raise SystemExit(CHECK_FAILED)
    if before is None or before.hash == made.hash:
        return
    talk.print(tr(f"Changes since the last state: {len(differences(before, made))}",
                  f"Изменений с прошлого раза: {len(differences(before, made))}"))  # fmt: skip
    broken = [] if published is None or looked else breaks(published.mapping(), before, made)
    for problem in broken:
        talk.print(f"[bold red]{problem.code}[/] {safe(problem.text())}")
    if broken:
        raise SystemExit(CHECK_FAILED)


def _judged(conn: Conn, tenant: str, base: str, found: Fetched, source: str) -> list[Looked]:
    """The mappings in force of the endpoints of this base, held against what was pulled: journal, issues and events
    follow.
    """
    looked = []
    for endpoint in metadata_watch.watched(conn, tenant, base):
        with suppress(ConfigError):  # E850: it has no mapping yet
            looked.append(metadata_watch.judge(conn, endpoint, found, by=os_user(), source=source))
    return looked


def _from_base(url: str, login: str, password_stdin: bool) -> Metadata:
    password = sys.stdin.readline().rstrip("\n") if password_stdin else ""
    with Client(Endpoint(url=url, login=login, password=password)) as client:
        return describe.metadata(client)


def _bare(source: str) -> str:
    """Where it came from, without what an address may hold of a login; of a file its name."""
    if "://" not in source:
        return Path(source).name
    scheme, _, rest = source.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def breaks(found: Mapping, before: Metadata, after: Metadata) -> list[MappingError]:
    """What of a mapping fitted a base before a change and does not after it."""
    known = {(str(problem.params["place"]), problem.code) for problem in check(found, before)}
    return [p for p in check(found, after) if (str(p.params["place"]), p.code) not in known]


@metadata.command("show")
@click.argument("name", required=False)
@base_option
@output_option
def show(name: str | None, base: str | None, metadata: Path | None, tenant: str, output: Format) -> None:
    """Properties, tabular sections and tables of a set; without one the states kept / реквизиты набора."""
    made = chosen_base(base, metadata, tenant)
    if made is None or name is None:
        _history(base, tenant, output)
        return
    set_, _, section = name.partition("/")
    shape = made.shape(set_)
    if shape is None:
        raise MappingError("E721", place="$metadata", key=name, hint=hint(name, made.sets))
    virtual = made.virtual(set_, section) if section else None
    inner = virtual[1] if virtual else (made.rows(shape, section) if section else shape)
    if inner is None:
        known = [*shape.sections, *made.calls(set_)]
        raise MappingError("E724", place="$metadata", of=set_, key=section, hint=hint(section, known))
    rows = [
        {"name": p.name, "type": kind_of(inner, p.name), "key": p.name in inner.key, "length": p.length}
        for p in inner.properties.values()
    ]
    rows += [
        {
            "name": f"/{f.name}",
            "type": ", ".join(parameter for parameter, _ in f.parameters),
            "key": False,
            "length": None,
        }
        for f in (made.calls(set_).values() if not section else ())
    ]
    columns = [Column("name", tr("name", "имя")), Column("type", tr("type", "тип")),
               Column("key", tr("key", "ключ"), lambda value: "✓" if value else ""),
               Column("length", tr("length", "длина"), lambda value: str(value or ""))]  # fmt: skip
    emit(rows, columns, output)


def _history(base: str | None, tenant: str, output: Format) -> None:
    with database() as db, db.transaction() as conn:
        found = mappings.metadata_history(conn, tenant, base)
    rows = [{"base": k.name, "hash": k.hash[:12], "at": k.at, "source": k.source, "by": k.by} for k in found]
    columns = [
        Column("base", tr("base", "база")), Column("hash", "hash"), Column("at", tr("kept", "сохранено"), moment),
        Column("source", tr("source", "откуда")), Column("by", tr("by", "кем")),
    ]  # fmt: skip
    emit(rows, columns, output, empty=tr("Nothing was pulled yet.", "Ещё ничего не получено."))


@metadata.command("search")
@click.argument("words", nargs=-1, required=True)
@click.option("-n", "--limit", default=LIMIT, show_default=True, help="How many / сколько")
@base_option
@output_option
def search(
    words: tuple[str, ...], limit: int, base: str | None, metadata: Path | None, tenant: str, output: Format
) -> None:
    """Find sets and properties by words: номенклатура вид / найти наборы и реквизиты по словам."""
    made = chosen_base(base, metadata, tenant)
    if made is None:
        raise click.UsageError(tr("Add --base NAME or --metadata FILE.", "Добавьте --base ИМЯ или --metadata ФАЙЛ."))
    hits = find(made, " ".join(words), limit=limit)
    rows = [{"kind": hit.kind, "name": hit.path, "of": hit.of, "type": hit.type} for hit in hits]
    columns = [Column("name", tr("name", "имя")), Column("of", tr("in", "где")), Column("type", tr("type", "тип")),
               Column("kind", tr("what", "что"), _kind)]  # fmt: skip
    emit(rows, columns, output)


def _kind(value: object) -> str:
    words = {
        "set": tr("set", "набор"), "section": tr("tabular section", "табличная часть"),
        "property": tr("property", "реквизит"), "table": tr("virtual table", "виртуальная таблица"),
        "enum": tr("enumeration", "перечисление"),
    }  # fmt: skip
    return words.get(str(value), str(value))


@metadata.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--mapping", "mapping_", type=FILE, help="Mapping: tell what it breaks; exit code 7 / что сломается")
@tenant_option
@output_option
def diff(old: str, new: str, mapping_: Path | None, tenant: str, output: Format) -> None:
    """What an update of a configuration changed / что изменило обновление конфигурации.

    OLD and NEW are files, NAME of a base or NAME@HASH. / OLD и NEW — файлы, ИМЯ базы или ИМЯ@HASH.
    """
    before, after = (from_file(Path(w)) if Path(w).is_file() else kept(w, tenant) for w in (old, new))
    if mapping_ is not None:
        broken = breaks(mapping_files.load(mapping_), before, after)
        rows = [{"code": p.code, "message": p.text()} for p in broken]
        columns = [Column("code", tr("code", "код")), Column("message", tr("what breaks", "что сломается"))]
        emit(rows, columns, output, empty=tr("The mapping still fits.", "Маппинг по-прежнему подходит."))
        if broken:
            raise SystemExit(CHECK_FAILED)
        return
    rows = [{"path": c.path, "before": c.before, "after": c.after} for c in differences(before, after)]
    columns = [Column("path", tr("what", "что")), Column("before", tr("before", "было")),
               Column("after", tr("after", "стало"))]  # fmt: skip
    emit(rows, columns, output, empty=tr("Nothing changed.", "Ничего не изменилось."))
