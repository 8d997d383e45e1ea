"""Files on their way in: every byte arrives, in whatever parts; what is broken harms nothing and is in the journal."""

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st

from syncd.store import uploads
from syncd.store.db import Row
from tests.api.site import OneC, Site, archive, catalogue, running, settings

BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">'
    b'<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><\xd0\x9a\xd0\x98>&c;</\xd0\x9a\xd0\x98>'
)
EXTERNAL = b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/hostname"><a/>'


def stored(site: Site, name: str) -> bytes:
    """The newest upload of this name, as it lies in Postgres."""
    with site.ctx.db.transaction() as conn:
        row = site.row("SELECT id FROM upload WHERE name = %(n)s ORDER BY seq DESC LIMIT 1", n=name)
        return b"".join(uploads.pieces(conn, "default", row["id"]))


def products(site: Site) -> list[str]:
    return [row["name"] for row in site.rows("SELECT name FROM products WHERE deleted_at IS NULL ORDER BY id")]


def packages(site: Site) -> list[Row]:
    return site.rows("SELECT state, outcome, error_code, attempt FROM package ORDER BY seq")


def parts(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


@pytest.fixture(scope="module")
def shared(worker_database: str) -> Iterator[OneC]:
    """One site for many small examples."""
    with running(worker_database) as site:
        yield OneC(site)


@hypothesis(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(min_size=1, max_size=400), cuts=st.lists(st.integers(1, 60), min_size=1, max_size=8))
def test_parts_of_any_size_make_the_same_file(shared: OneC, data: bytes, cuts: list[int]) -> None:
    shared.begin()
    at = 0
    while at < len(data):
        size = cuts[at % len(cuts)]
        assert shared.send("any.bin", b"<" + data[at + 1 : at + size] if not at else data[at : at + size]) == "success"
        at += size
    assert stored(shared.site, "any.bin") == b"<" + data[1:]


@pytest.mark.parametrize("size", [1, 2, 3, 10, 64, 1000])
@pytest.mark.parametrize("pack", [False, True])
def test_a_document_in_tiny_parts_is_imported(onec: OneC, size: int, pack: bool) -> None:
    document = b"\xef\xbb\xbf" + catalogue("Стул")
    data = archive({"import.xml": document}) if pack else document
    onec.begin()
    for part in parts(data[:300] if size < 10 else data, size):
        assert onec.send("import.xml", part) == "success"
    if size < 10:
        assert onec.send("import.xml", data[300:]) == "success"
    assert stored(onec.site, "import.xml") == data
    assert onec.import_("import.xml").startswith("success")
    assert products(onec.site) == ["Стул"]


def test_an_exact_multiple_of_the_limit_ends_with_an_empty_part(onec: OneC) -> None:
    data = catalogue("Стул")
    onec.begin()
    for part in parts(data + b" " * (-len(data) % 100), 100):
        assert onec.send("import.xml", part) == "success"
    assert onec.send("import.xml", b"") == "success"
    assert onec.import_("import.xml").startswith("success")


def test_an_empty_part_of_a_file_that_was_not_begun_is_a_failure(onec: OneC) -> None:
    onec.begin()
    assert onec.send("import.xml", b"").startswith("failure\nE108 ")
    assert onec.site.count("upload") == 0
    assert onec.site.codes() == ["E108"]


def test_a_part_over_the_limit_is_refused_whole(database_url: str) -> None:
    with running(database_url, settings(file_limit_bytes=65_536)) as site:
        onec = OneC(site)
        onec.begin()
        assert onec.send("import.xml", catalogue("Стул")[:100]) == "success"
        assert onec.send("import.xml", b"x" * 65_537).startswith("failure\nE106 ")
        assert onec.send("import.xml", catalogue("Стул")[100:]) == "success"
        assert onec.import_("import.xml").startswith("success")
        assert products(site) == ["Стул"]
        assert site.codes() == ["E106"]


def test_a_file_over_the_total_is_refused_and_what_came_before_stays(database_url: str) -> None:
    with running(database_url, settings(max_upload_mb=1)) as site:
        onec = OneC(site)
        onec.begin()
        assert onec.send("import.xml", catalogue("Стул")) == "success"
        assert onec.send("import.xml", b" " * (1 << 20)).startswith("failure\nE114 ")
        assert onec.import_("import.xml").startswith("success")
        assert site.codes() == ["E114"]


@pytest.mark.parametrize(
    "name",
    [
        "../import.xml",
        "..%5C..%5Cx.php",
        "import_files/../../x.jpg",
        "a/../b.jpg",
        "im%00port.xml",
        "im%0Aport.xml",
        "%7F.xml",
        "C:%5C",
        "/",
        ".",
        "%20",
        "x" * 600,
    ],
)
def test_a_name_that_points_outside_or_is_none_is_refused(onec: OneC, name: str) -> None:
    onec.begin()
    answer = onec.send(name, catalogue("Стул"))
    assert answer.startswith(("failure\nE105 ", "failure\nE109 "))
    assert len(answer.split("\n")) == 2
    assert onec.site.count("upload") == 0
    assert len(onec.site.codes()) == 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("C:%5Cv8_8789_c.xml", "v8_8789_c.xml"),
        ("/tmp/v8_x.xml", "v8_x.xml"),
        ("upload/1c/webdata/import.xml", "import.xml"),
        ("webdata%5C000000001%5Cimport_files%5Cab%5Cone_two.jpg", "import_files/ab/one_two.jpg"),
        ("import_files/ab/x.xml", "import_files/ab/x.xml"),
        ("my%20file+1.xml", "my file+1.xml"),
        ("%D0%B8%D0%BC%D0%BF%D0%BE%D1%80%D1%82.xml", "импорт.xml"),
        ("%E8%EC%EF%EE%F0%F2.xml", "импорт.xml"),
        ("%5CReports%5CExchange_(%D0%A3)2018.zip", "Reports/Exchange_(У)2018.zip"),
    ],
)
def test_names_of_real_clients_are_understood(onec: OneC, sent: str, kept: str) -> None:
    onec.begin()
    assert onec.send(sent, catalogue("Стул")) == "success"
    assert onec.site.row("SELECT name FROM upload")["name"] == kept
    if kept.endswith(".xml") and "/" not in kept:
        assert onec.import_(sent).startswith("success")


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("import.xml", catalogue("Стул", "Стол")[:-90], "E216"),
        ("import.xml", BOMB, "E204"),
        pytest.param("import.xml", EXTERNAL, "E204"),
        ("import.xml", b"<?xml version='1.0'?><rss><channel/></rss>", "E203"),
        ("import.xml", b"GIF89a not xml at all", "E207"),
        ("import.xml", b"<html><body>502 Bad Gateway</body></html>", "E203"),
        ("import.xml", archive({"import.xml": catalogue("Стул")})[:-30], "E205"),
        ("import.zip", b"PK\x03\x04" + b"\x00" * 500, "E205"),
        ("import.xml", archive({"import.xml": BOMB}), "E204"),
        ("import.xml", archive({"../import.xml": catalogue("Стул")}), "E206"),
        ("import.xml", archive({"a\\..\\..\\import.xml": catalogue("Стул")}), "E206"),
        ("x.zip", archive({"readme.txt": b"no document"}), "E206"),
    ],
)  # fmt: skip
def test_a_broken_document_fails_with_its_reason_and_changes_nothing(
    onec: OneC, name: str, data: bytes, code: str
) -> None:
    assert onec.push("import0.xml", catalogue("Лавка")).startswith("success")
    answer = onec.push(name, data)
    assert answer.startswith(f"failure\n{code} ")
    assert "/" + "tmp" not in answer
    assert "Traceback" not in answer
    assert products(onec.site) == ["Лавка"]
    assert onec.site.codes() == [code]
    assert onec.push(name, catalogue("Стул")).startswith("success")
    assert products(onec.site) == ["Стул"]


def test_an_archive_bomb_is_refused(onec: OneC) -> None:
    head, tail = catalogue("Стул").split("<Товар>".encode(), 1)
    bomb = archive({"import.xml": head + (b"<a>" + b" " * (1 << 20) + b"</a>") * 64 + "<Товар>".encode() + tail})
    assert len(bomb) < 1 << 20
    assert onec.push("v8.zip", bomb, document="import.xml").startswith("failure\nE206 ")
    assert products(onec.site) == []


def test_an_encrypted_member_is_refused(onec: OneC) -> None:
    data = bytearray(archive({"import.xml": catalogue("Стул")}))
    data[6] |= 1
    data[data.rindex(b"PK\x01\x02") + 8] |= 1
    assert onec.push("v8.zip", bytes(data), document="import.xml").startswith("failure\nE206 ")


def test_a_truncated_upload_is_a_failure_and_the_next_session_works(onec: OneC) -> None:
    data = catalogue(*(f"Стул {n}" for n in range(200)))
    onec.begin()
    third = len(data) // 3
    for part in list(parts(data, third))[:2]:
        assert onec.send("import.xml", part) == "success"
    assert onec.import_("import.xml").startswith("failure\nE216 ")
    assert products(onec.site) == []
    onec.begin()
    for part in parts(data, third):
        assert onec.send("import.xml", part) == "success"
    assert onec.import_("import.xml").startswith("success")
    assert len(products(onec.site)) == 200


def test_a_split_archive_is_put_together(onec: OneC) -> None:
    noise = random.Random(1).randbytes(20_000)
    data = archive({"import0_1.xml": catalogue("Стул"), "import_files/ab/p.jpg": noise})
    onec.begin()
    for part in parts(data, len(data) // 17 + 1):
        assert onec.send("v8_D3A1_7.zip", part) == "success"
    assert onec.site.row("SELECT count(*) AS n FROM upload_chunk")["n"] == 17
    assert onec.import_("import0_1.xml").startswith("success")
    assert products(onec.site) == ["Стул"]


def test_kind_is_told_by_content_and_not_by_name(onec: OneC) -> None:
    assert onec.push("import.xml", archive({"import.xml": catalogue("Стул")})).startswith("success")
    assert products(onec.site) == ["Стул"]
    assert onec.push("v8.zip", catalogue("Стол")).startswith("success")
    assert products(onec.site) == ["Стол"]
    assert onec.push(
        "ut_import0_1.zip", archive({"ut_import0_1.xml": catalogue("Шкаф")}), document="ut_import0_1.xml"
    ).startswith("success")
    assert products(onec.site) == ["Шкаф"]


@pytest.mark.parametrize("member", ["IMPORT.XML", "webdata\\import.xml", "dir/sub/import.xml"])
def test_a_member_is_found_whatever_its_folder_and_case(onec: OneC, member: str) -> None:
    assert onec.push("v8.zip", archive({member: catalogue("Стул")}), document="import.xml").startswith("success")


def test_cyrillic_member_names_of_windows_are_read(onec: OneC) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr("import.xml", catalogue("Стул"))
    name = "импорт.xml".encode("cp866")
    data = buffer.getvalue().replace(b"import.xml", name)
    assert onec.push("v8.zip", data, document="импорт.xml").startswith("success")


def test_several_archives_and_documents_of_one_session_are_all_found(onec: OneC) -> None:
    onec.begin()
    onec.send("a.zip", archive({"import0_1.xml": catalogue("Стул")}))
    onec.send("b.zip", archive({"import0_2.xml": catalogue("Стул", "Стол", changes=True)}))
    onec.send("import0_3.xml", catalogue("Стул", "Стол", "Шкаф", changes=True))
    for n in (1, 2, 3):
        assert onec.import_(f"import0_{n}.xml").startswith("success")
    assert products(onec.site) == ["Стул", "Стол", "Шкаф"]


def test_a_broken_archive_beside_does_not_hide_a_sound_one(onec: OneC) -> None:
    onec.begin()
    onec.send("a.zip", archive({"import.xml": catalogue("Стул")}))
    onec.send("Reports/log.zip", b"PK\x03\x04 broken")
    assert onec.import_("import.xml").startswith("success")


def test_pictures_come_before_or_after_their_document(onec: OneC) -> None:
    onec.begin()
    picture = bytes(range(256)) * 3
    assert onec.send("import_files/ab/one.jpg", picture) == "success"
    assert onec.send("import.xml", catalogue("Стул")) == "success"
    assert onec.send("import_files/ab/two.jpg", picture[::-1]) == "success"
    assert onec.import_("import.xml").startswith("success")
    assert stored(onec.site, "import_files/ab/one.jpg") == picture
    assert stored(onec.site, "import_files/ab/two.jpg") == picture[::-1]
    assert len(packages(onec.site)) == 1


def test_a_file_sent_again_after_init_replaces_the_first(onec: OneC) -> None:
    onec.checkauth()
    for name in ("Стул", "Стол"):
        onec.init()
        assert onec.send("import.xml", catalogue(name)) == "success"
        assert onec.import_("import.xml").startswith("success")
    assert stored(onec.site, "import.xml") == catalogue("Стол")
    assert products(onec.site) == ["Стол"]


@pytest.mark.parametrize("pack", [False, True])
def test_a_file_sent_again_without_init_begins_anew(onec: OneC, pack: bool) -> None:
    onec.begin()
    data = archive({"import.xml": catalogue("Стул")}) if pack else catalogue("Стул")
    for _ in range(2):
        for part in parts(data, len(data) // 2 + 1):
            assert onec.send("v8.zip", part) == "success"
    assert stored(onec.site, "v8.zip") == data
    assert onec.import_("import.xml" if pack else "v8.zip").startswith("success")
    assert onec.site.count("upload", "state = 'replaced'") == 1


def test_a_truncated_document_sent_again_without_init_begins_anew(onec: OneC) -> None:
    onec.begin()
    onec.send("import.xml", catalogue("Стул")[:200])
    onec.send("import.xml", catalogue("Стул"))
    assert onec.import_("import.xml").startswith("success")


def test_import_of_a_file_that_was_not_uploaded_is_a_failure(onec: OneC) -> None:
    onec.begin()
    response = onec.ask("type=catalog&mode=import&filename=none.xml")
    assert response.status_code == 200
    assert response.text.startswith("failure\nE107 ")
    assert onec.site.codes() == ["E107"]


def test_import_twice_is_one_import(onec: OneC) -> None:
    assert onec.push("import.xml", catalogue("Стул")).startswith("success")
    assert onec.import_("import.xml").startswith("success")
    assert len(packages(onec.site)) == 1


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", ["import.xml", "v8.zip"])
def test_a_client_may_log_in_again_between_file_and_import(onec: OneC, whole: bool, name: str) -> None:
    data = archive({"import.xml": catalogue("Стул")}) if name == "v8.zip" else catalogue("Стул")
    onec.begin()
    onec.send(name, data if whole else data[:-1])
    onec.checkauth()
    assert onec.import_("import.xml").startswith("success" if whole else "failure\nE2")
    assert len(packages(onec.site)) == (0 if name == "v8.zip" and not whole else 1)


def test_an_import_of_an_earlier_exchange_is_not_taken_for_one_of_this(onec: OneC) -> None:
    assert onec.push("import.xml", catalogue("Стул")).startswith("success")
    onec.begin()
    assert onec.import_("import.xml").startswith("failure\nE107 ")


def test_progress_while_it_waits_and_no_rows_for_asking(onec: OneC) -> None:
    onec.begin()
    onec.send("import.xml", catalogue("Стул"))
    for _ in range(30):
        assert onec.ask("type=catalog&mode=import&filename=import.xml").text == "progress\nqueued"
    assert len(packages(onec.site)) == 1
    assert onec.site.count("journal") == 0
    assert onec.import_("import.xml").startswith("success")


@pytest.mark.parametrize("mode", ["checkauth", "init", "complete", "deactivate"])
def test_an_upload_without_import_is_imported_when_the_next_one_begins(onec: OneC, mode: str) -> None:
    for n, name in enumerate(("Стул", "Стол"), 1):
        onec.begin()
        onec.send(f"import0_{n}.xml", catalogue(name))
    if mode == "checkauth":
        onec.checkauth()
    else:
        onec.ask(f"type=catalog&mode={mode}")
    onec.site.work()
    assert [row["outcome"] for row in packages(onec.site)] == ["ok", "ok"]
    assert products(onec.site) == ["Стол"]


@pytest.mark.parametrize("finished", [True, False])
def test_an_upload_that_lies_still_is_imported_or_reported(onec: OneC, finished: bool) -> None:
    from syncd.sync import receive

    onec.begin()
    onec.send("import.xml", catalogue("Стул") if finished else catalogue("Стул")[:200])
    with onec.site.ctx.db.transaction() as conn:
        assert receive.sweep(conn, idle_seconds=60) == 0
        still = 61 if finished else receive.SLOW_PART_SECONDS + 1
        conn.execute("UPDATE upload SET updated_at = now() - make_interval(secs => %s)", (still,))
        assert receive.sweep(conn, idle_seconds=60) == 1
    onec.site.work()
    assert [row["error_code"] for row in packages(onec.site)] == [None if finished else "E216"]
    assert products(onec.site) == (["Стул"] if finished else [])


def test_what_another_session_is_still_sending_is_left_alone(onec: OneC) -> None:
    onec.begin()
    onec.send("import.xml", catalogue("Стул")[:300])
    other = OneC(onec.site)
    other.begin()
    assert packages(onec.site) == []
    onec.send("import.xml", catalogue("Стул")[300:])
    assert onec.import_("import.xml").startswith("success")


def test_the_log_of_the_bitrix_module_is_neither_imported_nor_in_the_way(onec: OneC) -> None:
    from syncd.sync import receive

    onec.begin()
    assert onec.send("%5CReports%5CExchange_(x)2018-10-01.zip", archive({"log.xml": b"<log/>"})) == "success"
    with onec.site.ctx.db.transaction() as conn:
        conn.execute("UPDATE upload SET updated_at = now() - interval '1 hour'")
        assert receive.sweep(conn, idle_seconds=60) == 0
    assert onec.push("import.xml", catalogue("Стул")).startswith("success")
    assert len(packages(onec.site)) == 1


def test_an_upload_without_import_is_queued_once_however_many_log_in(onec: OneC) -> None:
    onec.begin()
    onec.send("import.xml", catalogue("Стул"))
    for _ in range(3):
        onec.checkauth()
    onec.site.work()
    onec.checkauth()
    assert [row["outcome"] for row in packages(onec.site)] == ["ok"]


def test_types_have_areas_of_their_own(onec: OneC) -> None:
    onec.begin()
    onec.send("import.xml", catalogue("Стул"))
    assert onec.ask("type=sale&mode=import&filename=import.xml").text.startswith("failure\nE107 ")
    assert onec.import_("import.xml").startswith("success")


def test_the_failure_of_a_member_names_the_archive(onec: OneC) -> None:
    packed = archive({"../import0_1.xml": catalogue("Стул")})
    answer = onec.push("v8_1.zip", packed, document="import0_1.xml")
    assert answer.startswith("failure\nE206 The archive 'v8_1.zip' is refused: the member '../import0_1.xml' ")
