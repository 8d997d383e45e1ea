"""The command line: one file per noun. A noun's module is imported when it is asked for, so that ``--help`` stays
quick.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Final, NamedTuple

import click
from rich.console import Console

from syncd import __version__, i18n
from syncd.cli.codes import exit_code, in_words
from syncd.cli.examples import attach
from syncd.errors import SyncdError
from syncd.i18n import tr


class Noun(NamedTuple):
    """A command: its module in this package, its name there, and what it is for in one line."""

    module: str
    attribute: str
    help: str


NOUNS: Final[dict[str, Noun]] = {
    "up": Noun("roles", "up", "Run every role in this terminal / запустить все роли в этом терминале."),
    "api": Noun("roles", "api", "Serve storefronts and 1C over HTTP / обслуживать витрины и 1С по HTTP."),
    "worker": Noun("roles", "worker", "Import packages and deliver / импортировать пакеты и доставлять."),
    "scheduler": Noun("roles", "scheduler", "Run what is due by the clock / запускать то, чему пора по расписанию."),
    "import": Noun(
        "imports",
        "import_",
        "Import CommerceML files, zips or folders / импортировать файлы CommerceML, архивы или папки.",
    ),
    "status": Noun(
        "status",
        "status",
        "One screen: what is alive, what waits, what failed / один экран: что живо, что ждёт, что не удалось.",
    ),
    "journal": Noun(
        "journal",
        "journal",
        "Every exchange: what, where, why, who fixes it / все обмены: что, где, почему, кто исправит.",
    ),
    "issue": Noun(
        "issue",
        "issue",
        "Failures of one kind: open ones, who mends them / ошибки одного вида: открытые, кто исправит.",
    ),
    "webhook": Noun("webhook", "webhook", "Events to storefronts, signed / события витринам, с подписью."),
    "package": Noun("package", "package", "What 1C sent, and importing it again / что прислала 1С и повторный импорт."),
    "outbox": Noun("outbox", "outbox", "Orders on their way to 1C / заказы на пути в 1С."),
    "replay": Noun(
        "replay",
        "replay",
        "Send, import or pull again, as a batch / отправить, импортировать или получить снова.",
    ),
    "batch": Noun("batch", "batch", "Actions on many things: progress, pause / действия над многим: ход, пауза."),
    "schedule": Noun("schedule", "schedule", "What is pulled from 1C and when / что и когда получаем из 1С."),
    "mapping": Noun("mapping", "mapping", "What is where in a base of 1C, in YAML / что где лежит в базе 1С, в YAML."),
    "metadata": Noun("metadata", "metadata", "What a base publishes over OData / что база публикует через OData."),
    "infobase": Noun(
        "infobase",
        "infobase",
        "Bases of 1C that may exchange with us / базы 1С, которым разрешён обмен.",
    ),
    "endpoint": Noun(
        "endpoint",
        "endpoint",
        "Targets we call: bases of 1C, webhooks, people / кого вызываем мы: базы 1С, вебхуки, люди.",
    ),
    "key": Noun("key", "key", "API keys of storefronts / API-ключи витрин."),
    "secret": Noun("secret", "secret", "Keys that seal stored passwords / ключи, которыми запечатаны пароли."),
    "config": Noun("config", "config", "The settings in force / действующие настройки."),
    "db": Noun("db", "db", "The database: schema and size / база данных: схема и размер."),
    "emulate": Noun("emulate", "emulate", "Be a 1C for any exchange address / сыграть 1С для любого адреса обмена."),
    "demo": Noun("demo", "demo", "Show a whole exchange with an emulated 1C / показать целый обмен с 1С-эмулятором."),
}
"""By the word that is typed."""


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
        noun = NOUNS[name]
        command: click.Command = getattr(import_module(f"syncd.cli.{noun.module}"), noun.attribute)
        attach(command, name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``, without importing what stands behind it."""
        limit = formatter.width - 6 - max(map(len, NOUNS))
        names = self.list_commands(ctx)
        with formatter.section("Commands"):
            formatter.write_dl([
                (name, click.Command(name, help=NOUNS[name].help).get_short_help_str(limit)) for name in names
            ])  # fmt: skip

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What every command has in common: its exit codes."""
        del ctx
        formatter.write_paragraph()
        formatter.write_text(tr("Exit codes: ", "Коды возврата: ") + in_words() + ".")


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
