"""Requisites of order documents in the words of a configuration: its own names beside those that syncd knows."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from functools import cache

from syncd.commerceml.requisites import ORDER_REQUISITES, normalised
from syncd.errors import ConfigError


def order_requisites(own: Mapping[str, Sequence[str]] | None = None) -> Mapping[str, str]:
    """Normalised requisite name to the field it states.

    ``own`` maps a field to the names a configuration uses for it, beside the usual ones. Raises ``ConfigError`` E406
    for a field that does not exist, with the nearest that does.
    """
    return _compiled(tuple((field, tuple(names)) for field, names in sorted((own or {}).items())))


@cache
def _compiled(own: tuple[tuple[str, tuple[str, ...]], ...]) -> Mapping[str, str]:
    known = sorted(set(ORDER_REQUISITES.values()))
    made = dict(ORDER_REQUISITES)
    for field, names in own:
        if field not in known:
            near = difflib.get_close_matches(field, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known fields: {', '.join(known)}"
            raise ConfigError("E406", key=f"exchange.order_requisites.{field}", detail=hint)
        made.update({normalised(name): field for name in names})
    return made
