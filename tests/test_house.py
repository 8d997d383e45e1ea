"""What the whole house keeps to, and no linter looks at."""

from __future__ import annotations

import ast
import re
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from syncd.errors import CATALOGUE

ROOT = Path(__file__).resolve().parents[1]
MODULE_LINES = 400
FUNCTION_LINES = 60
# Written so that this file does not find itself.
REGISTRIES = re.compile(
    "|".join(["pypi" + r"\.org", "python" + r"hosted\.org", "npm" + r"js\.(?:org|com)", "--(?:extra-)?index" + "-url"])
)
MACHINE = re.compile(r"(?<![\w.~-])/(?:work|root|Users|home/\w+)/[\w.-]+")
CREDENTIALS = re.compile(
    "|".join([
        "-----BEGIN" + r" (?:[A-Z]+ )*PRIVATE KEY",
        r"\bgh[pousr]_" + r"[A-Za-z0-9]{30,}",
        r"\bAKIA" + r"[0-9A-Z]{16}\b",
        r"\bsk_" + r"[A-Za-z0-9_-]{40,}",
        r"\bxox[abp]-" + r"[A-Za-z0-9-]{20,}",
    ])
)  # fmt: skip


def tracked() -> list[Path]:
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def found(pattern: re.Pattern[str]) -> list[str]:
    hits = []
    for path in tracked():
        text = path.read_text(encoding="utf-8", errors="replace")
        lines = enumerate(text.splitlines(), 1)
        hits += [f"{path.relative_to(ROOT)}:{number}" for number, line in lines if pattern.search(line)]
    return hits


def modules() -> Iterator[tuple[Path, str]]:
    for folder in ("syncd", "bench"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "versions" not in path.parts:  # a migration is as long as its tables
                yield path, path.read_text(encoding="utf-8")


def test_no_file_names_a_package_registry() -> None:
    assert found(REGISTRIES) == []


def test_no_file_names_a_folder_of_the_machine_it_was_written_on() -> None:
    assert found(MACHINE) == []


def test_no_file_holds_what_looks_like_a_credential() -> None:
    assert found(CREDENTIALS) == []


def test_the_searches_find_what_they_are_for() -> None:
    assert REGISTRIES.search("https://" + "pypi" + ".org/simple")
    assert MACHINE.search("see " + "/" + "root/project")
    assert not MACHINE.search("Path(__file__).parent / 'work'")
    assert CREDENTIALS.search("-----BEGIN" + " RSA PRIVATE KEY-----")
    assert CREDENTIALS.search("sk_" + "x" * 43)


def test_every_package_of_the_lock_has_a_version_and_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert len(lines) > 20
    for line in lines:
        assert re.match(r"[A-Za-z0-9._\[\],-]+==[^ ;]+", line), line[:80]
        assert "--hash=sha256:" in line, line[:80]


def test_the_lock_has_every_package_the_project_asks_for() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    locked = {name.lower().replace("_", "-") for name in re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)}
    section = project[project.index("dependencies = [") : project.index("[project.scripts]")]
    wanted = {name.lower().replace("_", "-") for name in re.findall(r'^  "([\w.-]+)', section, re.MULTILINE)}
    assert len(wanted) > 10
    assert wanted <= locked


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_an_error_says_the_same_in_both_languages(code: str) -> None:
    text = CATALOGUE[code]
    assert re.fullmatch(r"E[1-9]\d\d", code)
    if re.search(r"[A-Za-z]{3}", re.sub(r"{\w+[^}]*}", "", text.en)):  # more than places and punctuation
        assert re.search("[А-Яа-яЁё]", text.ru)
    assert not re.search("[А-Яа-яЁё]", re.sub(r"<\w+>|Ид", "", text.en))
    named = [{name for _, name, _, _ in string.Formatter().parse(said) if name} for said in (text.en, text.ru)]
    assert named[0] == named[1]


def test_every_error_code_that_is_raised_is_in_the_catalogue() -> None:
    raised = {
        code for _, text in modules() for code in re.findall(r"Error\(\s*\"(E\d{3})\"|Refused\(\s*\"(E\d{3})\"", text)
    }
    codes = {code for pair in raised for code in pair if code}
    assert codes
    assert codes <= set(CATALOGUE)


def test_whoever_names_what_is_not_there_says_where_to_look() -> None:
    silent = []
    for path, text in modules():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and any(isinstance(a, ast.Constant) and a.value == "E305" for a in node.args):
                stated = {each.arg for each in node.keywords}
                stated |= {key.value for a in node.args if isinstance(a, ast.Dict) for key in a.keys if key}  # type: ignore[attr-defined]
                silent += [] if "shown" in stated else [f"{path.relative_to(ROOT)}:{node.lineno}"]
    assert silent == []


def test_no_module_is_too_long_to_read_at_one_sitting() -> None:
    catalogue = ROOT / "syncd" / "errors.py"  # a list of texts
    lengths = {str(path.relative_to(ROOT)): len(text.splitlines()) for path, text in modules() if path != catalogue}
    assert {name: length for name, length in lengths.items() if length > MODULE_LINES} == {}


def test_every_function_fits_on_a_screen() -> None:
    long = {}
    for path, text in modules():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    long[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = length
    assert long == {}
