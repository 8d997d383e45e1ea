"""What docs/events tells developers to paste does what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from syncd.adapters.webhooks import body_of, checked, headers_of, new_secret
from syncd.queue.events import NAMES

PAGES = [Path(__file__).resolve().parents[1] / "docs" / name for name in ("events.md", "events.ru.md")]
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def block(page: Path, language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def message(secret: str) -> tuple[dict[str, str], bytes]:
    body = body_of({"type": "order.changed", "timestamp": "t", "data": {"number": "Заказ"}, "count": 2})
    return headers_of([checked(new_secret()), checked(secret)], "m1", body, datetime.now(UTC)), body


@each_page
def test_the_python_takes_what_syncd_signs_and_nothing_else(page: Path) -> None:
    pasted: dict[str, Any] = {}
    exec(compile(block(page, "python"), page.name, "exec"), pasted)
    secret = new_secret()
    headers, body = message(secret)
    assert pasted["receive"](secret, headers, body)["data"] == {"number": "Заказ"}
    assert pasted["receive"](new_secret(), headers, body) is None
    assert pasted["receive"](secret, headers, body + b" ") is None


@each_page
def test_the_php_takes_what_syncd_signs_and_nothing_else(page: Path, tmp_path: Path) -> None:
    if shutil.which("php") is None:
        pytest.skip("php is not installed")
    secret = new_secret()
    headers, body = message(secret)
    functions = block(page, "php").partition("$event =")[0]
    (tmp_path / "case.json").write_text(json.dumps([secret, headers, body.decode()]), encoding="utf-8")
    script = (
        functions
        + """
        [$s, $h, $b] = json_decode(file_get_contents($argv[1]), true);
        echo json_encode([receive($s, $h, $b) !== null, receive($s, $h, $b . ' ') === null]);
    """
    )
    (tmp_path / "case.php").write_text(script, encoding="utf-8")
    ran = subprocess.run(["php", "case.php", "case.json"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == [True, True]


@each_page
def test_every_event_is_described(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}`" not in text] == []
