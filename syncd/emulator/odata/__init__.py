"""A 1C that answers over OData, with 1C's own semantics of reading and writing, and faults on demand.

``with OdataBase(preset="ut11", seed=1, size=50).running() as base:`` serves ``base.url``.
"""

from syncd.emulator.odata.base import Manners, OdataBase
from syncd.emulator.odata.faults import Fault, OdataFaults, Rule, parse_rule

__all__ = ["Fault", "Manners", "OdataBase", "OdataFaults", "Rule", "parse_rule"]
