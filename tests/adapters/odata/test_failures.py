"""Every captured body, and the other frames that are known, told apart by what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.adapters.odata import failures, problems
from syncd.errors import (
    ConfigError,
    MappingError,
    Refused,
    RemoteError,
    SyncdError,
    TransportError,
    UnknownOutcome,
)
from tests.conftest import CORPUS

ERRORS = CORPUS / "odata" / "errors"

EXPECTED: dict[str, tuple[int, type[SyncdError], str, bool]] = {
    # file: status, class and code of a read, whether a write was certainly not done
    "application_error_500.html": (500, TransportError, "E804", False),
    "fresh_login_page_200.html": (200, ConfigError, "E812", False),
    "gateway_200_maintenance.xhtml": (200, TransportError, "E808", False),
    "hs_200_handler_error_texts.txt": (200, RemoteError, "E815", False),
    "odata_json_0_param_unsupported.json": (400, Refused, "E826", True),
    "odata_json_14_filter_parse.json": (400, failures.UnknownName, "E820", True),
    "odata_json_400_guid.json": (400, Refused, "E819", True),
    "odata_json_500_minus1_handler.json": (500, RemoteError, "E815", True),
    "odata_json_500_plus_in_filter.json": (500, RemoteError, "E815", True),
    "odata_json_6_method_not_found.json": (400, failures.UnknownName, "E820", True),
    "odata_json_8_entity_not_found.json": (404, failures.NotPublished, "E821", True),
    "odata_json_9_instance_not_found.json": (404, failures.Missing, "E822", True),
    "odata_xml_404_unprefixed.xml": (404, failures.Missing, "E822", True),
    "odata_xml_404_vendor.xml": (404, failures.Missing, "E822", True),
    "odata_xml_500_minus1.xml": (500, RemoteError, "E815", True),
    "session_blocked_403_virtual_resource.json": (403, failures.Maintenance, "E805", True),
    "soap_fault_500_derived.xml": (500, RemoteError, "E815", True),
    "soap_fault_text_webservice.txt": (500, TransportError, "E808", False),
}


def body_of(name: str) -> bytes:
    body = (ERRORS / name).read_bytes()
    if name == "hs_200_handler_error_texts.txt":  # the captured texts stand below a comment
        return next(line for line in body.splitlines() if line.startswith(b"{"))
    return body


def test_every_captured_error_is_expected(corpus: Path) -> None:
    assert {path.name for path in (corpus / "odata" / "errors").iterdir()} == set(EXPECTED)


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_captured_error_means_what_a_person_read_in_it(name: str) -> None:
    status, kind, code, _ = EXPECTED[name]
    error = failures.of_answer(status, body_of(name), write=False, asked="GET Catalog_X")
    assert (type(error) if kind not in {TransportError, ConfigError} else kind, error.code) == (kind, code)
    assert isinstance(error, kind)
    assert "GET Catalog_X" in error.text() or code == "E805"


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_write_that_got_a_captured_error_is_known_or_unknown(name: str) -> None:
    status, kind, _, not_done = EXPECTED[name]
    error = failures.of_answer(status, body_of(name), write=True, asked="POST Document_X")
    assert isinstance(error, kind if not_done else UnknownOutcome)


@pytest.mark.usefixtures("corpus")
@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_captured_error_is_told_in_one_line_of_both_languages(name: str) -> None:
    error = failures.of_answer(EXPECTED[name][0], body_of(name), write=False, asked="GET Catalog_X")
    for said in (error.text("ru"), error.text("en")):
        assert "\n" not in said
        assert "{" not in said.replace("{ОбщийМодуль", "").replace("{HTTP", "").replace("{Web", "").replace("{(3", "")
        assert len(said) < 1200


def frame(text: str, code: str = "-1") -> bytes:
    return f'{{"odata.error":{{"code":"{code}","message":{{"lang":"ru","value":"{text}"}}}}}}'.encode()


def crash(text: str) -> bytes:
    title = "1C:Enterprise 8 application error"
    return f"<html><head><title>{title}</title></head><body>{text}</body></html>".encode()


UNPREFIXED = (
    b"<error xmlns='http://schemas.microsoft.com/ado/2007/08/dataservices/metadata'><code/><message>x</message></error>"
)
SEAT = failures.SessionRefused

TOLD = [
    # status, body, class, code, whether a write was certainly not done
    (500, frame("Конфликт блокировок при выполнении транзакции"), TransportError, "E810", True),
    (500, frame("Превышено максимальное время ожидания предоставления блокировки"), TransportError, "E810", True),
    (500, frame("Не удалось заблокировать запись. Запись уже заблокирована"), TransportError, "E810", True),
    (500, frame("Контрагент с таким ИНН уже существует"), Refused, "E817", True),
    (500, frame("Поле Склад не заполнено"), Refused, "E817", True),
    (500, frame("Дата запрета изменения данных 31.12.2025"), Refused, "E818", True),
    (500, frame("Данные были изменены или удалены другим пользователем"), RemoteError, "E824", True),
    (500, frame("Сеанс отсутствует или удален"), TransportError, "E810", False),
    (500, frame("Соединение разорвано"), TransportError, "E810", False),
    (400, frame("Ключ уже есть", "15"), Refused, "E823", True),
    (401, frame("Недостаточно прав", "20"), failures.RowsHidden, "E814", True),
    (400, frame("Не поддерживается", "3"), failures.FormatRefused, "E826", True),
    (400, b'{"error":{"code":"6","message":"no such segment"}}', failures.UnknownName, "E820", True),
    (404, UNPREFIXED, failures.NotPublished, "E821", True),
    (500, crash("Не обнаружено свободной лицензии!"), SEAT, "E806", True),
    (500, crash("There are no free licenses!"), SEAT, "E806", True),
    (500, crash("Превышено максимальное количество пользователей"), SEAT, "E806", True),
    (500, crash("License not found. Software protection key not found!"), SEAT, "E806", True),
    (500, crash("Информационная база не обнаружена"), TransportError, "E804", True),
    (500, crash("Идентификация пользователя не выполнена"), ConfigError, "E813", True),
    (401, b"<html><title>401</title></html>", ConfigError, "E813", True),
    (403, b"<html><title>403 Forbidden</title></html>", TransportError, "E816", True),
    (404, b"<html><title>404</title></html>", TransportError, "E811", True),
    (404, b"", TransportError, "E811", True),
    (405, b"", Refused, "E826", True),
    (406, b"", SEAT, "E807", True),
    (411, b"", Refused, "E826", True),
    (412, b"", RemoteError, "E824", True),
    (413, b"", Refused, "E825", True),
    (302, b"", ConfigError, "E812", True),
    (408, b"", TransportError, "E808", False),
    (502, b"<html>bad gateway</html>", TransportError, "E808", False),
    (503, b"", TransportError, "E808", False),
    (504, b"", TransportError, "E808", False),
    (500, b"", TransportError, "E808", False),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "kind", "code", "not_done"), TOLD)
def test_words_of_1c_come_before_statuses(
    status: int, body: bytes, kind: type[SyncdError], code: str, not_done: bool
) -> None:
    read = failures.of_answer(status, body, write=False, asked="GET Catalog_X")
    assert isinstance(read, kind)
    assert read.code == code
    written = failures.of_answer(status, body, write=True, asked="POST Document_X")
    assert isinstance(written, kind if not_done else UnknownOutcome)


@pytest.mark.parametrize(
    "text",
    [
        "У контрагента не найдена лицензия на продажу алкоголя",
        "Неправильное имя или пароль сервиса доставки",
        "Требуется обновление конфигурации весов",
        "Установлен монопольный режим кассы",
    ],
)
def test_words_of_the_configuration_are_not_taken_for_those_of_the_platform(text: str) -> None:
    error = failures.of_answer(500, frame(text), write=True, asked="POST Document_X")
    assert isinstance(error, RemoteError | Refused)


def test_a_404_without_a_word_of_1c_says_nothing_of_an_object() -> None:
    for body in (b"", b"<html>Not Found</html>", b'{"status":404}', b"not found"):
        error = failures.of_answer(404, body, write=False, asked="GET Catalog_X")
        assert not isinstance(error, failures.Missing | MappingError)


def test_blocked_sessions_are_maintenance_and_no_matter_of_passwords() -> None:
    body = body_of("session_blocked_403_virtual_resource.json") if ERRORS.is_dir() else b""
    if not body:
        pytest.skip("shared/corpus is not beside this checkout")
    error = failures.of_answer(403, body, write=True, asked="POST Document_X")
    assert isinstance(error, failures.Maintenance)
    assert error.retry_after == failures.MAINTENANCE_SECONDS
    assert "Ведутся технические работы" in error.text("ru")


def test_what_1c_repeats_of_our_data_does_not_reach_the_journal() -> None:
    text = (
        "Контрагент ivanov@example.ru, тел. +7 (912) 345-67-89, ИНН 7707083893,"
        " код 00000000-0000-0000-0000-000000000001"
    )
    said = problems.clean(text)
    for private in ("ivanov", "912", "7707083893"):
        assert private not in said
    assert "Контрагент" in said
    assert "00000000-0000-0000-0000-000000000001" in said


def test_a_long_text_is_cut_and_none_breaks_the_reader() -> None:
    assert len(problems.read(b"x" * 100_000).text) == problems.LONGEST
    for body in (b"\xff\xfe\x00", b"{", b"<", b"[]", b"{}", b'{"odata.error":null}', b"<a><b></a>", b"\xef\xbb\xbf"):
        problems.read(body)


@pytest.mark.parametrize("part", [b"<title>", b"<x><!--", b"<script ", b"<", b"<head ", b"<title", b'{"a":', b"["])
@pytest.mark.timeout(10)
def test_a_large_page_takes_no_time(part: bytes) -> None:
    assert problems.read(part * (200_000 // len(part))).kind == "page"


def test_of_a_large_page_its_beginning_is_read() -> None:
    style = "<style>" + "a{color:red}" * 2000 + "</style>"
    assert (
        problems.read(f"<html><title>Closed</title><p>till noon{style}</p></html>".encode()).text == "Closed till noon"
    )
