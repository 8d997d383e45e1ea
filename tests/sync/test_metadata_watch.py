"""An update of a configuration that breaks a mapping is told before anything fails: through scheduler and worker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from syncd import i18n, issues
from syncd.config import Settings
from syncd.emulator.odata import Fault, OdataBase
from syncd.emulator.odata.edmx import write
from syncd.mappings.loading import read
from syncd.queue.broker import Doorbell
from syncd.schedules.plan import Plan, plans
from syncd.schedules.scheduler import Scheduler
from syncd.schedules.settings import Schedule
from syncd.store import access, endpoints, mapping_files, mappings, secrets
from syncd.store.db import Database, every, execute
from syncd.store.endpoints import Endpoint
from syncd.sync import metadata_watch, pulls, scheduled
from syncd.sync.context import Context

TENANT = "default"
SKU = "Артикул"
RENAMED = "АртикулТовара"
MINE = f"extends: ut11\nproducts:\n  fields:\n    sku: {SKU}\n"


def document() -> bytes:
    """What УТ publishes."""
    return write(OdataBase("ut11", size=1).store.schema)


@dataclass(slots=True)
class Watched:
    """A base whose configuration is updated now and then, a mapping in force, and a receiver of events."""

    ctx: Context
    base: OdataBase
    endpoint: Endpoint
    serving: ExitStack
    published: bytes = field(default_factory=document)

    def update(self, published: bytes) -> None:
        """The configuration is updated: the base is away meanwhile, and publishes something else afterwards."""
        self.serving.close()
        self.base = self.serving.enter_context(OdataBase(size=1, metadata=published, port=self.base._port).running())

    def night(self) -> dict[str, Any]:
        """The next fire time comes: the scheduler queues the run, a worker does it. Returns its row."""
        with self.ctx.db.transaction() as conn:
            execute(conn, "DELETE FROM schedule_run")
            execute(conn, "DELETE FROM schedule")
        clock = Scheduler(self.ctx.db, [], lambda conn: [every_minute(one) for one in self.plans(conn)], lambda: None)
        clock.look()
        claim = pulls.claim_next(self.ctx)
        if claim is not None:
            scheduled.run(self.ctx, claim)
        [row] = self.found("SELECT * FROM schedule_run")
        return row

    def plans(self, conn: Any) -> list[Plan]:
        return plans(conn, self.ctx.settings.schedules, zone="Europe/Moscow")

    def found(self, query: str, **parameters: Any) -> list[dict[str, Any]]:
        with self.ctx.db.transaction() as conn:
            return [dict(row) for row in every(conn, query, **parameters)]

    def issues(self) -> list[tuple[str, str]]:
        """Codes and owners of what failed and did not go through since."""
        return [(row["code"], row["owner"]) for row in self.found(
            """SELECT i.code, i.owner FROM issue i JOIN issue_subject s ON s.tenant = i.tenant AND s.issue_id = i.id
               WHERE s.succeeded_at IS NULL ORDER BY i.code""")]  # fmt: skip

    def events(self) -> list[dict[str, Any]]:
        told = self.found("SELECT payload FROM outbox WHERE kind = 'event' ORDER BY id")
        return [row["payload"]["data"] for row in told if row["payload"]["type"] == "mapping.broken"]

    def publish(self, text: str) -> None:
        known = mapping_files.presets()
        made = read(text, "trade.yaml", {name: mapping_files.text_of(path) for name, path in known.items()}.get, known)
        with self.ctx.db.transaction() as conn:
            mappings.publish(conn, TENANT, "trade", made, by="anna", reason="test")


def every_minute(plan: Plan) -> Plan:
    """The same schedule for tests: it need not be night, nor take its turn among other bases."""
    return Plan(
        plan.tenant, plan.name, Schedule(pull="metadata", every="6h").timing("UTC"), plan.lane, plan.pull,
        plan.entities, timedelta(), plan.overlap, timedelta(hours=12), None, plan.endpoint,
    )  # fmt: skip


@pytest.fixture
def watched(database_url: str) -> Iterator[Watched]:
    i18n.use("en")
    ctx = Context(Database(database_url, size=6), Settings(), Doorbell(None))
    serving = ExitStack()
    base = serving.enter_context(OdataBase(size=1, metadata=document()).running())
    with ctx.db.transaction() as conn:
        infobase = access.add_infobase(conn, TENANT, "trade", "1c", "x" * 12, dialect="auto", zone="Europe/Moscow")
        endpoint, _ = endpoints.add(
            conn, TENANT, name="erp", kind="odata", address=base.url, takes=[], infobase_id=infobase,
            settings={"login": base.user, "pulls": []}, timeout_seconds=5,
            sealed=secrets.keys(ctx.settings).seal(base.password),
        )  # fmt: skip
        endpoints.add(
            conn, TENANT, name="ops", kind="webhook", address="http://127.0.0.1:9/", takes=["mapping.broken"],
            settings={"allow_private": True},
        )  # fmt: skip
    found = Watched(ctx, base, endpoint, serving)
    found.publish(MINE)
    yield found
    serving.close()
    ctx.db.close()


def broken(published: bytes) -> bytes:
    """The article of goods has another name."""
    return published.replace(f'Name="{SKU}"'.encode(), f'Name="{RENAMED}"'.encode())


def test_a_renamed_property_is_an_alert_the_night_after_and_is_settled_when_it_is_mended(watched: Watched) -> None:
    row = watched.night()
    assert (row["outcome"], row["counters"]["metadata"]) == ("ok", {"changes": 0, "broken": 0})
    assert watched.issues() == []
    assert len(watched.found("SELECT 1 FROM metadata_version")) == 1

    watched.update(broken(watched.published))
    row = watched.night()
    assert (row["outcome"], row["reason"]) == ("failed", "E750")
    assert row["counters"]["metadata"]["changes"] >= 2
    assert watched.issues() == [("E722", "1c-developer")] * 2
    failure, of_preset = watched.found("SELECT * FROM journal WHERE kind = 'mapping' ORDER BY path DESC")
    assert (of_preset["file"], of_preset["path"]) == ("ut11.yaml", "offers.products.fields.sku")
    assert (failure["path"], failure["line"], failure["owner"]) == ("products.fields.sku", 4, "1c-developer")
    assert failure["params"]["place"].endswith(":4:5")
    assert RENAMED in failure["params"]["hint"]
    [told] = watched.events()
    assert (told["mapping"], told["infobase"], told["broken"], told["code"]) == ("trade", "trade", 2, "E722")
    assert f"Did you mean {RENAMED}?" in told["message"]

    assert watched.night()["outcome"] == "failed"
    assert len(watched.events()) == 1, "what is known is not told every night"

    watched.publish(MINE.replace(SKU, RENAMED) + f"offers: {{name: products, fields: {{sku: {RENAMED}}}}}\n")
    assert watched.night()["outcome"] == "ok"
    assert watched.issues() == []
    watched.update(watched.published)
    assert watched.night()["outcome"] == "failed"
    assert len(watched.events()) == 2, "what was mended and breaks again is news"


def test_the_base_is_asked_once_a_night_and_never_while_it_is_down(watched: Watched) -> None:
    [plan] = [one for one in watched_plans(watched) if one.pull == "metadata"]
    assert (plan.timing.cron, plan.name) == ("0 1 * * *", "metadata@trade")
    assert timedelta() <= plan.delay < timedelta(hours=3)
    with watched.ctx.db.transaction() as conn:
        execute(
            conn,
            """INSERT INTO infobase_health (tenant, infobase_id, state, since) SELECT tenant, id, 'down', now()
               FROM infobase""",
        )
    row = watched.night()
    assert (row["state"], row["reason"]) == ("skipped", "down")
    assert watched.base.requests == []


def watched_plans(watched: Watched) -> list[Plan]:
    with watched.ctx.db.transaction() as conn:
        return watched.plans(conn)


def test_metadata_that_did_not_change_are_not_read_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.night()
    monkeypatch.setattr("syncd.mappings.metadata_reader.read", lambda _stream: pytest.fail("it was parsed again"))
    [before] = watched.found("SELECT seq, at FROM metadata_version")
    assert watched.night()["outcome"] == "ok"
    [after] = watched.found("SELECT seq, at FROM metadata_version")
    assert (after["seq"], after["at"] > before["at"]) == (before["seq"], True)


def test_a_base_that_does_not_answer_is_asked_again_the_same_night(watched: Watched) -> None:
    watched.base.fail_next(Fault.UNAVAILABLE, method="GET", resource="$metadata")
    row = watched.night()
    assert (row["state"], row["counters"]["retries"]) == ("queued", 1)
    [failure] = watched.found("SELECT kind, code, subject FROM journal")
    assert (failure["kind"], failure["subject"]) == ("metadata", "trade")
    assert len(watched.issues()) == 1
    with watched.ctx.db.transaction() as conn:
        metadata_watch.look(watched.ctx, watched.endpoint, by="anna")
        assert issues.unsettled(conn, TENANT, "metadata") is False


def test_a_base_without_a_mapping_is_left_alone(watched: Watched) -> None:
    with watched.ctx.db.transaction() as conn:
        execute(conn, "DELETE FROM mapping_version")
    row = watched.night()
    assert (row["state"], row["reason"]) == ("skipped", "unmapped")
    assert watched.base.requests == []


def test_two_who_look_at_once_tell_of_a_break_once(watched: Watched) -> None:
    watched.night()
    watched.update(broken(watched.published))
    both = [
        threading.Thread(target=metadata_watch.look, args=(watched.ctx, watched.endpoint), kwargs={"by": name})
        for name in ("anna", "boris")
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(watched.events()) == 1
    assert watched.issues() == [("E722", "1c-developer")] * 2
