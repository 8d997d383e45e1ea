from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from syncd import config
from syncd.errors import ConfigError

SHIPPED = Path(__file__).resolve().parents[1] / "config" / "syncd.yaml"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Away from the checkout, whose config/syncd.yaml would be found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SYNCD_LANG")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setattr(config, "FILES", (Path("config/syncd.yaml"),))


def written(text: str) -> Path:
    Path("my.yaml").write_text(text, encoding="utf-8")
    return Path("my.yaml")


def refused(text: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        config.load(written(text))
    return caught.value


def origins(settings: config.Settings) -> dict[str, tuple[str, str]]:
    return {key: (value, origin) for key, value, origin in config.explain(settings)}


def test_without_file_and_environment_the_defaults_hold() -> None:
    settings = config.load()
    assert settings.database_url is None
    assert settings.api.host == "127.0.0.1"
    assert settings.exchange.file_limit_bytes == 10_485_760
    assert {origin for _, origin in origins(settings).values()} == {"default"}


def test_environment_stands_above_the_file_and_the_file_above_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_API__PORT", "9001")
    settings = config.load(written("api:\n  port: 9000\n  threads: 3\n"))
    assert (settings.api.port, settings.api.threads, settings.worker.threads) == (9001, 3, 2)
    told = origins(settings)
    assert told["api.port"] == ("9001", "env SYNCD_API__PORT")
    assert told["api.threads"] == ("3", "my.yaml:3")
    assert told["worker.threads"] == ("2", "default")


def test_the_file_is_found_by_its_variable_and_then_in_the_config_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config").mkdir()
    Path("config/syncd.yaml").write_text("worker: {threads: 3}\n")
    assert config.load().worker.threads == 3
    monkeypatch.setenv("SYNCD_CONFIG", str(written("worker: {threads: 4}\n")))
    assert config.load().worker.threads == 4


def test_a_file_that_was_asked_for_and_is_missing_is_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(Path("nowhere.yaml"))
    assert caught.value.code == "E402"
    assert "nowhere.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place", "hint"),
    [
        ("api:\n  prot: 1\n", "my.yaml:2:3", "Did you mean api.port?"),
        ("databse_url: postgresql://h/d\n", "my.yaml:1:1", "Did you mean database_url?"),
        ("# a remark\nport: 1\n", "my.yaml:2:1", "Did you mean api.port?"),
        ("exchnage:\n  zip: false\n", "my.yaml:1:1", "Did you mean exchange?"),
        ("log: {levle: info}\n", "my.yaml:1:7", "Did you mean log.level?"),
    ],
)
def test_an_unknown_key_is_named_with_its_place_and_the_nearest_one(text: str, place: str, hint: str) -> None:
    error = refused(text)
    assert error.code == "E401"
    assert str(error).startswith(f"E401 {place}: ")
    assert hint in str(error)


def test_a_key_like_no_other_gets_no_guess() -> None:
    assert "Did you mean" not in str(refused("zzzzqqq: 1\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("api: {port: 70000}\n", "Setting api.port: it must be at most 65535, not 70000 (my.yaml:1)."),
        ("\nworker:\n  threads: many\n", "Setting worker.threads: a whole number is needed, not 'many' (my.yaml:3)."),
        ("lang: de\n", "one of 'ru' or 'en' is needed, not 'de' (my.yaml:1)."),
        ("exchange: {zip: perhaps}\n", "true or false is needed, not 'perhaps' (my.yaml:1)."),
        ("redis_url: http://h\n", "must begin with one of redis://, rediss://, unix:// (my.yaml:1)."),
    ],
)
def test_a_wrong_value_is_named_with_its_key_and_place(text: str, said: str) -> None:
    error = refused(text)
    assert error.code == "E406"
    assert said in str(error)


def test_a_wrong_value_of_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_WORKER__LEASE_SECONDS", "1")
    with pytest.raises(ConfigError, match=r"E406.*at least 5.*SYNCD_WORKER__LEASE_SECONDS"):
        config.load()


def test_a_misspelt_variable_is_an_error_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_DATABSE_URL", "postgresql://h/d")
    with pytest.raises(ConfigError, match="did you mean SYNCD_DATABASE_URL"):
        config.load()


def test_a_section_given_as_text_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_API", "8080")
    with pytest.raises(ConfigError, match=r"E406.*SYNCD_API"):
        config.load()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("api:\n  port: [1\nlog: 2\n", "line 3"),
        ("api: 5\n", "line 1: keys with values are expected"),
        ("api: {port: 1, port: 2}\n", "line 1: port is given twice"),
        ("- a\n", "line 1"),
    ],
)
def test_broken_yaml_is_an_e402_with_its_line(text: str, said: str) -> None:
    error = refused(text)
    assert error.code == "E402"
    assert said in str(error)


def test_an_empty_file_or_section_changes_nothing() -> None:
    assert config.load(written("")).model_dump() == config.load().model_dump()
    assert config.load(written("api:\n  # port: 1\n")).api.port == 8080


def test_passwords_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_DATABASE_URL", "postgresql://u:canary-1@db/x?sslpassword=canary-2&a=b")
    told = origins(config.load(written("redis_url: redis://:canary-3@h/0\n")))
    assert told["database_url"] == ("postgresql://u:***@db/x?sslpassword=***&a=b", "env SYNCD_DATABASE_URL")
    assert told["redis_url"] == ("redis://:***@h/0", "my.yaml:1")
    monkeypatch.setenv("SYNCD_DATABASE_URL", "mysql://u:canary-4@db/x")
    with pytest.raises(ConfigError) as caught:
        config.load()
    assert "canary" not in str(caught.value)


def test_errors_speak_russian_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNCD_LANG", "ru")
    assert "неизвестный ключ 'langg'. Возможно, lang?" in refused("langg: ru\n").text()
    assert "должно быть не больше 65535" in refused("api: {port: 70000}\n").text()


def test_the_shipped_file_has_every_key_with_its_default() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    stated = config.load(SHIPPED)
    assert stated.model_dump() == config.load().model_dump()
    keys = {key for key, _, origin in config.explain(stated) if origin != "default"}
    for key, _, _ in config.explain(stated):
        assert key in keys or f"\n# {key}: " in text
    assert yaml.safe_load(text)["exchange"]["zip"] is True
