"""Comparing the books when everything has come to rest."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from typing import Final

from chaos.house import House
from chaos.plan import FAULTS, Tenant
from syncd.emulator.http_service_faults import Fault, Place, parse
from syncd.emulator.http_service_state import documents

_HARMLESS: Final = frozenset({Fault.DRIP})  # slow, but whole


def strikes(house: House, tenant: Tenant) -> dict[str, list[tuple[str, Fault]]]:
    """What the tenant's 1C did to requests about each order. Chance depends on seed, key and count alone, so it can be
    told afterwards.
    """
    dice = parse(FAULTS, house.seed)
    found: dict[str, list[tuple[str, Fault]]] = {}
    places: tuple[Place, ...] = ("post", "get")
    with closing(sqlite3.connect(house.state_of(tenant))) as db:
        for place in places:
            for key, times in db.execute("SELECT key, times FROM asked WHERE place = ?", [place]):
                for nth in range(1, times + 1):
                    if fault := dice.strike(place, key, nth):
                        found.setdefault(key, []).append((place, fault))
    return found


def struck(house: House, tenant: Tenant) -> Counter[str]:
    """What the tenant's 1C did, counted, in words."""
    every = (blow for blows in strikes(house, tenant).values() for blow in blows)
    return Counter(f"1C: {place} {fault.value}" for place, fault in every)


def problems(house: House, tenant: Tenant, accepted: dict[str, str]) -> list[str]:
    """Every promise that was not kept, as sentences."""
    made = Counter(document.id for document in documents(house.state_of(tenant)))
    found = books(house, tenant, accepted, made)
    stated = {document.id: document.revision for document in documents(house.state_of(tenant))}
    found += [
        f"{tenant.name}: order {key} stands at revision {stated.get(str(key))} in 1C, not {number}"
        for key, number in house.rows("SELECT id::text, revision_no FROM sales_order WHERE tenant = %s", tenant.name)
        if stated.get(str(key)) != number
    ]
    told = failures_told(house, tenant)
    for key, blows in strikes(house, tenant).items():
        must = sum(1 for _, fault in blows if fault not in _HARMLESS)
        if told.get(key, 0) < must:
            names = ", ".join(f"{place} {fault.value}" for place, fault in blows)
            found.append(f"{tenant.name}: order {key}: {must} failures ({names}), {told.get(key, 0)} in the journal")
    return found


def books(house: House, tenant: Tenant, accepted: dict[str, str], made: Counter[str]) -> list[str]:
    """The accepted orders against the documents of 1C (how many by order), and what is left under way."""
    stored = {str(row[0]) for row in house.rows("SELECT id FROM sales_order WHERE tenant = %s", tenant.name)}
    found = [f"{tenant.name}: order {key} was accepted and is no document in 1C" for key in accepted if key not in made]
    found += [f"{tenant.name}: order {key} became {n} documents" for key, n in made.items() if n > 1]
    found += [f"{tenant.name}: document {key} is no order of ours" for key in made if key not in stored]
    found += [f"{tenant.name}: order {key} was accepted and is not stored" for key in accepted if key not in stored]
    states = house.rows(
        """SELECT state, count(*) FROM outbox WHERE tenant = %s AND kind = 'order'
             AND (state NOT IN ('acknowledged', 'superseded') OR lease_id IS NOT NULL) GROUP BY state""",
        tenant.name,
    )
    found += [f"{tenant.name}: {number} messages are left {state}" for state, number in states]
    return found


def failures_told(house: House, tenant: Tenant) -> dict[str, int]:
    """Failed deliveries and look-ups in the journal, by order."""
    return {
        str(key): int(str(number))
        for key, number in house.rows(
            """SELECT key, sum(repeats) FROM journal
               WHERE tenant = %s AND outcome = 'failed' AND kind IN ('delivery', 'look-up') GROUP BY key""",
            tenant.name,
        )
    }


def order_of_revisions(house: House, tenant: Tenant, accepted: dict[str, int]) -> list[str]:
    """The states of one order go out in the order in which they were accepted, and the last one arrives."""
    rows = house.rows(
        """SELECT key, revision_no, before FROM (
               SELECT o.key, o.revision_no, c.seq,
                      lag(o.revision_no) OVER (PARTITION BY o.key ORDER BY c.seq) AS before
               FROM outbox_change c JOIN outbox o ON o.tenant = c.tenant AND o.id = c.outbox_id
               WHERE o.tenant = %s AND o.kind = 'order' AND c.state = 'sending') AS sent
           WHERE before > revision_no""",
        tenant.name,
    )
    found = [f"{tenant.name}: order {key}: revision {after} was sent after {before}" for key, after, before in rows]
    done = {
        str(key): int(str(number))
        for key, number in house.rows(
            """SELECT key, max(revision_no) FROM outbox
               WHERE tenant = %s AND kind = 'order' AND state = 'acknowledged' GROUP BY key""",
            tenant.name,
        )
    }
    return found + [
        f"{tenant.name}: order {key}: revision {number} was accepted, {done.get(key, 0)} confirmed"
        for key, number in accepted.items()
        if done.get(key, 0) < number
    ]
