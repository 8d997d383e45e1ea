"""A base that is written over OData, as a process of its own, and what syncd is told about it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final
from uuid import UUID

from chaos.plan import FAULT_RATE
from syncd.adapters.odata import describe
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import Endpoint
from syncd.emulator.odata import OdataBase
from syncd.store import endpoints, mapping_files, mappings, secrets
from syncd.store.db import Conn

SIZE: Final = 20
RULES: Final = """
extends: ut11
orders:
  write:
    references:
      counterparty:
        in: Catalog_Контрагенты
        by: {ИНН: customer.inn}
        make: {Description: customer.name, ИНН: customer.inn}
        needed: true
"""


class Trade:
    """An УТ of this seed: its goods and its metadata are the same in every process."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        with OdataBase("ut11", seed=seed, size=SIZE).running() as base:
            self.offer = next(str(row["Ref_Key"]) for row in base.rows("Catalog_Номенклатура") if not row["IsFolder"])
            self.user, self.password = base.user, base.password
            with Client(Endpoint(base.url, base.user, base.password)) as client:
                self.metadata = describe.metadata(client)

    def command(self, port: int, state: Path) -> list[str]:
        """The process. Whoever kills it finds its documents again."""
        return [
            sys.executable, "-m", "syncd.emulator.odata", "--preset", "ut11", "--port", str(port),
            "--state", str(state), "--seed", str(self.seed), "--size", str(SIZE), "--fault-rate", str(FAULT_RATE),
        ]  # fmt: skip

    def furnish(
        self, conn: Conn, tenant: str, infobase: UUID, port: int, folder: Path, keys: secrets.Keys
    ) -> None:  # fmt: skip
        """Its mapping, its metadata, its endpoint."""
        path = folder / "trade.yaml"
        path.write_text(RULES, encoding="utf-8")
        mappings.publish(conn, tenant, "trade", mapping_files.load(path), by="chaos", reason="chaos")
        mappings.keep_metadata(conn, tenant, "trade", self.metadata, source="chaos", by="chaos")
        endpoints.add(
            conn, tenant, name="erp", kind="odata", infobase_id=infobase, concurrency=8, takes=["order"],
            address=f"http://127.0.0.1:{port}/ut", timeout_seconds=4, settings={"login": self.user, "pulls": []},
            sealed=keys.seal(self.password),
        )  # fmt: skip
