from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Run


def test_settings_that_are_right_are_ok_and_say_where_they_come_from(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("api:\n  port: 9000\n", encoding="utf-8")
    monkeypatch.setenv("SYNCD_CONFIG", str(file))
    ran = run("config", "check")
    assert (ran.code, ran.out.strip()) == (0, f"OK {file}")
    assert run("config", "check", "-o", "json").json == {"ok": True, "file": str(file), "errors": []}


def test_every_mistake_is_told_with_its_place(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("api:\n  prot: 9000\n  threads: no\nworker:\n  threads: 0\nlog: loud\n", encoding="utf-8")
    monkeypatch.setenv("SYNCD_CONFIG", str(file))
    monkeypatch.setenv("SYNCD_HOMME", "x")
    ran = run("config", "check")
    assert ran.code == 7
    for said in (f"{file}:2:3", "api.port", f"({file}:3)", f"({file}:5)", "line 6", "SYNCD_HOMME", "SYNCD_HOME"):
        assert said in ran.out
    document = run("config", "check", "-o", "json").json
    assert document["ok"] is False
    assert [error["code"] for error in document["errors"]] == ["E406", "E401", "E402", "E406", "E406"]


@pytest.mark.parametrize(
    ("text", "said"), [("a: [", "not YAML"), ("- a", "keys with values"), ("api: {}\napi: {}", "twice")]
)
def test_a_file_that_cannot_be_read_is_one_of_the_mistakes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, said: str
) -> None:
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("SYNCD_CONFIG", str(tmp_path / "mine.yaml"))
    ran = run("config", "check")
    assert ran.code == 7
    assert said in ran.out
    assert run("config", "show").code == 7


def test_show_masks_passwords_and_tells_origins(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_DATABASE_URL", "postgresql://bob:hush-hush@db/x?password=hush-hush")
    for words in ([], ["--origin"], ["-o", "json"], ["-o", "jsonl"]):
        ran = run("config", "show", *words)
        assert ran.code == 0
        assert "bob:***@db" in ran.out
        assert "hush" not in ran.out + ran.err
    rows = {row["key"]: row for row in run("config", "show", "-o", "json").json}
    assert rows["database_url"]["origin"] == "env SYNCD_DATABASE_URL"
    assert rows["api.port"]["origin"] == "default"


def test_a_secret_is_not_told_when_the_check_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_DATABASE_URL", "mysql://bob:hush-hush@db/x")
    ran = run("config", "check")
    assert ran.code == 7
    assert "database_url" in ran.out
    assert "hush" not in ran.out + ran.err


def test_texts_are_russian_for_russians(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_LANG", "ru")
    monkeypatch.setenv("SYNCD_API__PORT", "many")
    assert "нужно целое число" in run("config", "check").out


def test_a_mistake_in_the_orders_mapping_is_told_too(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = tmp_path / "orders.yaml"
    words.write_text("payments:\n  card: {nam: Карта}\n", encoding="utf-8")
    monkeypatch.setenv("SYNCD_EXCHANGE__ORDERS_MAPPING", str(words))
    ran = run("config", "check")
    assert (ran.code, f"{words}:2:10" in ran.out, "name" in ran.out) == (7, True, True)
