"""The command line: one file per noun. A noun's module is imported when it is asked for, so that ``--help`` stays
quick.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Final

import click
from rich.console import Console

from syncd import __version__, i18n
from syncd.cli.codes import exit_code
from syncd.errors import SyncdError
from syncd.i18n import tr

NOUNS: Final[dict[str, tuple[str, str]]] = {
    "up": ("roles", "up"),
    "api": ("roles", "api"),
    "worker": ("roles", "worker"),
    "scheduler": ("roles", "scheduler"),
    "import": ("imports", "import_"),
    "status": ("status", "status"),
    "journal": ("journal", "journal"),
    "package": ("package", "package"),
    "outbox": ("outbox", "outbox"),
    "infobase": ("infobase", "infobase"),
    "key": ("key", "key"),
    "config": ("config", "config"),
    "db": ("db", "db"),
    "emulate": ("emulate", "emulate"),
    "demo": ("demo", "demo"),
}
"""Command name to its module in this package and the command's name there."""


class Nouns(click.Group):
    """Finds a command's module when it is called for; plural names work too."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of a day's work, not of the alphabet."""
        del ctx
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        del ctx
        name = cmd_name if cmd_name in NOUNS else cmd_name.removesuffix("s")
        if name not in NOUNS:
            return None
        module, attribute = NOUNS[name]
        command: click.Command = getattr(import_module(f"syncd.cli.{module}"), attribute)
        return command


@click.group(cls=Nouns, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="syncd")
@click.option("--lang", type=click.Choice(["ru", "en"]), help="Language of messages / язык сообщений",
              expose_value=False, is_eager=True, callback=lambda _ctx, _param, value: _speak(value))  # fmt: skip
def cli() -> None:
    """syncd stands between a web storefront and 1C / syncd стоит между витриной и 1С."""


def _speak(language: i18n.Language | None) -> None:
    """The flag stands above environment and file, for the processes we start too."""
    if language:
        os.environ["SYNCD_LANG"] = language
        i18n.use(language)


def main() -> None:
    """Run the command line; an error becomes one clear message and a documented exit code."""
    try:
        status = cli.main(standalone_mode=False)  # click hands back the code of an Exit, and a command's own result
        sys.exit(status if isinstance(status, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        Console(stderr=True).print(tr("Interrupted.", "Прервано."))
        sys.exit(130)
    except SyncdError as error:
        Console(stderr=True, soft_wrap=True).print(f"[bold red]{error.code}[/] {_escaped(error)}", highlight=False)
        sys.exit(exit_code(error))


def _escaped(error: SyncdError) -> str:
    from rich.markup import escape

    return escape(error.text())
