"""What changed since the last time, by an exchange plan of 1C.

``select`` asks for a packet, ``confirm`` makes 1C forget it, for good: confirm after your own commit, never before. The
number of a packet is the node's ``ReceivedNo`` + 1, read anew each time: an older number does not repeat a packet, it
brings everything registered since. An empty packet is not confirmed; one of nothing but objects that we do not use is,
or it would come for ever. One reader per node: two would take each other's packets, so hold a lease.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final
from uuid import UUID

from lxml import etree

from syncd.adapters.odata import answers, atom, following
from syncd.adapters.odata.answers import Record
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.literals import name, ref
from syncd.adapters.odata.reading import get
from syncd.errors import ConfigError, TransportError
from syncd.i18n import tr

IN_MEMORY: Final = 8 * 1024 * 1024
"""Bytes of a packet that are kept in memory; larger ones go to a temporary file."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of an exchange plan: ``plan`` is the set's name, ``ExchangePlan_…``."""

    plan: str
    ref: UUID


@dataclass(frozen=True, slots=True)
class Change:
    """One object that changed. ``set_name`` is its set and ``key`` its key parts. ``record`` has all its fields; a
    register's has ``RecordSet``, which replaces all records of its recorder: an empty one removes them. ``deleted``
    objects have a key only. Registers of accounting come without their dimensions (субконто): read them again.
    """

    set_name: str
    key: Mapping[str, str]
    record: Record
    deleted: bool


class Packet:
    """A packet of changes, on disk when large. ``number`` is what ``confirm`` needs."""

    def __init__(self, node: Node, number: int, body: IO[bytes], size: int) -> None:
        self.node = node
        self.number = number
        self.size = size
        self._body = body
        self._entries: int | None = None

    def __iter__(self) -> Iterator[Change]:
        """All changes in 1C's order; may be iterated again. Raises TransportError E809 for a packet cut in half."""
        self._body.seek(0)
        entries = 0
        for tag, element in atom.stream(self._body):
            entries += 1
            yield _change(tag, element)
        self._entries = entries

    @property
    def empty(self) -> bool:
        """Whether 1C had nothing. A packet whose objects nobody uses is not empty."""
        if self._entries is None:
            self._body.seek(0)
            self._entries = sum(1 for _ in atom.stream(self._body))
        return self._entries == 0

    def close(self) -> None:
        """Forget the packet here; 1C keeps what was not confirmed."""
        self._body.close()


@contextmanager
def select(client: Client, node: Node, *, limit: int | None = None) -> Iterator[Packet]:
    """Ask for what changed; within the ``with``: apply it, commit, then ``confirm``.

    What is not confirmed comes again. Raises ConfigError E835 for a node that is none, TransportError E836 above
    ``limit`` bytes, by default those of the endpoint.
    """
    number = received(client, node) + 1
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as body:
        limit = client.endpoint.max_kept_bytes if limit is None else limit
        size = client.download("POST", "SelectChanges", _point(client, node, number), body, kind="changes", limit=limit)
        if size == 0:
            raise TransportError("E809", detail="SelectChanges")
        yield Packet(node, number, body, size)


def confirm(client: Client, packet: Packet) -> bool:
    """Tell 1C that the packet is stored. ``False`` for an empty packet, which is not confirmed.

    Raises UnknownOutcome where nobody knows whether 1C heard: harmless, as the packet comes again or does not.
    """
    if packet.empty:
        return False
    client.send("POST", "NotifyChangesReceived", query=_point(client, packet.node, packet.number), kind="confirm")
    return True


def received(client: Client, node: Node) -> int:
    """The number of the last packet that was confirmed. Raises ConfigError E835: no such node, or the base itself."""
    fields = ["Ref_Key", "Code", "ReceivedNo", "ThisNode", "DeletionMark"]
    found = get(client, node.plan, node.ref, fields)
    if found is None:
        raise _useless(node, tr("there is no such node", "такого узла нет"))
    if found.get("ThisNode") is True:
        raise _useless(node, tr("it is the base itself", "это сама база"))
    if found.get("DeletionMark") is True:
        raise _useless(node, tr("it is marked for deletion", "он помечен на удаление"))
    return answers.whole(found.get("ReceivedNo") or 0)


def nodes(client: Client, plan: str) -> list[Record]:
    """Nodes of a plan that can be read from: all but the base itself."""
    body = client.get(name(plan), {"$select": "Ref_Key,Code,Description,ReceivedNo,ThisNode"})
    listed = following.whole(client, body)
    return [node for node in listed if node.get("ThisNode") is not True]


def same_node(one: str | UUID, other: str | UUID) -> bool:
    """Whether two references are the same, however their letters are written."""
    return ref(one) == ref(other)


def _point(client: Client, node: Node, number: int) -> dict[str, str]:
    address = f"{client.endpoint.root}/{name(node.plan)}(guid'{node.ref}')"
    return {"DataExchangePoint": f"'{address}'", "MessageNo": str(number)}


def _change(tag: str, element: etree._Element) -> Change:
    if tag == atom.TOMBSTONE:
        set_name, key = atom.key_of(element.get("ref") or "")
        return Change(set_name, key, {}, deleted=True)
    record = atom.properties(element)
    category = element.find(f"{atom.ATOM}category")
    set_name = (category.get("term") or "").rpartition(".")[2] if category is not None else ""
    address = element.findtext(f"{atom.ATOM}id") or ""
    if not set_name or "(" in address:
        stated, key = atom.key_of(address)
        return Change(set_name or stated, key, record, deleted=False)
    parts = ("Ref_Key",) if "Ref_Key" in record else ("Recorder", "Recorder_Type", "Recorder_Key")
    return Change(set_name, {part: str(record[part]) for part in parts if part in record}, record, deleted=False)


def _useless(node: Node, detail: str) -> ConfigError:
    return ConfigError("E835", node=str(node.ref), plan=node.plan, detail=detail)
