"""Which mapping holds for an endpoint of kind ``odata``, and what is known of the base's ``$metadata``.

The mapping's name is the setting ``mapping``, else the name of the infobase. A mapping that was published under that
name stands above the preset of the same name. Metadata are those kept under the infobase's name (``syncd metadata
pull … --base``), or under the setting ``metadata``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from syncd.errors import ConfigError
from syncd.mappings.loading import Mapping
from syncd.mappings.metadata import Metadata
from syncd.store import mapping_files, mappings
from syncd.store.db import Conn, one
from syncd.store.endpoints import Endpoint

Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class InForce:
    """The mapping of an endpoint. ``stamp`` changes when another is published, or newer metadata are kept."""

    mapping: Mapping
    version: str
    base: Metadata | None
    stamp: Stamp


def name_of(endpoint: Endpoint) -> str:
    """The name of the endpoint's mapping."""
    return str(endpoint.settings.get("mapping") or endpoint.infobase or endpoint.name)


def base_of(endpoint: Endpoint) -> str:
    """The name under which the base's metadata are kept."""
    return str(endpoint.settings.get("metadata") or endpoint.infobase or endpoint.name)


def stamp_of(conn: Conn, endpoint: Endpoint) -> Stamp:
    """What tells cheaply whether the mapping or the metadata have changed."""
    row = one(
        conn,
        """SELECT (SELECT coalesce(max(seq), 0) FROM mapping_version WHERE tenant = %(t)s AND name = %(m)s) AS mapping,
                  (SELECT coalesce(max(seq), 0) FROM metadata_version WHERE tenant = %(t)s AND name = %(b)s) AS base""",
        t=endpoint.tenant, m=name_of(endpoint), b=base_of(endpoint),
    )  # fmt: skip
    assert row is not None
    return row["mapping"], row["base"]


def in_force(conn: Conn, endpoint: Endpoint) -> InForce:
    """The mapping and the metadata as of now.

    Raises ConfigError E850 where there is no mapping of that name, MappingError for one that cannot be read.
    """
    stamp = stamp_of(conn, endpoint)
    name = name_of(endpoint)
    published = mappings.current(conn, endpoint.tenant, name)
    if published is not None:
        found, version = published.mapping(), published.version
    elif name in mapping_files.presets():
        found = mapping_files.load(Path(name))
        version = found.version
    else:
        known = ", ".join(mapping_files.presets())
        raise ConfigError("E850", endpoint=endpoint.name, mapping=name, known=known)
    if found.problems:
        raise found.problems[0]
    return InForce(found, version, mappings.metadata_of(conn, endpoint.tenant, base_of(endpoint)), stamp)
