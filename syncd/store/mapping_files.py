"""Mappings on disk: the presets that syncd brings, and the files of 1C developers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import syncd
from syncd.errors import MappingError
from syncd.i18n import tr
from syncd.mappings.loading import Mapping, read

_PACKAGE: Final = Path(syncd.__file__).parent
_FOLDERS: Final = (_PACKAGE / "_config" / "mappings", _PACKAGE.parent / "config" / "mappings")
"""Where the presets lie in an installed syncd, and in a checkout."""


def presets() -> dict[str, Path]:
    """The presets by name."""
    folder = next((found for found in _FOLDERS if found.is_dir()), None)
    found = sorted(folder.glob("*.yaml")) if folder else []
    return {path.stem: path for path in found if "." not in path.stem and path.stem != "orders"}


def load(path: Path) -> Mapping:
    """Read a mapping; what it extends lies beside it, or is a preset. A preset's name stands for its file.

    Raises ``MappingError`` E702 for what is no readable file, and what ``read`` raises.
    """
    known = presets()
    path = known.get(str(path), path) if not path.exists() else path

    def find(name: str) -> str | None:
        beside = path.with_name(f"{name}.yaml")
        if beside.is_file() and beside.resolve() != path.resolve():
            return text_of(beside)
        return text_of(known[name]) if name in known else None

    return read(text_of(path), str(path), find, known)


def text_of(path: Path) -> str:
    """The text of a file. Raises ``MappingError`` E702."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        detail = tr("there is no such file", "такого файла нет") if isinstance(error, FileNotFoundError) else str(error)
        raise MappingError("E702", place=str(path), detail=detail) from error
    except UnicodeDecodeError as error:
        detail = tr(f"byte {error.start} is not UTF-8", f"байт {error.start} не в UTF-8")
        raise MappingError("E702", place=str(path), detail=detail) from error
