"""Pictures: whatever way 1C sends them, the path that a product names leads to the newest of them."""

from __future__ import annotations

import random
from typing import Any

import httpx
import pytest

from syncd.emulator.catalogue import TradeBase
from syncd.emulator.documents import standard_export
from syncd.emulator.pictures import draw
from syncd.sync import housekeeping
from tests.api.site import OneC, Site, archive, catalogue

PATH = "import_files/ab/AbCd_1.png"
PNG, OTHER = draw(1, "one"), draw(1, "two")
JPEG = b"\xff\xd8\xff\xe0" + bytes(60) + b"picture\xff\xd9"


@pytest.fixture
def key(site: Site) -> str:
    return site.key()


def get(site: Site, key: str, path: str, **headers: str) -> httpx.Response:
    answer: httpx.Response = site.http.get(
        f"/v1/images/{path}",
        headers={"Authorization": f"Bearer {key}", **{n.replace("_", "-"): v for n, v in headers.items()}},
    )
    return answer


def upload(onec: OneC, name: str, data: bytes) -> None:
    assert onec.send(name, data) == "success"


def house(site: Site) -> str:
    (job,) = housekeeping.jobs(site.ctx)
    return job.run(lambda: None)


def test_a_picture_sent_beside_the_document_is_served(site: Site, onec: OneC, key: str) -> None:
    onec.begin()
    upload(onec, PATH, PNG)
    answer = get(site, key, PATH)
    assert (answer.status_code, answer.content) == (200, PNG)
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-length"] == str(len(PNG))
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["ab/AbCd_1.png", "AB/ABCD_1.PNG", "import_files%5Cab%5Cabcd_1.png", "/import_files//ab/abcd_1.png"]
)
def test_a_path_is_found_in_any_spelling(site: Site, onec: OneC, key: str, path: str) -> None:
    onec.begin()
    upload(onec, "C:\\Temp\\import_files\\ab\\AbCd_1.png", PNG)
    assert get(site, key, path).content == PNG


@pytest.mark.parametrize("path", ["ab/none.png", "", "a%00b", "..%2F..%2Fetc%2Fpasswd", "import_files", "%F0%9F%9B%A0"])
def test_a_picture_that_was_not_sent_is_not_found(site: Site, key: str, path: str) -> None:
    answer = get(site, key, path)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "E305")


def test_pictures_are_for_those_who_may_read_and_of_their_own_company(site: Site, onec: OneC) -> None:
    onec.begin()
    upload(onec, PATH, PNG)
    assert site.http.get(f"/v1/images/{PATH}").status_code == 401
    assert get(site, site.key(scopes=("orders",)), PATH).status_code == 403
    assert get(site, site.key(tenant="other"), PATH).status_code == 404


def test_a_picture_in_an_archive_is_served_after_its_import(site: Site, onec: OneC, key: str) -> None:
    answer = onec.push(
        "1c.zip", archive({"import.xml": catalogue("Стул"), PATH: PNG, "b/c.jpg": JPEG}), document="import.xml"
    )
    assert answer.startswith("success")
    assert get(site, key, PATH).content == PNG
    jpeg = get(site, key, "b/c.jpg")
    assert (jpeg.content, jpeg.headers["content-type"]) == (JPEG, "image/jpeg")


def test_an_archive_of_nothing_but_pictures_is_no_failure(site: Site, onec: OneC, key: str) -> None:
    assert onec.push("pictures.zip", archive({PATH: PNG})).startswith("success")
    assert get(site, key, PATH).content == PNG
    assert site.codes() == []


@pytest.mark.parametrize("members", [{}, {"readme.txt": b"no picture"}])
def test_an_archive_of_neither_documents_nor_pictures_is_refused(onec: OneC, members: dict[str, bytes]) -> None:
    assert "E206" in onec.push("empty.zip", archive(members))


def test_the_newest_picture_wins_whatever_way_it_came(site: Site, onec: OneC, key: str) -> None:
    onec.begin()
    upload(onec, PATH, PNG)
    onec.push("1c.zip", archive({"import.xml": catalogue("Стул"), PATH.upper(): OTHER}), document="import.xml")
    assert get(site, key, PATH).content == OTHER
    onec.begin()
    upload(onec, PATH, JPEG)
    assert get(site, key, PATH).content == JPEG
    package = site.row("SELECT id FROM package ORDER BY seq LIMIT 1")["id"]
    with site.ctx.db.transaction() as conn:
        from syncd.store import packages

        packages.replay(conn, "default", package, by="test", reason="again")
    site.work()
    assert get(site, key, PATH).content == JPEG, "a replay brings no older picture back"


def test_a_picture_in_parts_is_put_together(site: Site, onec: OneC, key: str) -> None:
    content = JPEG[:-2] + random.Random(1).randbytes(3_000_000) + b"\xff\xd9"
    onec.begin()
    for at in range(0, len(content), 1_100_000):
        upload(onec, "import_files/big.jpg", content[at : at + 1_100_000])
    answer = get(site, key, "big.jpg")
    assert (len(answer.content), answer.content == content) == (len(content), True)
    assert answer.headers["content-length"] == str(len(content))


@pytest.mark.parametrize("again", [PNG, OTHER])
def test_a_picture_sent_again_in_one_session_is_not_doubled(site: Site, onec: OneC, key: str, again: bytes) -> None:
    onec.begin()
    upload(onec, PATH, PNG)
    upload(onec, PATH, again)
    assert get(site, key, PATH).content == again


def test_a_half_sent_picture_is_begun_anew(site: Site, onec: OneC, key: str) -> None:
    onec.begin()
    upload(onec, "import_files/a.jpg", JPEG[:66])
    upload(onec, "import_files/a.jpg", JPEG)
    assert get(site, key, "a.jpg").content == JPEG


def test_the_tag_is_that_of_the_content(site: Site, onec: OneC, key: str) -> None:
    onec.begin()
    upload(onec, PATH, PNG)
    tag = get(site, key, PATH).headers["etag"]
    same = get(site, key, PATH, If_None_Match=f'"x", W/{tag}')
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    onec.push("1c.zip", archive({"import.xml": catalogue("Стул"), PATH: PNG}), document="import.xml")
    assert get(site, key, PATH, If_None_Match=tag).status_code == 304, "the same content in another upload"
    onec.begin()
    upload(onec, PATH, OTHER)
    changed = get(site, key, PATH, If_None_Match=tag)
    assert (changed.status_code, changed.content) == (200, OTHER)


def test_what_is_no_picture_is_a_download(site: Site, onec: OneC, key: str) -> None:
    onec.begin()
    upload(onec, "import_files/manual.pdf", b"%PDF-1.7 ...")
    upload(onec, "import_files/page.jpg", b"javascript:alert(1)//")
    for path, kind in (("manual.pdf", "application/pdf"), ("page.jpg", "application/octet-stream")):
        answer = get(site, key, path)
        assert answer.headers["content-type"] == kind
        assert answer.headers["content-disposition"] == "attachment"


def test_housekeeping_keeps_the_newest_pictures_and_the_archives_they_lie_in(site: Site, onec: OneC, key: str) -> None:
    onec.push("1c.zip", archive({"import.xml": catalogue("Стул"), "a.png": PNG, "b.png": PNG}), document="import.xml")
    onec.begin()
    upload(onec, PATH, PNG)
    onec.begin()
    upload(onec, PATH, OTHER)
    with site.ctx.db.transaction() as conn:
        conn.execute("UPDATE upload SET updated_at = now() - interval '1 year'")
        conn.execute("UPDATE package SET finished_at = now() - interval '1 year'")
    before: int = site.count("upload")
    assert "packages: 1, uploads: 1" in house(site)
    assert site.count("upload") == before - 1
    found: dict[str, Any] = {path: get(site, key, path).content for path in (PATH, "a.png", "b.png")}
    assert found == {PATH: OTHER, "a.png": PNG, "b.png": PNG}
    onec.push(
        "1c.zip", archive({"import.xml": catalogue("Стол"), "a.png": OTHER, "b.png": OTHER}), document="import.xml"
    )
    with site.ctx.db.transaction() as conn:
        conn.execute("UPDATE upload SET updated_at = now() - interval '1 year'")
    assert "uploads: 1" in house(site), "nothing needs the first archive any more"
    assert get(site, key, "a.png").content == OTHER


@pytest.mark.parametrize("zipped", [False, True])
def test_every_path_that_a_product_names_leads_to_its_picture(
    site: Site, onec: OneC, key: str, *, zipped: bool
) -> None:
    base = TradeBase.generate(3, products=12, pictures=1.0)
    portions = list(standard_export(base))
    onec.begin()
    for portion in portions:
        files = {file.name: b"".join(file.write()) for file in portion.files}
        sent = dict(portion.pictures())
        if zipped:
            name = f"{next(iter(files))}.zip"
            upload(onec, name, archive({**sent, **files}))
            for document in files:
                assert onec.import_(document).startswith("success")
            continue
        for path, data in sent.items():
            upload(onec, path, data)
        for name, data in files.items():
            upload(onec, name, data)
            assert onec.import_(name).startswith("success")
    products = site.get("/v1/products?limit=100", key).json()["items"]
    named = [path for product in products for path in product["images"] or ()]
    assert len(named) >= 12
    assert {path: get(site, key, path).content for path in named} == {path: base.picture(path) for path in named}


SVG = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<!-- drawn by hand -->\n'
    b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
    b'<svg xmlns="http://www.w3.org/2000/svg"><circle r="1"/></svg>\n'
)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("import_files/ab/logo.svg", SVG),
        ("import_files/ab/LOGO.SVG", b"\xef\xbb\xbf" + SVG),
        ("import_files/ab/logo", SVG),  # 1C cuts what stands behind a second dot
        ("import_files/ab/logo.svg", b"<svg/>"),
        ("import_files/ab/logo.svg", b'<s:svg xmlns:s="http://www.w3.org/2000/svg"/>'),
        ("import_files/ab/logo.svg", SVG.replace(b"drawn by hand", b"x" * 1500)),
    ],
)
@pytest.mark.parametrize("part", [10, 1 << 20])
def test_an_svg_is_a_picture_and_no_document(
    site: Site, onec: OneC, key: str, name: str, data: bytes, part: int
) -> None:
    onec.begin()
    for at in range(0, len(data), part):
        upload(onec, name, data[at : at + part])
    assert onec.ask("type=catalog&mode=complete").text == "success"
    assert site.count("package") == 0, "nothing is imported"
    answer = get(site, key, name)
    assert answer.content == data
    if len(data) < 1500:
        assert answer.headers["content-type"] == "image/svg+xml"
        assert "sandbox" in answer.headers["content-security-policy"]


def test_an_svg_sent_again_in_one_session_is_not_doubled(site: Site, onec: OneC, key: str) -> None:
    onec.begin()
    upload(onec, "import_files/ab/logo.svg", SVG)
    upload(onec, "import_files/ab/logo.svg", SVG.replace(b'"1"/', b'"2"/'))
    assert get(site, key, "ab/logo.svg").content == SVG.replace(b'"1"/', b'"2"/')


def test_a_document_is_imported_whatever_its_name_says(site: Site, onec: OneC) -> None:
    onec.begin()
    upload(onec, "goods.svg", catalogue("Стул"))
    upload(onec, "import.xml", b"<svg></svg>")
    onec.ask("type=catalog&mode=complete")
    assert sorted(result.outcome for result in site.work()) == ["failed", "ok"]
    assert site.codes() == ["E203"]
