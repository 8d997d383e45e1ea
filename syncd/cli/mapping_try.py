"""``syncd mapping preview`` and ``diff``: a mapping tried on records, of a file or of the base itself."""

from __future__ import annotations

import json
from collections.abc import Mapping as Map
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from syncd.cli import mapping_show as show
from syncd.cli.mapping_base import Live, any_mapping, endpoint_option, good_mapping, live
from syncd.cli.metadata import base_option, chosen_base
from syncd.cli.output import Column, Format, emit, output_option, safe, talk
from syncd.cli.runtime import settings, tenant_option
from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings.compare import compare
from syncd.mappings.compare import effects as effects_on
from syncd.mappings.compiled import Cell, CompiledSource, compile_mapping
from syncd.mappings.loading import Mapping
from syncd.sync.mapping_effects import Effect, effects, title_of
from syncd.sync.mapping_samples import Seen, key_property

LIMIT: Final = 200
_JSON: Final = click.File("r", encoding="utf-8-sig")


@click.command()
@click.argument("path", metavar="MAPPING")
@click.option("--section", "-s", help="Section, such as products or prices.retail / раздел")
@click.option("--record", "-r", type=_JSON,
              help="JSON of the record as 1C gives it; - for stdin / JSON записи из 1С; - из stdin")  # fmt: skip
@click.option("--lookups", "-l", type=_JSON,
              help="JSON of what via finds: {set: {id: record}} / JSON того, что найдёт via")  # fmt: skip
@endpoint_option
@click.option("--id", "ids", multiple=True, metavar="GUID",
              help="With --endpoint: this record / запись с этой ссылкой")  # fmt: skip
@click.option("--sample", type=click.IntRange(1, 100), default=1, show_default=True,
              help="With --endpoint: the first records / сколько первых записей")  # fmt: skip
@base_option
@output_option
def preview(
    path: str, section: str | None, record: Any, lookups: Any, endpoint: str | None, ids: tuple[str, ...], sample: int,
    base: str | None, metadata: Path | None, tenant: str, output: Format,
) -> None:  # fmt: skip
    """Show source, rule and result field by field / показать по полям источник, правило и результат.

    Of records in a file (--record), or of the base itself (--endpoint), references looked up there.
    Для записей из файла (--record) или из самой базы (--endpoint), вместе со ссылками.

    MAPPING is a file, a preset, or NAME of a published one. / MAPPING — файл, заготовка или ИМЯ опубликованного.
    """
    if (record is None) == (endpoint is None):
        raise click.UsageError(tr("Say what to look at: --record FILE, or --endpoint NAME.",
                                  "Укажите, что показать: --record ФАЙЛ или --endpoint ИМЯ."))  # fmt: skip
    found = good_mapping(path, tenant=tenant)
    if endpoint is not None:
        with live(endpoint, tenant) as there:
            show.previews(_live(there, found, section, ids, sample), output)
        return
    books: dict[str, dict[str, Any]] = json.load(lookups, parse_float=Decimal) if lookups else {}

    def lookup(set_: str, key: str) -> Any:
        return books.get(set_, {}).get(key)

    made = compile_mapping(found, _zone(), lookup, chosen_base(base, metadata, tenant))
    chosen = _chosen({source.label: source for source in made}, section)
    for row in _records(record.read()):
        show.preview(chosen.preview(row), output)


def _live(
    there: Live, found: Mapping, section: str | None, ids: tuple[str, ...], sample: int
) -> list[tuple[str, list[Cell]]]:  # fmt: skip
    seen = Seen.through(there.client, found, ZoneInfo(there.endpoint.zone), there.base)
    source = _chosen(seen.sources, section)
    rows = seen.rows(source.query, ids=ids, key=key_property(source), most=sample)
    if not rows:
        detail = tr(f"asked {source.query.resource}", f"спрошено {source.query.resource}")
        raise MappingError("E752", section=source.label, detail=", ".join([detail, source.query.filter, *ids]))
    return [(_title(source, row), seen.preview(source, row)) for row in rows]


def _title(source: CompiledSource, row: Map[str, Any]) -> str:
    left = "" if source.when is None or source.when(row) else tr("left out by when", "исключена условием when")
    key = str(row.get("Ref_Key") or "")
    return "  ".join(part for part in dict.fromkeys((source.label, title_of(row), key, left)) if part)


def _chosen(sources: dict[str, CompiledSource], section: str | None) -> CompiledSource:
    """The source a word means; the first one without a word."""
    known = [label for label in sources if section in {None, label, label.partition(".")[0]}]
    if not known:
        listed = ", ".join(sources)
        raise click.UsageError(tr(f"Choose --section from: {listed}", f"Укажите --section из: {listed}"))
    return sources[known[0]]


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--record", "-r", type=_JSON,
              help="JSON records: what changes in them / JSON записей: что в них изменится")  # fmt: skip
@click.option("--section", "-s", help="Section of the records / раздел записей")
@endpoint_option
@click.option("-n", "--limit", type=click.IntRange(1, 100_000), default=LIMIT, show_default=True,
              help="With --endpoint: stored records to try / сколько записей проверить")  # fmt: skip
@tenant_option
@output_option
def diff(
    old: str, new: str, record: Any, section: str | None, endpoint: str | None, limit: int, tenant: str, output: Format
) -> None:
    """What differs between two mappings / чем отличаются два маппинга.

    Each is a file, a preset, or NAME of a published one, NAME@VERSION for an earlier version. With --endpoint stored
    records are tried: how many change, and which fields.
    Каждый — файл, заготовка, ИМЯ опубликованного или ИМЯ@ВЕРСИЯ. С --endpoint проверяются сохранённые записи: сколько
    изменится и какие поля.
    """
    before, after = any_mapping(old, tenant), any_mapping(new, tenant)
    if endpoint is not None:
        good_mapping(new, tenant=tenant)
        with live(endpoint, tenant) as there:
            _stored(there, before, after, section, limit, output)
        return
    if record is not None:
        rows = effects_on(before, after, section or "", _records(record.read()), _zone())
        columns = [Column("record", tr("record", "запись")), Column("field", tr("field", "поле")),
                   Column("before", tr("before", "было")), Column("after", tr("after", "станет"))]  # fmt: skip
        emit(rows, columns, output, empty=tr("No record changes.", "Записи не изменятся."))
        return
    columns = [Column("path", tr("rule", "правило")), Column("before", tr("before", "было")),
               Column("after", tr("after", "станет")), Column("place", tr("where", "где"))]  # fmt: skip
    emit(compare(before, after), columns, output, empty=tr("They say the same.", "Они говорят одно и то же."))


def _stored(there: Live, before: Mapping, after: Mapping, section: str | None, limit: int, output: Format) -> None:
    zone = ZoneInfo(there.endpoint.zone)
    old, new = (Seen.through(there.client, one, zone, there.base) for one in (before, after))
    found = effects(there.ctx.db, there.endpoint.tenant, old, new, limit=limit, section=section)
    if output != "table":
        emit([_effect_row(effect) for effect in found], [], output)
        return
    rows = [
        {"section": effect.section, **asdict(change), "count": f"{change.count}/{effect.tried}"}
        for effect in found for change in effect.fields.values()
    ]  # fmt: skip
    columns = [Column("section", tr("section", "раздел")), Column("field", tr("field", "поле")),
               Column("count", tr("records", "записей")), Column("record", tr("for example", "например")),
               Column("before", tr("before", "было")), Column("after", tr("after", "станет"))]  # fmt: skip
    emit(rows, columns, output, empty=tr("No stored record changes.", "Сохранённые записи не изменятся."))
    for effect in found:
        if effect.tried:
            talk.print(safe(_sum(effect)))


def _effect_row(effect: Effect) -> dict[str, Any]:
    return {**asdict(effect), "fields": [asdict(change) for change in effect.fields.values()]}


def _sum(effect: Effect) -> str:
    said = tr(f"{effect.section}: {effect.changed} of {effect.tried} change",
              f"{effect.section}: изменится {effect.changed} из {effect.tried}")  # fmt: skip
    if effect.left_out:
        said += tr(f", {effect.left_out} would be left out", f", пропадёт {effect.left_out}")
    if effect.taken_in:
        said += tr(f", {effect.taken_in} would come in", f", появится {effect.taken_in}")
    return said


def _records(text: str) -> list[dict[str, Any]]:
    """Records as 1C gives them: one, a list, or an answer with ``value``; numbers stay exact."""
    try:
        found = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise MappingError("E702", place=f"JSON:{error.lineno}:{error.colno}", detail=error.msg) from error
    if isinstance(found, dict):
        found = found.get("value", found) if isinstance(found.get("value"), list) else [found]
    return [row for row in found if isinstance(row, dict)]


def _zone() -> ZoneInfo:
    return ZoneInfo(settings().zone)
