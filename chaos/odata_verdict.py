"""Comparing the books of bases that were written over OData."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import Final

from chaos.house import House
from chaos.plan import Tenant
from chaos.verdict import books, failures_told
from syncd.emulator.odata.kept import rows_in, strikes_in

ORDER: Final = "Document_ЗаказКлиента"
MARK: Final = "НомерПоДаннымКлиента"


def struck(house: House, tenant: Tenant) -> Counter[str]:
    """What the tenant's 1C did, counted, in words."""
    return Counter(
        f"1C: {method} {path.partition('(')[0].rpartition('_')[0] or '/'} {fault}"
        for method, path, fault, _ in strikes_in(house.state_of(tenant))
    )


def problems(house: House, tenant: Tenant, accepted: dict[str, str]) -> list[str]:
    """Every promise that was not kept, as sentences.

    Documents count that are not marked for deletion: of two writers that raced, one takes its own back. A POST of an
    order that was struck failed at least one attempt, which must be in the journal; reads may be asked again at once.
    """
    rows = [row for row in rows_in(house.state_of(tenant), ORDER) if row[MARK] and not row["DeletionMark"]]
    found = books(house, tenant, accepted, Counter(str(row[MARK]) for row in rows))
    found += [f"{tenant.name}: order {row[MARK]} stands unposted" for row in rows if row["Posted"] is not True]
    told = failures_told(house, tenant)
    for key, must in _creations_struck(house, tenant).items():
        if told.get(key, 0) < must:
            found.append(f"{tenant.name}: order {key}: {must} failures, {told.get(key, 0)} in the journal")
    return found


def _creations_struck(house: House, tenant: Tenant) -> Counter[str]:
    found: Counter[str] = Counter()
    for method, path, _, body in strikes_in(house.state_of(tenant)):
        if method == "POST" and path == ORDER:
            with suppress(ValueError):
                found[str(json.loads(body).get(MARK))] += 1
    return found
