"""What the README and the pages of docs/ promise is there: links, anchors, commands, options, both languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import pytest

from syncd.cli import cli

ROOT: Final = Path(__file__).resolve().parents[1]
PAGES: Final = sorted([*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")])
FENCE: Final = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"(?<!\!)\[[^\]]+\]\(([^)\s]+)\)")
HEADING: Final = re.compile(r"^(#{1,6}) (.+)$", re.MULTILINE)
COMMAND: Final = re.compile(
    r"(?:^|[`|;(]|&&|->|=\$\()\s*(?:[A-Z_]+=\S+ +)*(syncd|make)((?: +[^\s`|;)]+)*)", re.MULTILINE
)
MACHINE: Final = re.compile(r"(?<![\w.])/(?:work|tmp|root|home)/[\w.]+")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def prose(page: Path) -> str:
    """The page without its fenced blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def headings(page: Path) -> list[tuple[int, str]]:
    """Level and text of each heading."""
    return [(len(found[1]), found[2].strip()) for found in HEADING.finditer(prose(page))]


def anchors(page: Path) -> set[str]:
    """The anchors a renderer gives to the headings: lower case, no punctuation, blanks to hyphens, repeats numbered."""
    made: dict[str, int] = {}
    found = set()
    for _, text in headings(page):
        kept = (c for c in text.lower() if c in " -_" or unicodedata.category(c)[0] in "LNM")
        slug = "".join(kept).replace(" ", "-")
        found.add(f"{slug}-{made[slug]}" if slug in made else slug)
        made[slug] = made.get(slug, 0) + 1
    return found


def shell(language: str, block: str) -> str:
    """What is typed in a fenced block: of a console the lines after the prompt, and the hints after an arrow."""
    lines = block.replace("\\\n", " ").splitlines()
    if language == "console":
        lines = [found[1] for line in lines if (found := re.search(r"(?:^\s*\$ |-> +)(.+)", line))]
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Every ``syncd …`` and ``make …`` that stands in a fenced block or in back quotes."""
    text = page.read_text(encoding="utf-8")
    typed = [shell(found[1], found[2]) for found in FENCE.finditer(text) if found[1] in {"sh", "console"}]
    typed += re.findall(r"`((?:[A-Z_]+=\S+ )?(?:syncd|make) [^`\n]+)`", prose(page))
    for found in COMMAND.finditer("\n".join(typed)):
        yield found[1], found[2].split()


def resolved(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that these words call, and the words behind it. Fails when there is none."""
    command: click.Command = cli
    rest = list(words)
    if rest[:1] == ["--lang"]:
        rest = rest[2:]
    while isinstance(command, click.Group) and rest and re.fullmatch(r"[a-z]+", rest[0]):
        inner = command.get_command(click.Context(command), rest[0])
        assert inner is not None, f"no such command: syncd {' '.join(words)}"
        command, rest = inner, rest[1:]
    return command, rest


def test_there_is_a_readme_and_each_page_of_docs_has_its_twin() -> None:
    names = {page.relative_to(ROOT).as_posix() for page in PAGES}
    assert {"README.md", "README.ru.md"} <= names
    for name in names:
        twin = name.replace(".ru.md", ".md") if name.endswith(".ru.md") else name.replace(".md", ".ru.md")
        assert twin in names, f"{name} has no twin {twin}"


@each_page
def test_every_relative_link_and_anchor_resolves(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        aimed = (page.parent / path).resolve() if path else page
        assert aimed.exists(), f"{page.name}: {target} does not exist"
        if anchor and aimed.suffix == ".md":
            assert anchor in anchors(aimed), f"{page.name}: {target} has no such heading"


@each_page
def test_every_command_that_is_named_exists_with_its_options(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for program, words in commands(page):
        if program == "make":
            assert set(words[:1]) & targets, f"{page.name}: make {' '.join(words)}"
            continue
        command, rest = resolved(words)
        known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        for word in rest:
            if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word) and word not in {"-h", "--help", "--version"}:
                assert word.partition("=")[0] in known, f"{page.name}: syncd {' '.join(words)}: {word}"


@pytest.mark.parametrize(
    "page", [page for page in PAGES if not page.name.endswith(".ru.md")], ids=lambda page: page.stem
)
def test_twins_have_the_same_headings_by_level_and_the_same_number_of_examples(page: Path) -> None:
    twin = page.with_name(page.name.replace(".md", ".ru.md"))
    assert [level for level, _ in headings(page)] == [level for level, _ in headings(twin)]
    assert len(FENCE.findall(page.read_text("utf-8"))) == len(FENCE.findall(twin.read_text("utf-8")))


@each_page
def test_no_page_shows_a_path_of_somebodys_machine_or_a_whole_api_key(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert not MACHINE.findall(text)
    assert not re.findall(r"sk_[\w-]{20,}", text)
