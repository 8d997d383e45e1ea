"""What changes say of the records that they do not name: of a list or a sum whose every part was read, those have
nothing left. The last barcode of an offer leaves no record behind that could say so.
"""

from __future__ import annotations

from syncd.errors import DataError
from syncd.model.records import Record
from syncd.store import gone
from syncd.sync.pull_merge import PullRun, alone, too_much


def state_rest(state: PullRun) -> None:
    """Stage for those records that they have nothing, unless that would be suspiciously much, or another infobase may
    have given it. All else is staged by now.
    """
    tenant = state.claim.tenant
    for rest in state.rests:
        if state.bad_counts.get(rest.entity) or not alone(state):
            continue
        for field, nothing in rest.fields.items():
            state.stage.flush()
            found = gone.holding(
                state.conn, rest.entity, field, tenant=tenant, source_seq=state.source_seq,
                staged=rest.entity in state.stage.entities,
            )  # fmt: skip
            if too_much(state, gone.Gone(len(found.keys), found.total)):
                what, schedule = f"{rest.entity}.{field}", state.plan.name
                state.problems.append(
                    DataError("E967", entity=what, absent=len(found.keys), total=found.total, schedule=schedule)
                )
                continue
            state.stage.add_all([Record(rest.entity, key, {field: nothing}) for key in found.keys])
    state.stage.flush()
