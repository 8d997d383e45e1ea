"""Writing objects so that each is made once.

Created is only what a search by its mark did not find the moment before, and the search is repeated afterwards: of
several writers that raced, all choose the same object and mark the others for deletion. Nothing is sent twice here: an
answer that was lost is ``UnknownOutcome``, and whoever gets it searches before it writes again. Posting is a step of
its own, as a document that stands unposted is a state that can last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog

from syncd.adapters.odata import answers, failures, reading
from syncd.adapters.odata.answers import Record
from syncd.adapters.odata.bodies import Difference, differences, encode, prepared
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.literals import key, name, ref
from syncd.adapters.odata.markers import precedence
from syncd.errors import Refused, SyncdError, TransportError, UnknownOutcome

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """An object as it now stands in 1C. ``created``: by this call. ``others``: references of further objects with the
    same mark.
    """

    ref: str
    record: Record
    created: bool
    differences: list[Difference]
    others: tuple[str, ...] = ()

    @property
    def damage(self) -> list[Difference]:
        """What 1C did not keep; the other differences are its own way of writing things."""
        return [difference for difference in self.differences if difference.verdict != "changed"]


def create(
    client: Client, set_name: str, body: Mapping[str, Any], search: Callable[[], list[Record]]
) -> Written:  # fmt: skip
    """Make an object unless ``search`` finds it, read it back, and compare what was sent.

    ``search`` gives all objects that are this one, the one that counts first. Raises UnknownOutcome when nobody knows
    whether it was made; Refused E845 when ``search`` cannot find what was just made: it is marked for deletion, for it
    would be made again. Any other error means that nothing was made.
    """
    found = search()
    if found:
        return existing(client, set_name, found, body)
    sent = prepared(body, client.endpoint.clock)
    made = _post(client, set_name, encode(body, client.endpoint.clock))
    mine = str(made["Ref_Key"])
    try:
        found = search()
        if not any(record["Ref_Key"] == mine for record in found):
            mark_deleted(client, set_name, mine)
            raise Refused("E845", ref=f"{set_name} {made.get('Number') or mine}")
        others = _settle(client, set_name, found, mine)
        kept = _again(client, set_name, found[0]["Ref_Key"])
    except TransportError as error:  # it is made; what became of the rest must be looked up
        raise failures.unknown(f"POST {set_name}", error) from error
    return Written(str(found[0]["Ref_Key"]), kept, found[0]["Ref_Key"] == mine, differences(sent, kept), others)


def existing(client: Client, set_name: str, found: list[Record], body: Mapping[str, Any]) -> Written:
    """The object that ``search`` found first, with what is different in it."""
    kept = _again(client, set_name, found[0]["Ref_Key"])
    others = tuple(str(record["Ref_Key"]) for record in found[1:] if record.get("DeletionMark") is not True)
    compared = differences(prepared(body, client.endpoint.clock), kept)
    return Written(str(found[0]["Ref_Key"]), kept, created=False, differences=compared, others=others)


def update(
    client: Client, set_name: str, of: UUID | str, body: Mapping[str, Any], *, version: str | None = None
) -> Written:
    """Change an object: only what ``body`` names, tabular sections as a whole. Writing the same again changes nothing.

    With ``version`` (its DataVersion) an object that changed since raises RemoteError E824 and is left alone: most
    bases ignore ``If-Match``, so it is read and compared right before.
    """
    path = f"{name(set_name)}{key(ref(of))}"
    headers = {}
    if version is not None:
        if _again(client, set_name, of).get("DataVersion") != version:
            raise failures.of_answer(412, b"", write=True, asked=f"PATCH {set_name}")
        headers["If-Match"] = version
    client.send("PATCH", path, encode(body, client.endpoint.clock), headers=headers)
    kept = _again(client, set_name, of)
    compared = differences(prepared(body, client.endpoint.clock), kept)
    return Written(str(kept["Ref_Key"]), kept, created=False, differences=compared)


def post_document(client: Client, set_name: str, of: UUID | str, *, operational: bool = False) -> Record:
    """Post a document and read it again. A document that is posted is left alone.

    ``operational``: now, with the checks of the moment; only for documents of today. An answer that was lost is
    resolved here by reading ``Posted``; where it says no, UnknownOutcome is raised, as 1C may be at it still. Raises
    what 1C says against it, with the document unposted.
    """
    query = {"PostingModeOperational": "true" if operational else "false"}
    return _turned(client, set_name, of, "Post", query, posted=True)


def unpost_document(client: Client, set_name: str, of: UUID | str) -> Record:
    """Cancel the posting of a document and read it again; otherwise as ``post_document``."""
    return _turned(client, set_name, of, "Unpost", {}, posted=False)


def mark_deleted(client: Client, set_name: str, of: UUID | str) -> None:
    """Mark for deletion. OData's DELETE would remove the object for good and look after no references."""
    client.send("PATCH", f"{name(set_name)}{key(ref(of))}", b'{"DeletionMark":true}')


def _turned(
    client: Client, set_name: str, of: UUID | str, action: str, query: Mapping[str, str], *, posted: bool
) -> Record:  # fmt: skip
    record = _again(client, set_name, of)
    if (record.get("Posted") is True) is posted:
        return record
    if posted and record.get("DeletionMark") is True:
        raise Refused("E837", ref=f"{set_name} {record.get('Number') or of}")
    try:
        client.send("POST", f"{name(set_name)}{key(ref(of))}/{action}", query=query)
    except UnknownOutcome:
        record = _again(client, set_name, of)
        if (record.get("Posted") is True) is posted:
            return record
        raise
    return _again(client, set_name, of)


def _post(client: Client, set_name: str, body: bytes) -> Record:
    answer = client.send("POST", name(set_name), body)
    try:
        made = answers.record(answer)
        ref(str(made.get("Ref_Key")))
    except SyncdError as error:  # 1C said yes, and what it made cannot be read
        raise failures.unknown(f"POST {set_name}", error) from error
    return made


def _settle(client: Client, set_name: str, found: list[Record], mine: str) -> tuple[str, ...]:
    """Nothing bore the mark right before we wrote, so the others come from writers that raced with us: all of us keep
    the first, whoever made it. A document that was posted meanwhile is left to a person.
    """
    others = []
    for record in sorted(found, key=precedence)[1:]:
        if record.get("DeletionMark") is True:
            continue
        if record.get("Posted") is True:
            others.append(str(record["Ref_Key"]))
            continue
        log.warning("two writers made the same object; one is marked for deletion", set=set_name, ref=record["Ref_Key"])
        mark_deleted(client, set_name, str(record["Ref_Key"]))
    log.debug("made in 1C", set=set_name, ref=mine)
    return tuple(others)


def _again(client: Client, set_name: str, of: UUID | str) -> Record:
    record = reading.get(client, set_name, of)
    if record is None:
        raise failures.Missing("E822", asked=f"GET {set_name}", detail=str(of))
    return record
