"""Canonical entities: what they are, their keys, their fields. No I/O, and imports nothing of ours but the error
tree.
"""

from syncd.model.entities import ENTITIES
from syncd.model.entity import Entity, Field

__all__ = ["ENTITIES", "Entity", "Field"]
