"""What to type: the examples that stand under each command's ``--help``."""

from __future__ import annotations

from typing import Final

import click

from syncd.i18n import tr

EXAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "up": ("up", "up --port 8080"),
    "api": ("api --host 0.0.0.0 --port 8080",),
    "worker": ("worker",),
    "scheduler": ("scheduler",),
    "import": ("import import0_1.xml offers0_1.xml", "import export.zip --tenant acme"),
    "status": ("status", "status --watch", "status -o json"),
    "journal tail": (
        "journal tail -f",
        "journal tail --unresolved",
        'journal tail --where "kind:pull outcome:failed after:-3h"',
    ),
    "journal show": ("journal show af30b305",),
    "issue list": ("issue list", "issue list --owner 1c-developer --since 1d"),
    "issue show": ("issue show 652ec6b7",),
    "issue assign": ("issue assign 652ec6b7 anna",),
    "issue mute": ('issue mute 652ec6b7 --for 2h --note "INC-12"',),
    "issue note": ('issue note 652ec6b7 "1C developer is told"',),
    "issue reopen": ("issue reopen 652ec6b7",),
    "issue resolve": ('issue resolve 652ec6b7 --note "INC-12"',),
    "webhook add": ("webhook add shop https://shop.example/hooks/syncd --takes 'order.*' --storefront shop",),
    "webhook events": ("webhook events",),
    "webhook list": ("webhook list",),
    "webhook listen": ("webhook listen --port 8090 --endpoint dev",),
    "webhook rotate": ("webhook rotate shop --overlap 24h",),
    "webhook sign": ("webhook sign body.json --endpoint shop",),
    "webhook test": ("webhook test shop", "webhook test shop --queue"),
    "webhook verify": ("webhook verify body.json --endpoint shop --id 01a2… --timestamp 1790000000 --signature v1,…",),
    "package list": ("package list", "package list --state held"),
    "package show": ("package show af30b305",),
    "package export": ("package export af30b305 --to out",),
    "package replay": ('package replay af30b305 --reason "mended in 1C"',),
    "package approve": ('package approve d29c095a --reason "range cut, confirmed by purchasing"',),
    "package reject": ('package reject d29c095a --reason "1C did not export everything"',),
    "outbox list": ("outbox list", "outbox list --state rejected", 'outbox list --where "code:E934 after:-3h"'),
    "outbox show": ("outbox show WEB-1001",),
    "outbox retry": (
        'outbox retry WEB-1001 --reason "item fixed in 1C" --dry-run',
        'outbox retry --where "state:rejected code:E934" --reason "INC-12"',
    ),
    "outbox cancel": ('outbox cancel WEB-1001 --reason "the customer called"',),
    "outbox hold": ('outbox hold WEB-1001 --reason "credit check"',),
    "outbox release": ('outbox release WEB-1001 --reason "credit is fine"',),
    "replay": (
        "replay --issue 652ec6b7 --dry-run",
        'replay --issue 652ec6b7 --reason "INC-12"',
        'replay --where "state:rejected code:E934" --from -3h --rate 30/m --reason "INC-12"',
        'replay --what package --from 10:30 --to now --reason "a setting was wrong"',
    ),
    "batch list": ("batch list",),
    "batch show": ("batch show 3aae5270 --watch",),
    "batch pause": ('batch pause 3aae5270 --reason "1C is slow"',),
    "batch resume": ("batch resume 3aae5270",),
    "batch cancel": ('batch cancel 3aae5270 --reason "wrong filter"',),
    "schedule list": ("schedule list", "schedule list --all"),
    "schedule history": ("schedule history stocks --limit 50",),
    "schedule next": ("schedule next settlements -n 5",),
    "schedule run": ("schedule run stocks --wait", "schedule run stocks --full --wait"),
    "schedule pause": ('schedule pause stocks --reason "stocktaking" --for 2h',),
    "schedule resume": ("schedule resume stocks",),
    "mapping init": ("mapping init ut11 --file trade.yaml", "mapping init --base ut11"),
    "mapping check": ("mapping check trade.yaml --base ut11",),
    "mapping preview": ("mapping preview trade.yaml -s products -r record.json",),
    "mapping test": ("mapping test trade.yaml",),
    "mapping diff": ("mapping diff trade@3 trade.yaml -s products -r records.json",),
    "mapping publish": ('mapping publish trade.yaml --base ut11 --reason "weights"',),
    "mapping rollback": ('mapping rollback trade 3 --reason "weights were wrong"',),
    "mapping history": ("mapping history trade",),
    "mapping schema": ("mapping schema > mapping.schema.json",),
    "metadata pull": ("metadata pull http://server/trade --base ut11 --login odata --password-stdin",),
    "metadata show": ("metadata show Catalog_Номенклатура --base ut11",),
    "metadata search": ("metadata search номенклатура вид --base ut11",),
    "metadata watch": ("metadata watch",),
    "metadata diff": ("metadata diff ut11@1f3c old.xml --mapping trade.yaml",),
    "infobase add": ("infobase add ut11 --login site --password-stdin < password.txt",),
    "infobase list": ("infobase list",),
    "infobase show": ("infobase show ut11",),
    "infobase ping": ("infobase ping ut11",),
    "infobase pause": ('infobase pause ut11 --reason "update of the configuration" --for 2h',),
    "infobase resume": ("infobase resume ut11",),
    "infobase remove": ("infobase remove ut11",),
    "infobase mapping": ("infobase mapping ut11 orders.yaml", "infobase mapping ut11 --default"),
    "endpoint add": (
        "endpoint add erp --kind http_service --infobase ut11 --address http://1c.local/trade/hs/syncd --takes order",
        "endpoint add oncall --kind email --address oncall@shop.example --takes issue.opened --takes infobase.down",
    ),
    "endpoint list": ("endpoint list",),
    "endpoint show": ("endpoint show erp",),
    "endpoint set": (
        "endpoint set erp --concurrency 4 --rate 60/m",
        "endpoint set erp --login obmen --password-from env:ERP_PASSWORD",
    ),
    "endpoint pause": ('endpoint pause erp --reason "1C is being moved" --for 1d',),
    "endpoint resume": ("endpoint resume erp",),
    "endpoint push": ("endpoint push site", "endpoint push site --full"),
    "endpoint fetch": ("endpoint fetch site",),
    "endpoint remove": ("endpoint remove erp",),
    "key create": ("key create shop", "key create reports --scope read"),
    "key list": ("key list",),
    "key revoke": ("key revoke shop",),
    "secret new": ("secret new",),
    "secret rotate": ("secret rotate", "secret rotate --forget"),
    "config show": ("config show --origin",),
    "config check": ("config check",),
    "db check": ("db check",),
    "db migrate": ("db migrate --dry-run", "db migrate"),
    "db size": ("db size --limit 30",),
    "emulate push": (
        "emulate push --products 200 --url http://127.0.0.1:8080/1c_exchange --login site --password-env PASSWORD",
    ),
    "emulate orders": (
        "emulate orders --url http://127.0.0.1:8080/1c_exchange --login site --password-env PASSWORD --pay WEB-1001",
    ),
    "emulate session": (
        "emulate session --url http://127.0.0.1:8080/1c_exchange --login site --password-env PASSWORD",
    ),
    "emulate service": ("emulate service --port 8090 --refuse 0.1 --faults 0.2",),
    "emulate infobase": ("emulate infobase --preset ut11 --size 500 -v",),
    "demo": ("demo --once",),
}
"""By the words of the command, without ``syncd``."""


def attach(command: click.Command, words: str) -> None:
    """Put the examples under the help of a command, and of those within it."""
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            attach(inner, f"{words} {name}")
    elif words in EXAMPLES:
        lines = "\n".join(f"  syncd {line}" for line in EXAMPLES[words])
        command.epilog = "\b\n" + tr("Examples:", "Примеры:") + "\n" + lines
