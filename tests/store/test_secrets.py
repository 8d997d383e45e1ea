"""Secrets at rest: sealed with the first key, opened with any, shown by nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from pydantic import SecretStr

from syncd import config
from syncd.config import Settings
from syncd.errors import ConfigError
from syncd.store import endpoints, secrets
from syncd.store.db import Database
from syncd.store.secrets import Keys, new_key


def test_what_one_key_sealed_another_does_not_open() -> None:
    sealed = Keys([new_key()]).seal("пароль")
    with pytest.raises(ConfigError) as raised:
        Keys([new_key()]).open(sealed)
    assert raised.value.code == "E920"
    assert raised.value.__suppress_context__


def test_all_keys_open_and_the_first_seals() -> None:
    old, new = new_key(), new_key()
    sealed = Keys([old]).seal("пароль")
    both = Keys([new, old])
    assert both.open(sealed) == "пароль"
    assert Keys([new]).open(both.reseal(sealed)) == "пароль"


def test_a_text_that_is_no_key_is_an_error_that_does_not_repeat_it() -> None:
    with pytest.raises(ConfigError) as raised:
        Keys(["hunter2"])
    assert raised.value.code == "E406"
    assert "hunter2" not in str(raised.value)


def test_the_key_file_is_made_once_and_only_its_owner_reads_it(home: Path) -> None:
    first = secrets.keys(Settings())
    sealed = first.seal("x")
    file = home / "secret.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secrets.keys(Settings()).open(sealed) == "x"
    assert [path.name for path in home.iterdir()] == ["secret.key"]


def test_a_key_file_that_others_may_read_is_refused(home: Path) -> None:
    secrets.keys(Settings())
    (home / "secret.key").chmod(0o640)
    with pytest.raises(ConfigError) as raised:
        secrets.keys(Settings())
    assert raised.value.code == "E921"


def test_a_process_that_runs_opens_what_a_key_added_since_has_sealed(home: Path) -> None:
    running = secrets.keys(Settings())
    assert secrets.add_key(Settings()) == home / "secret.key"
    sealed = secrets.keys(Settings()).seal("x")
    assert running.open(sealed) == "x"


def test_rotation_seals_every_secret_anew_so_that_the_old_key_can_go(home: Path, database_url: str) -> None:
    del home
    db = Database(database_url, size=1)
    with db.transaction() as conn:
        sealed = secrets.keys(Settings()).seal("пароль")
        endpoints.add(conn, "t", name="ut", kind="http_service", address="http://x", takes=["order"], sealed=sealed)
        secrets.add_key(Settings())
        assert secrets.rotate(conn, secrets.keys(Settings())) == 1
        assert secrets.forget_old(Settings()) == 1
        found = endpoints.by_name(conn, "t", "ut")
        assert found is not None
        assert found.secret(secrets.keys(Settings())) == "пароль"
    db.close()


def test_nothing_shows_a_secret(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    key = new_key()
    monkeypatch.setenv("SYNCD_SECRET_KEY", key)
    settings = Settings()
    shown = [value for name, value, _ in config.explain(settings) if name == "secret_key"]
    assert shown == ["**********"]
    assert key not in repr(settings) + repr(secrets.keys(settings))
    db = Database(database_url, size=1)
    with db.transaction() as conn:
        sealed = secrets.keys(settings).seal("hunter2")
        made, _ = endpoints.add(conn, "t", name="x", kind="webhook", address="http://x", takes=["*"], sealed=sealed)
    db.close()
    assert made.has_secret
    assert "hunter2" not in repr(made) + repr(endpoints.shown(made))
    assert sealed.decode() not in repr(made) + repr(endpoints.shown(made))


def test_several_keys_of_the_setting_are_split_at_commas() -> None:
    old, new = new_key(), new_key()
    sealed = Keys([old]).seal("x")
    assert secrets.keys(Settings(secret_key=SecretStr(f"{new}, {old}"))).open(sealed) == "x"
    assert "SYNCD_SECRET_KEY" not in os.environ
