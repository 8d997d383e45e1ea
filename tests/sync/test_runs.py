"""Full exports through the exchange: what they remove, and what they must never remove."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from syncd.config import Exchange, Imports, Settings
from syncd.errors import Refused
from syncd.store import runs, uploads
from syncd.store.db import Row
from syncd.store.packages import PackageFile, create
from syncd.sync import removals
from tests.api.site import OneC, Site, running

BROKEN = b'<?xml version="1.0" encoding="UTF-8"?>\n<\xd0\x9a>'


def chosen(**imports: object) -> Settings:
    return Settings(
        exchange=Exchange(progress_hold_seconds=0),
        imports=Imports.model_validate({"run_quiet_seconds": 1800, **imports}),
    )


@pytest.fixture
def site(database_url: str) -> Iterator[Site]:
    with running(database_url, chosen()) as found:
        yield found


def goods(
    ids: Sequence[int], *, full: bool | None, catalogue: str = "c1", version: str = "2.07", name: str = "Товар"
) -> bytes:
    flag = "" if full is None else f' СодержитТолькоИзменения="{str(not full).lower()}"'
    body = "".join(f"<Товар><Ид>{catalogue}-p{n}</Ид><Наименование>{name} {n}</Наименование></Товар>" for n in ids)
    return _document(
        f"<Каталог{flag}><Ид>{catalogue}</Ид><Наименование>К</Наименование><Товары>{body}</Товары></Каталог>", version
    )


def offers(ids: Sequence[int], *, full: bool, catalogue: str = "c1", named: bool = True, price: int = 10) -> bytes:
    name = "<Наименование>П</Наименование>" if named else ""
    body = "".join(
        f"<Предложение><Ид>{catalogue}-p{n}</Ид>{name}<Цены><Цена><ИдТипаЦены>t</ИдТипаЦены>"
        f"<ЦенаЗаЕдиницу>{price}</ЦенаЗаЕдиницу><Валюта>руб</Валюта></Цена></Цены></Предложение>"
        for n in ids
    )
    return _document(
        f'<ПакетПредложений СодержитТолькоИзменения="{str(not full).lower()}"><Ид>{catalogue}#</Ид>'
        f"<ИдКаталога>{catalogue}</ИдКаталога><Предложения>{body}</Предложения></ПакетПредложений>",
        "2.07",
    )


def _document(inner: str, version: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<КоммерческаяИнформация ВерсияСхемы="{version}">{inner}'
        "</КоммерческаяИнформация>"
    ).encode()


def active(site: Site, table: str = "products") -> set[str]:
    return {row["id"] for row in site.rows(f"SELECT id FROM {table} WHERE deleted_at IS NULL")}


def ids(numbers: Sequence[int], catalogue: str = "c1") -> set[str]:
    return {f"{catalogue}-p{n}" for n in numbers}


def silence(site: Site) -> int:
    """Nothing is heard for an hour: every clock is set back; then the workers decide."""
    hour = "interval '1 hour'"
    for table, columns in {
        "export_run": ["updated_at", "created_at"], "exchange_session": ["seen_at"], "upload": ["updated_at"],
        "package": ["created_at", "finished_at"],
    }.items():  # fmt: skip
        for column in columns:
            with site.ctx.db.transaction() as conn:
                conn.execute(f"UPDATE {table} SET {column} = {column} - {hour}".encode())
    return removals.settle(site.ctx)


def run_of(site: Site) -> Row:
    return site.row("SELECT * FROM export_run WHERE kind <> 'request' ORDER BY first_seq DESC, created_at DESC LIMIT 1")


def complete(onec: OneC, mode: str = "complete") -> int:
    onec.checkauth()
    assert onec.ask(f"type=catalog&mode={mode}").text.startswith("success")
    onec.site.work()
    return removals.settle(onec.site.ctx)


def cli_import(site: Site, *documents: tuple[str, bytes]) -> None:
    with site.ctx.db.transaction() as conn:
        files = [
            PackageFile(name, uploads.store(conn, "default", name, [data], type_="catalog")) for name, data in documents
        ]
        create(conn, "default", files, source="cli", lane="catalog")
    site.work()


def test_nothing_of_a_portioned_full_export_is_removed_after_its_first_portion(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(6), full=True))
    complete(onec)
    onec.push("import0_1.xml", goods([0, 1], full=True))
    removals.settle(site.ctx)
    assert active(site) == ids(range(6))
    onec.push("import0_2.xml", goods([2, 3, 4], full=False))
    assert complete(onec) == 2  # the request and the run
    assert active(site) == ids(range(5))


def test_a_run_without_an_end_is_decided_after_a_quiet_period_only(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(4), full=True))
    assert removals.settle(site.ctx) == 0
    assert silence(site) == 1
    onec.push("import0_1.xml", goods(range(3), full=True))
    assert removals.settle(site.ctx) == 0
    assert active(site) == ids(range(4))
    assert silence(site) == 1
    assert active(site) == ids(range(3))


def test_an_open_package_or_a_fresh_session_keeps_a_quiet_run_open(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(4), full=True))
    complete(onec)
    onec.push("import0_1.xml", goods(range(3), full=True))
    onec.begin()
    onec.send("import0_2.xml", goods([3], full=False))
    assert onec.ask("type=catalog&mode=import&filename=import0_2.xml").text.startswith("progress")
    assert silence(site) == 0
    site.work()
    onec.checkauth()
    removals.settle(site.ctx)
    assert active(site) == ids(range(4))


def test_a_failed_portion_leaves_everything_where_it_is_and_says_why(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(6), full=True))
    complete(onec)
    onec.push("import0_1.xml", goods([0, 1], full=True))
    onec.push("import0_2.xml", BROKEN)
    complete(onec)
    assert active(site) == ids(range(6))
    assert run_of(site)["state"] == "abandoned"
    assert site.row("SELECT code FROM journal WHERE kind = 'removal'")["code"] == "E512"


def test_a_failed_portion_that_was_sent_again_does_not_spoil_the_run(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(6), full=True))
    complete(onec)
    onec.push("import0_1.xml", goods([0, 1], full=True))
    onec.push("import0_2.xml", BROKEN)
    onec.push("import0_2.xml", goods([2, 3], full=False))
    complete(onec)
    assert active(site) == ids(range(4))


def test_a_missing_portion_leaves_everything_where_it_is(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(6), full=True))
    complete(onec)
    onec.push("import0_1.xml", goods([0], full=True))
    onec.push("import0_3.xml", goods([3], full=False))
    complete(onec)
    assert active(site) == ids(range(6))
    assert "E513" in site.codes()


def test_a_first_portion_sent_twice_does_not_remove_the_others(site: Site, onec: OneC) -> None:
    for n in (1, 2, 3):
        onec.push(f"import0_{n}.xml", goods([n], full=n == 1))
    complete(onec)
    onec.push("import0_1.xml", goods([1], full=True))
    onec.push("import0_1.xml", goods([1], full=True))  # its answer was lost
    removals.settle(site.ctx)
    assert active(site) == ids([1, 2, 3])
    onec.push("import0_2.xml", goods([2], full=False))
    onec.push("import0_3.xml", goods([3], full=False))
    complete(onec)
    assert active(site) == ids([1, 2, 3])


def test_silence_after_fewer_portions_than_last_time_is_held(site: Site, onec: OneC) -> None:
    for n in (1, 2, 3):
        onec.push(f"import0_{n}.xml", goods([n], full=n == 1))
    complete(onec)
    onec.push("import0_1.xml", goods([1], full=True))
    silence(site)
    assert active(site) == ids([1, 2, 3])
    assert run_of(site)["state"] == "held"
    assert "E514" in site.codes()


def test_a_later_portion_flagged_full_joins_the_run(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(6), full=True))
    complete(onec)
    for n in (1, 2):
        onec.push(f"import0_{n}.xml", goods([n], full=True))
    complete(onec)
    assert active(site) == ids([1, 2])


def test_full_exports_that_follow_each_other_without_a_pause_remove_all_the_same(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(3), full=True))
    onec.push("import0_1.xml", goods(range(2), full=True))
    onec.push("import0_1.xml", goods(range(2), full=True, name="Новое имя"))
    removals.settle(site.ctx)
    assert active(site) == ids(range(2))


@pytest.mark.parametrize("full", [True, False])
def test_a_catalogue_without_goods_empties_nothing(site: Site, onec: OneC, full: bool) -> None:
    onec.push("import0_1.xml", goods(range(4), full=True))
    complete(onec)
    onec.push("import0_1.xml", goods([], full=full))
    complete(onec)
    silence(site)
    assert active(site) == ids(range(4))
    assert site.count("export_run") == 1


def test_a_full_export_of_one_catalogue_leaves_another_alone(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(4), full=True))
    onec.push("import1_1.xml", goods(range(4), full=True, catalogue="c2"))
    complete(onec)
    onec.push("import1_1.xml", goods([0], full=True, catalogue="c2"))
    complete(onec)
    assert active(site) == ids(range(4)) | ids([0], "c2")


def test_what_another_infobase_stated_stays_until_its_own_full_export(site: Site) -> None:
    site.add_infobase(name="second", login="2c")
    first, second = OneC(site), OneC(site, login="2c")
    first.push("import0_1.xml", goods(range(4), full=True))
    complete(first)
    second.push("import0_1.xml", goods([2, 3], full=False))
    first.push("import0_1.xml", goods([0, 1], full=True))
    complete(first)
    assert active(site) == ids(range(4))
    second.push("import0_1.xml", goods([3], full=True))
    complete(second)
    assert active(site) == ids([0, 1, 3])


def test_a_full_export_of_offers_removes_offers_and_no_products(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(4), full=True))
    onec.push("offers0_1.xml", offers(range(4), full=True))
    complete(onec)
    onec.push("offers0_1.xml", offers([0, 1], full=True))
    complete(onec)
    assert active(site) == ids(range(4))
    assert active(site, "offers") == ids([0, 1])


def test_a_full_list_of_prices_alone_removes_no_offer(site: Site, onec: OneC) -> None:
    onec.push("offers0_1.xml", offers(range(4), full=True))
    complete(onec)
    onec.push("prices0_1.xml", offers([0], full=True, named=False))
    complete(onec)
    silence(site)
    assert active(site, "offers") == ids(range(4))


def test_the_offers_of_a_removed_product_go_with_it_and_return_with_it(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(4), full=True))
    onec.push("offers0_1.xml", offers(range(4), full=False))
    complete(onec)
    onec.push("import0_1.xml", goods(range(3), full=True))
    complete(onec)
    assert active(site) == active(site, "offers") == ids(range(3))
    row = site.row("SELECT counters FROM journal WHERE kind = 'removal'")
    assert row["counters"] == {"product": {"read": 4, "removed": 1}, "offer": {"read": 1, "removed": 1}}
    onec.push("import0_1.xml", goods(range(4), full=True))  # the bytes are those of the first time
    onec.push("offers0_1.xml", offers(range(4), full=False))
    complete(onec)
    assert active(site) == active(site, "offers") == ids(range(4))


def test_unchanged_records_count_as_seen(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(4), full=True))
    complete(onec)
    before = site.rows("SELECT id, revision FROM products ORDER BY id")
    onec.push("import0_1.xml", goods(range(4), full=True))
    complete(onec)
    assert site.rows("SELECT id, revision FROM products ORDER BY id") == before
    assert run_of(site)["state"] == "nothing"


def test_deactivate_removes_what_was_not_stated_since_whatever_the_flags(site: Site, onec: OneC) -> None:
    onec.push("import___a.xml", goods(range(4), full=False))
    onec.push("import___b.xml", goods(range(2), full=False, catalogue="c2"))
    silence(site)
    since = int(onec.checkauth()[4].removeprefix("timestamp="))
    onec.push("import___c.xml", goods([0, 1], full=False))
    complete(onec, f"deactivate&timestamp={since}")
    assert active(site) == ids([0, 1]) | ids(range(2), "c2")


def test_deactivate_without_a_timestamp_ends_runs_and_nothing_more(site: Site, onec: OneC) -> None:
    onec.push("import___a.xml", goods(range(4), full=False))
    complete(onec, "deactivate")
    assert active(site) == ids(range(4))
    onec.push("import0_1.xml", goods(range(3), full=True))
    complete(onec, "deactivate")
    assert active(site) == ids(range(3))


@pytest.mark.parametrize("since", ["0", "99999999999", "-5", "rubbish"])
def test_an_impossible_timestamp_removes_nothing(site: Site, onec: OneC, since: str) -> None:
    onec.push("import___a.xml", goods(range(4), full=False))
    complete(onec, f"deactivate&timestamp={since}")
    assert active(site) == ids(range(4))


def test_complete_before_the_import_of_the_last_upload_is_remembered(site: Site, onec: OneC) -> None:
    onec.push("import0_1.xml", goods(range(4), full=True))
    complete(onec)
    onec.begin()
    onec.send("import0_1.xml", goods(range(3), full=True))  # no import is asked for
    onec.ask("type=catalog&mode=complete")
    assert removals.settle(site.ctx) == 0
    site.work()
    removals.settle(site.ctx)
    assert active(site) == ids(range(3))


@pytest.mark.parametrize(("trusted", "version", "left"), [
    (False, "2.03", 4), (True, "2.03", 2), (True, "", 2), (True, "2.05", 4),
])  # fmt: skip
def test_silence_about_full_or_delta_is_a_delta_unless_old_bases_are_trusted(
    database_url: str, trusted: bool, version: str, left: int
) -> None:
    with running(database_url, chosen(unflagged_is_full=trusted)) as site:
        cli_import(site, ("import.xml", goods(range(4), full=None, version=version)))
        cli_import(site, ("import.xml", goods(range(2), full=None, version=version)))
        assert active(site) == ids(range(left))


def test_a_file_from_the_command_line_is_a_whole_run(site: Site) -> None:
    cli_import(site, ("import.xml", goods(range(4), full=True)), ("offers.xml", offers(range(4), full=True)))
    cli_import(site, ("import.xml", goods(range(3), full=True)))
    assert active(site) == active(site, "offers") == ids(range(3))
    row = site.row("SELECT counters FROM package ORDER BY seq DESC LIMIT 1")
    assert row["counters"]["product"]["removed"] == row["counters"]["offer"]["removed"] == 1


def test_a_file_from_the_command_line_with_bad_records_removes_nothing(site: Site) -> None:
    cli_import(site, ("import.xml", goods(range(4), full=True)))
    nameless = goods(range(2), full=True).replace(
        "</Товары>".encode(), "<Товар><Артикул>1</Артикул></Товар></Товары>".encode()
    )
    cli_import(site, ("import.xml", nameless))
    assert active(site) == ids(range(4))


# --- the brake -----------------------------------------------------------------------------------------------------


@pytest.fixture
def braked(database_url: str) -> Iterator[Site]:
    """A site with ten products, and a full export of one of them, held."""
    with running(database_url, chosen(removal_limit_records=5)) as site:
        onec = OneC(site)
        onec.push("import0_1.xml", goods(range(10), full=True))
        complete(onec)
        onec.push("import0_1.xml", goods([0], full=True))
        complete(onec)
        yield site


def held(site: Site) -> runs.Run:
    with site.ctx.db.transaction() as conn:
        (row,) = runs.held(conn, "default")
    return runs.Run(**{name: row[name] for name in runs.Run.__slots__})


def test_a_removal_over_the_limit_is_held_and_shown(braked: Site) -> None:
    assert active(braked) == ids(range(10))
    row = braked.row("SELECT * FROM journal WHERE kind = 'removal'")
    assert (row["outcome"], row["code"], row["params"]["absent"], row["params"]["total"]) == ("partial", "E511", 9, 10)
    assert 'syncd_removals_held{tenant="default"} 1.0' in braked.http.get("/metrics").text


@pytest.mark.parametrize(("left", "removed"), [(range(4, 10), 0), (range(2, 10), 2), (range(5, 10), 0)])
def test_the_brake_needs_both_the_share_and_the_number(database_url: str, left: range, removed: int) -> None:
    with running(database_url, chosen(removal_limit_percent=39, removal_limit_records=4)) as site:
        cli_import(site, ("import.xml", goods(range(10), full=True)))
        cli_import(site, ("import.xml", goods(left, full=True)))
        assert len(active(site)) == 10 - removed


def test_an_approved_removal_spares_what_came_back_meanwhile(braked: Site) -> None:
    OneC(braked).push("import0_1.xml", goods([7], full=False))
    run = held(braked)
    with braked.ctx.db.transaction() as conn:
        assert removals.approve(conn, run, by="olga", reason="season is over") == {"product": 8}
    assert active(braked) == ids([0, 7])
    row = braked.row("SELECT state, decided_by, reason FROM export_run WHERE id = %(id)s", id=run.id)
    assert row == {"state": "applied", "decided_by": "olga", "reason": "season is over"}
    with pytest.raises(Refused, match="E416"), braked.ctx.db.transaction() as conn:
        removals.approve(conn, run, by="olga", reason="again")


def test_a_rejected_removal_removes_nothing(braked: Site) -> None:
    run = held(braked)
    with braked.ctx.db.transaction() as conn:
        removals.reject(conn, run, by="olga", reason="a filter was set")
    assert active(braked) == ids(range(10))
    assert run_of(braked)["state"] == "rejected"


def test_a_newer_full_export_takes_the_place_of_a_held_one(braked: Site) -> None:
    run = held(braked)
    onec = OneC(braked)
    onec.push("import0_1.xml", goods(range(9), full=True))
    complete(onec)
    assert active(braked) == ids(range(9))
    with pytest.raises(Refused), braked.ctx.db.transaction() as conn:
        removals.approve(conn, run, by="olga", reason="late")


def test_a_held_removal_as_old_as_the_packages_can_no_longer_be_approved(braked: Site) -> None:
    """What was stated then is forgotten, and everything would look absent."""
    run = held(braked)
    with braked.ctx.db.transaction() as conn:
        conn.execute("UPDATE export_run SET created_at = now() - interval '91 days'")
        runs.prune(conn, 90)
    with pytest.raises(Refused), braked.ctx.db.transaction() as conn:
        removals.approve(conn, run, by="olga", reason="late")
    assert active(braked) == ids(range(10))


# --- any series ----------------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["full", "delta", "broken", "complete", "silence"]),
        st.sampled_from(["c1", "c2"]),
        st.sets(st.integers(0, 7), min_size=1),
    ),
    min_size=1,
    max_size=10,
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_no_series_removes_what_its_run_stated_or_another_catalogue(
    site: Site, steps: list[tuple[str, str, set[int]]]
) -> None:
    """A record may go only when a full export began and it was stated neither there nor since."""
    with site.ctx.db.transaction() as conn:
        for table in ("package_seen", "export_run", "products", "package_file", "package", "journal", "known_record"):
            conn.execute(f"DELETE FROM {table}".encode())
    onec = OneC(site)
    stated: dict[str, set[int]] = {"c1": set(), "c2": set()}
    since_full: dict[str, set[int] | None] = {"c1": None, "c2": None}
    for portion, (step, catalogue, numbers) in enumerate(steps):
        name = f"import{catalogue[1]}.{portion}.xml"
        if step == "complete":
            complete(onec)
        elif step == "silence":
            silence(site)
        elif step == "broken":
            onec.push(name, BROKEN)
        else:
            before = stated[catalogue]
            onec.push(name, goods(sorted(numbers), full=step == "full", catalogue=catalogue))
            stated[catalogue] = before | numbers
            seen = since_full[catalogue]
            since_full[catalogue] = set(numbers) if step == "full" else None if seen is None else seen | numbers
        removals.settle(site.ctx)
        for found, known in stated.items():
            seen = since_full[found]
            assert (known if seen is None else seen) <= {int(key[4:]) for key in active(site) if key.startswith(found)}
