"""Reading sets: nothing lost in silence, a partial view named so, addresses within what a web server takes."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from syncd.adapters.odata import describe, failures, reading
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint, configured
from syncd.adapters.odata.filters import equals
from syncd.adapters.odata.reading import Cursor, Pull
from syncd.emulator.odata import Fault, Manners, OdataBase
from syncd.errors import ConfigError, TransportError
from tests.adapters.odata.conftest import Asked, Reply, Site, error, rows
from tests.adapters.odata.trade import connected


class Set:
    """A set of rows that can be paged through and counted."""

    def __init__(self, many: int) -> None:
        self.rows: list[dict[str, Any]] = [{"Ref_Key": str(UUID(int=number)), "N": number} for number in range(many)]
        self.hidden = 0

    def __call__(self, asked: Asked) -> Reply:
        if asked.path.endswith("/$count"):
            return Reply(b"\xef\xbb\xbf" + str(len(self.rows) - self.hidden).encode())
        assert asked.query["$orderby"] == "Ref_Key"
        skip, top = int(asked.query.get("$skip", "0")), int(asked.query["$top"])
        return rows(*self.rows[skip : skip + top])


def numbers(pull: Pull) -> list[int]:
    return [record["N"] for batch in pull for record in batch.records]


@pytest.mark.parametrize("many", [0, 1, 9, 10, 11, 25])
def test_a_set_is_read_whole_and_once(site: Site, client: Client, many: int) -> None:
    site.answer = Set(many)
    pull = Pull(client, "Catalog_X", ["N"], page_size=10)
    assert numbers(pull) == list(range(many))
    assert pull.partial == set()
    assert pull.total == many
    assert site.asked[0].query["$select"] == "Ref_Key,N"


def test_only_the_fields_that_are_needed_are_asked_for_each_once(site: Site, client: Client) -> None:
    site.answer = Set(1)
    list(Pull(client, "Catalog_X", ["Ref_Key", "N", "N"]))
    assert site.asked[0].query["$select"] == "Ref_Key,N"


def test_a_read_goes_on_after_a_crash_and_says_so(site: Site, client: Client) -> None:
    site.answer = Set(25)
    batches: Iterator[reading.Batch] = iter(Pull(client, "Catalog_X", page_size=10))
    first = next(batches)
    assert isinstance(first.cursor, Cursor)
    pull = Pull(client, "Catalog_X", page_size=10, after=first.cursor)
    assert numbers(pull) == list(range(10, 25))
    assert pull.partial == {"resumed"}


def test_a_set_that_shrinks_while_it_is_read_is_partial_and_loses_no_other_row(site: Site, client: Client) -> None:
    served = Set(40)
    site.answer = served
    seen: list[int] = []
    pull = Pull(client, "Catalog_X", page_size=10)
    for batch in pull:
        seen += [record["N"] for record in batch.records]
        if len(seen) == 10:
            del served.rows[:3]
    assert set(range(10, 40)) <= set(seen)
    assert len(seen) == len(set(seen))
    assert "shifted" in pull.partial


def test_a_row_that_slipped_through_is_told_by_the_count(site: Site, client: Client) -> None:
    served = Set(12)
    served.hidden = -1  # 1C counts one more than it showed
    site.answer = served
    pull = Pull(client, "Catalog_X", page_size=10)
    assert len(numbers(pull)) == 12
    assert pull.partial == {"count"}


def test_rows_that_the_user_may_not_see_make_a_view_partial(site: Site) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.query.get("allowedOnly") != "true":
            return error("20", "Недостаточно прав", 401)
        return Set(3)(asked)

    site.answer = answer
    with Client(Endpoint(site.url)) as client, pytest.raises(failures.RowsHidden, match="E814"):
        list(Pull(client, "Catalog_X"))
    with Client(Endpoint(site.url, allowed_only=True)) as client:
        pull = Pull(client, "Catalog_X")
        assert len(numbers(pull)) == 3
    assert pull.partial == {"allowed_only"}


def test_a_filter_narrows_and_a_scope_does_not(site: Site, client: Client) -> None:
    site.answer = Set(3)
    whole = Pull(client, "Catalog_X", scope=equals("IsFolder", False))
    narrow = Pull(client, "Catalog_X", scope=equals("IsFolder", False), where=equals("N", 1))
    list(whole)
    list(narrow)
    assert (whole.partial, narrow.partial) == (set(), {"filter"})
    filters = [asked.query["$filter"] for asked in site.asked]
    assert filters == ["IsFolder eq false"] * 2 + ["(IsFolder eq false) and (N eq 1)"] * 2


def test_a_field_that_the_configuration_lacks_is_left_out_and_named(site: Site, client: Client) -> None:
    def answer(asked: Asked) -> Reply:
        if "Code" in asked.query.get("$select", ""):
            return error("6", "Сегмент пути \"Code\" не найден")  # fmt: skip
        return Set(2)(asked)

    site.answer = answer
    pull = Pull(client, "Catalog_Контрагенты", ["N", "Code"], optional=["Code", "КПП"])
    assert numbers(pull) == [0, 1]
    assert pull.dropped == ["Code"]
    with pytest.raises(failures.UnknownName, match="E820"):
        list(Pull(client, "Catalog_Контрагенты", ["N", "Code"]))


def test_a_field_that_1c_does_not_name_costs_all_optional_ones(site: Site, client: Client) -> None:
    site.answer = lambda asked: (
        error("6", "Сегмент пути не найден") if "Code" in asked.query.get("$select", "") else Set(2)(asked)
    )
    pull = Pull(client, "Catalog_Контрагенты", ["N", "Code", "КПП"], optional=["Code", "КПП"])
    assert numbers(pull) == [0, 1]
    assert pull.dropped == ["Code", "КПП"]


def test_a_page_of_a_gateway_in_the_middle_ends_the_read_with_an_error(site: Site, client: Client) -> None:
    served = Set(25)
    site.answer = lambda asked: served(asked) if len(site.asked) < 2 else Reply(b"<html>Login</html>")
    with pytest.raises(Exception, match="E812"):
        list(Pull(client, "Catalog_X", page_size=10))


def test_where_the_web_server_takes_no_long_address_whole_objects_are_read(site: Site, client: Client) -> None:
    served = Set(3)
    site.answer = lambda asked: served(asked) if len(asked.target) < 2048 else Reply(b"<html>404.15</html>", 404)
    fields = [f"ДополнительныйРеквизитНомер{number}" for number in range(20)]
    assert len(numbers(Pull(client, "Catalog_X", fields))) == 3
    list(Pull(client, "Catalog_X", fields))
    assert [asked.query.get("$select", "")[:2] for asked in site.asked] == ["Re", "**", "", "**", ""]


def test_a_publication_that_is_missing_is_no_matter_of_long_addresses(site: Site, client: Client) -> None:
    site.answer = lambda _: Reply(b"<html>404</html>", 404)
    with pytest.raises(TransportError, match="E811"):
        list(Pull(client, "Catalog_X", ["N"]))
    assert len(site.asked) == 1


def test_only_code_9_says_that_an_object_is_gone(site: Site, client: Client) -> None:
    one = UUID(int=1)
    site.answer = lambda _: error("9", "Экземпляр сущности не найден", 404)
    assert reading.get(client, "Catalog_X", one) is None
    for reply in (error("8", "нет набора", 404), Reply(b"<html>404</html>", 404), Reply(b"", 404)):
        site.answer = lambda _, reply=reply: reply  # type: ignore[misc]
        with pytest.raises(Exception, match=r"E8(11|21)"):
            reading.get(client, "Catalog_X", one)


def test_a_key_that_would_not_survive_in_a_path_is_asked_for_by_filter(site: Site, client: Client) -> None:
    site.answer = lambda _: rows({"Код": "a/b?"})
    assert reading.get(client, "InformationRegister_X", {"Код": "a/b?", "Ф": "й"}) == {"Код": "a/b?"}
    assert site.asked[0].path == "InformationRegister_X"
    assert site.asked[0].query["$filter"] == "(Код eq 'a/b?') and (Ф eq 'й')"


def test_objects_are_fetched_by_lists_of_keys_within_an_address(site: Site, client: Client) -> None:
    keys = [UUID(int=number) for number in range(45)]

    def answer(asked: Asked) -> Reply:
        found = [key for key in keys[:-1] if f"guid'{key}'" in asked.query["$filter"]]
        return rows(*({"Ref_Key": str(key)} for key in found))

    site.answer = answer
    assert reading.present(client, "Catalog_X", keys) == {str(key) for key in keys[:-1]}
    assert all(len(asked.target) < 2000 for asked in site.asked)
    assert len(site.asked) >= 3


def test_objects_that_would_follow_are_not_taken_for_missing(site: Site, client: Client) -> None:
    key = UUID(int=1)
    body = f'{{"value":[{{"Ref_Key":"{key}"}}],"odata.nextLink":"Catalog_X?$skiptoken=1"}}'.encode()
    site.answer = lambda _asked: Reply(body)
    with pytest.raises(TransportError, match="E809"):
        reading.present(client, "Catalog_X", [key, UUID(int=2)])


def test_the_next_page_is_under_way_while_this_one_is_worked_on(site: Site, client: Client) -> None:
    site.answer = Set(30)
    batches = iter(Pull(client, "Catalog_X", page_size=10))
    next(batches)
    site.wait(2)
    assert site.asked[1].query["$skip"] == "9"
    list(batches)


def test_a_page_that_is_too_large_is_asked_for_in_smaller_ones(site: Site) -> None:
    whole = Set(200)
    for row in whole.rows:
        row["Text"] = "х" * 100
    site.answer = whole
    with Client(Endpoint(site.url, max_answer_bytes=5_000)) as client:
        pull = Pull(client, "Catalog_X", ["N", "Text"], page_size=100)
        assert numbers(pull) == list(range(200))
    assert pull.partial == set()
    asked = [int(one.query["$top"]) for one in site.asked if "$top" in one.query]
    assert asked[:4] == [100, 50, 25, 12]
    assert len(asked) < 30, "it stays with what fits"


def test_a_row_that_is_too_large_names_the_setting_to_raise(site: Site) -> None:
    site.answer = lambda _: rows({"Ref_Key": "1", "Text": "х" * 5_000})
    with Client(Endpoint(site.url, max_answer_bytes=5_000)) as client, pytest.raises(TransportError) as refused:
        list(Pull(client, "Catalog_X", page_size=100))
    assert "--set max_answer_bytes=" in refused.value.text()
    with Client(Endpoint(site.url, max_kept_bytes=5_000)) as client, pytest.raises(TransportError) as refused:
        client.keep("Register/Balance()", kind="table")
    assert "--set max_kept_bytes=" in refused.value.text()


def test_limits_of_answers_are_settings_of_the_endpoint() -> None:
    settings = {"max_answer_bytes": 1000, "max_kept_bytes": "2000"}
    made = configured("http://1c/x", settings, None, zone="Europe/Moscow", concurrency=1, seconds=5)
    usual = configured("http://1c/x", {}, None, zone="Europe/Moscow", concurrency=1, seconds=5)
    assert (made.max_answer_bytes, made.max_kept_bytes) == (1000, 2000)
    assert usual.max_kept_bytes > 200_000 * 3 * 1000, "200,000 goods with three prices, generously"


# --- against the emulated base ---


def test_an_atom_only_base_gives_the_same_records_as_one_that_speaks_json() -> None:
    found = []
    for manners, form in ((Manners(), "nometadata"), (Manners(atom_only=True), "nometadata"), (Manners(), "atom")):
        with OdataBase(seed=1, size=12, manners=manners).running() as base:
            client = connected(base, format=form)
            described = describe.metadata(client)
            types = describe.types(described, "Document_ЗаказКлиента")
            pull = Pull(client, "Document_ЗаказКлиента", ["Товары", "СуммаДокумента", "Posted", "Date"], types=types)
            found.append([record for batch in pull for record in batch.records])
            assert pull.partial == set()
    assert found[0] == found[1] == found[2]
    assert isinstance(found[1][0]["СуммаДокумента"], int | Decimal)


def test_json_that_begins_with_a_mark_is_read() -> None:
    with OdataBase(seed=1, size=12, manners=Manners(bom=True)).running() as base:
        client = connected(base)
        pull = Pull(client, "Catalog_Номенклатура", ["Description"], page_size=5)
        assert len([record for batch in pull for record in batch.records]) == len(base.rows("Catalog_Номенклатура"))
        assert pull.partial == set()


def test_hidden_rows_are_an_error_or_a_partial_view(base: OdataBase) -> None:
    hidden = str(base.rows("Catalog_Контрагенты")[0]["Ref_Key"])
    base.hidden["Catalog_Контрагенты"] = {hidden}
    with pytest.raises(failures.RowsHidden):
        list(Pull(connected(base), "Catalog_Контрагенты", ["ИНН"]))
    pull = Pull(connected(base), "Catalog_Контрагенты", ["ИНН"], allowed_only=True)
    seen = {record["Ref_Key"] for batch in pull for record in batch.records}
    assert hidden not in seen
    assert "allowed_only" in pull.partial


def test_a_catalogue_without_codes_is_read_without_them(base: OdataBase) -> None:
    pull = Pull(connected(base), "Catalog_Контрагенты", ["ИНН", "Code"], optional=["Code"])
    assert [record for batch in pull for record in batch.records]
    assert pull.dropped == ["Code"]


def test_what_a_full_read_did_not_show_is_asked_for_before_it_is_removed(base: OdataBase) -> None:
    goods = [str(row["Ref_Key"]) for row in base.rows("Catalog_Номенклатура")]
    base.delete("Catalog_Номенклатура", goods[3])
    assert reading.present(connected(base), "Catalog_Номенклатура", goods) == set(goods) - {goods[3]}


def test_a_read_gets_through_a_full_pool(base: OdataBase) -> None:
    base.fail_next(Fault.POOL, times=2)
    assert reading.count(connected(base), "Catalog_Номенклатура") == len(base.rows("Catalog_Номенклатура"))


@pytest.mark.parametrize(
    "fault", [Fault.LOGIN_PAGE, Fault.MAINTENANCE, Fault.CRASH, Fault.NOT_FOUND, Fault.BAD_GATEWAY]
)
def test_a_fault_in_the_middle_of_a_read_is_never_its_end(base: OdataBase, fault: Fault) -> None:
    base.fail_next(fault, after=1)
    with pytest.raises((TransportError, ConfigError)):
        list(Pull(connected(base), "Catalog_Номенклатура", page_size=5))


@pytest.mark.parametrize(
    ("register", "key"),
    [
        ("InformationRegister_ШтрихкодыНоменклатуры", ("Штрихкод",)),
        ("AccumulationRegister_СвободныеОстатки", ("Recorder", "Recorder_Type")),
        ("AccumulationRegister_СвободныеОстатки_RecordType", ("Recorder", "LineNumber", "Recorder_Type")),
    ],
)
def test_registers_are_read_by_their_own_keys(base: OdataBase, register: str, key: tuple[str, ...]) -> None:
    pull = Pull(connected(base), register, key=key, page_size=5)
    found = [tuple(record[part] for part in key) for batch in pull for record in batch.records]
    assert len(found) == len(set(found)) == len(base.rows(register))
    assert pull.partial == set()
