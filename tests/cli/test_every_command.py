"""What holds for each command: examples that can be typed, JSON that programs can read, ids that are not found."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator

import click
import pytest

from syncd import cli
from syncd.cli import codes
from syncd.cli.examples import EXAMPLES
from syncd.store.db import Database

from .conftest import Run


def leaves(command: click.Command = cli.cli, words: str = "") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by its words."""
    if not isinstance(command, click.Group):
        yield words, command
        return
    for name in command.list_commands(click.Context(command)):
        inner = command.get_command(click.Context(command), name)
        assert inner is not None
        yield from leaves(inner, f"{words} {name}".strip())


ALL = dict(leaves())
PLAIN = sorted(
    words
    for words, command in ALL.items()
    if any(parameter.name == "output" for parameter in command.params)
    and not any(parameter.required for parameter in command.params)
    and words.split()[-1] in {"list", "tail", "events", "history", "status", "check", "size", "show"}
)
UNKNOWN = sorted(
    words
    for words, command in ALL.items()
    if [p.name for p in command.params if isinstance(p, click.Argument) and p.required] in (["word"], ["name"])
    and words.split()[-1] not in {"create", "add"}
)


def test_each_command_has_examples_and_each_example_a_command() -> None:
    assert sorted(EXAMPLES) == sorted(ALL)


@pytest.mark.parametrize("words", EXAMPLES)
def test_an_example_can_be_typed_as_it_stands(words: str) -> None:
    command = ALL[words]
    for example in EXAMPLES[words]:
        assert example.startswith(words)
        typed = shlex.split(example.removeprefix(words).partition(" < ")[0].partition(" > ")[0])
        context = click.Context(command)
        values, left, _ = command.make_parser(context).parse_args(typed)  # raises for an option it does not know
        assert left == []
        for parameter in command.params:
            assert not parameter.required or values.get(parameter.name or "") is not None, (example, parameter.name)
            if isinstance(parameter.type, click.Choice) and isinstance(values.get(parameter.name or ""), str):
                parameter.type.convert(values[parameter.name or ""], parameter, context)


def test_help_shows_examples_and_the_exit_codes_in_the_language_asked_for(run: Run) -> None:
    shown = run("--lang", "ru", "replay", "--help").out
    assert "Примеры:\n    syncd replay --issue" in shown
    assert "Examples:\n    syncd replay --issue" in run("--lang", "en", "replay", "--help").out
    shown = " ".join(run("--lang", "en", "--help").out.split())
    assert "Exit codes: 0 done" in shown
    numbers = [value for value in vars(codes).values() if isinstance(value, int)]
    assert len(numbers) == 9
    assert all(f" {number} " in shown for number in numbers)


@pytest.mark.parametrize("words", PLAIN)
def test_json_is_one_document_and_jsonl_a_document_a_line(run: Run, db: Database, words: str) -> None:
    ran = run(*words.split(), "-o", "json")
    assert ran.code == 0, ran.err
    assert isinstance(json.loads(ran.out), list | dict)
    lines = run(*words.split(), "-o", "jsonl").out.splitlines()
    assert all(isinstance(json.loads(line), list | dict) for line in lines)


def _given(words: str) -> list[str]:
    """The arguments of a command about something that is not there."""
    given = ["nobody-has-this"]
    for parameter in ALL[words].params:
        if isinstance(parameter, click.Option) and (parameter.name in {"yes", "reason"} or parameter.required):
            given += [parameter.opts[-1]] if parameter.is_flag else [parameter.opts[-1], "x"]
    return given


@pytest.mark.parametrize("words", UNKNOWN)
def test_what_is_not_there_is_said_in_a_sentence_with_exit_code_3(run: Run, db: Database, words: str) -> None:
    ran = run(*words.split(), *_given(words))
    assert (ran.code, ran.out) == (3, ""), ran.err
    assert ran.err.startswith("E305 ")
    assert "nobody-has-this" in ran.err


@pytest.mark.parametrize("words", UNKNOWN)
def test_who_asks_for_what_is_not_there_is_told_what_to_type(run: Run, db: Database, words: str) -> None:
    ran = run("--lang", "ru", *words.split(), *_given(words))
    shown = re.findall(r"`syncd (.+?)`", ran.err)
    assert shown, ran.err
    for line in shown:
        assert run(*shlex.split(line)).code == 0, line
