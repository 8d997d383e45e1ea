"""Orders delivered to a base over OData: looked up by their mark, created once, compared, posted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

from syncd.adapters.odata import markers, orders, rules, writing
from syncd.adapters.odata.answers import Record
from syncd.adapters.odata.client import Client
from syncd.adapters.odata.endpoint import configured
from syncd.adapters.odata.literals import read_moment
from syncd.adapters.odata.locks import Lock, unlocked
from syncd.adapters.odata.markers import Marker
from syncd.adapters.odata.orders import OrderMapping
from syncd.adapters.odata.writing import Written
from syncd.adapters.ports import Delivery, Receipt
from syncd.errors import ConfigError, DataError, MappingError, Refused, RemoteError, SyncdError, TransportError
from syncd.mappings.metadata import Metadata
from syncd.mappings.write import CompiledWrite
from syncd.store.endpoints import Endpoint as Stored

SHOWN: Final = 20
"""Differences that are kept of an answer."""
SEEN: Final = 20_000
"""References known to be in 1C that are kept in mind."""


class OrdersTarget:
    """``syncd.adapters.ports.Target`` for the orders of one base.

    ``metadata`` gives what is known of the base's ``$metadata`` (``None``: nothing); it is asked before the first
    write, and again until the field of the mark has been verified; with it, references that 1C does not have are found
    before they are written. ``lock`` keeps two writers of one order apart. ``patience``: seconds after which a delivery
    that is still preparing gives up, so that its document is not made when its lease is long gone.
    """

    can_look_up = True
    idempotent = False

    def __init__(
        self, client: Client, mapping: OrderMapping, *, metadata: Callable[[], Metadata | None] | None = None,
        lock: Lock = unlocked, patience: float | None = None,
    ) -> None:  # fmt: skip
        self._client = client
        self._mapping = mapping
        self._metadata = metadata
        self._lock = lock
        self._patience = patience
        self._known: Metadata | None = None
        self._seen: set[str] = set()
        self._verified: Marker | None = None
        self._verifying = threading.Lock()

    def deliver(self, delivery: Delivery) -> Receipt:
        """Bring an order to 1C, or on: a document that is there is not made again, one that stands unposted is posted.
        A later revision changes the document.

        Raises as the port says. An order whose document 1C did not keep whole is ``Refused`` (E830), unposted.
        """
        with _as_the_port_says():
            marker = self._marker()
            with self._lock(f"{self._client.endpoint.root} {delivery.marker}"):
                written = self._write(delivery, marker)
                return self._posted(delivery, written)

    def look_up(self, delivery: Delivery) -> Receipt | None:
        """Ask 1C by the mark. ``None`` also where something is left to do that ``deliver`` goes on with: a document
        that is to be posted stands unposted, or a later revision may not have been written. Doing that again does no
        harm.
        """
        with _as_the_port_says():
            found = markers.look_up(self._client, self._marker(), delivery.marker)
            if not found:
                return None
            record = found[0]
            gone = record.get("DeletionMark") is True
            unposted = self._mapping.posting == "required" and record.get("Posted") is not True
            if not gone and (unposted or delivery.revision_no > 1):
                return None
            live = [other for other in found[1:] if other.get("DeletionMark") is not True]
            return self._receipt(record, {"others": [str(other["Ref_Key"]) for other in live]})

    def close(self) -> None:
        """Give connections back."""
        self._client.close()

    def _marker(self) -> Marker:
        with self._verifying:
            if self._verified is None:
                self._known = self._metadata() if self._metadata else None
                marker = self._mapping.marker
                self._verified = (
                    markers.verify_marker(self._known, marker)
                    if self._known is not None
                    else markers.probe_marker(self._client, marker)
                )
            return self._verified

    def _write(self, delivery: Delivery, marker: Marker) -> Written:
        client, mapping = self._client, self._mapping
        begun = time.monotonic()
        found = markers.look_up(client, marker, delivery.marker)
        if found and found[0].get("DeletionMark") is True:
            raise Refused("E837", ref=_named(mapping.set_name, found[0]))
        if found and found[0].get("Posted") is True and delivery.revision_no <= 1:
            others = tuple(str(record["Ref_Key"]) for record in found[1:] if record.get("DeletionMark") is not True)
            return Written(str(found[0]["Ref_Key"]), found[0], created=False, differences=[], others=others)
        refs = orders.resolve(client, mapping, delivery.body)
        made = orders.asked(mapping.build, delivery.body, refs)
        self._check(made, refs)
        body = marker.put(made, delivery.marker)
        if not found:
            if self._patience is not None and time.monotonic() - begun > self._patience:
                raise TransportError("E802", asked=f"GET {mapping.set_name}", detail=f"> {self._patience:g} s")
            return writing.create(
                client, mapping.set_name, body, lambda: markers.look_up(client, marker, delivery.marker)
            )
        written = writing.existing(client, mapping.set_name, found, body)
        if delivery.revision_no > 1 and written.differences:
            return self._changed(written, body)
        return written

    def _check(self, body: Mapping[str, Any], refs: Mapping[str, str]) -> None:
        """References that 1C must have; what was once seen is not asked for again."""
        if self._known is None:
            return
        for set_name, wanted in rules.referred(self._known, self._mapping.set_name, body).items():
            unseen = wanted - self._seen - set(refs.values())
            if unseen:
                orders.require(self._client, set_name, unseen, lambda missing: rules.path_of(body, missing))
                self._seen = unseen if len(self._seen) > SEEN else self._seen | unseen

    def _changed(self, before: Written, body: Mapping[str, Any]) -> Written:
        """A posted document is unposted first: whatever breaks off then, the next delivery sees what is left to do."""
        record = before.record
        if record.get("Posted") is True:
            record = writing.unpost_document(self._client, self._mapping.set_name, before.ref)
        version = record.get("DataVersion")
        after = writing.update(self._client, self._mapping.set_name, before.ref, body, version=version)
        return replace(after, others=before.others)

    def _posted(self, delivery: Delivery, written: Written) -> Receipt:
        set_name = self._mapping.set_name
        # a mark that was cut was found all the same
        damage = [each for each in written.damage if each.path != self._mapping.marker.field]
        if damage:
            detail = "; ".join(str(difference) for difference in damage[:SHOWN])
            raise Refused("E830", ref=_named(set_name, written.record), detail=detail)
        answer: dict[str, Any] = {"created": written.created}
        if written.differences:
            answer["changed"] = [str(difference) for difference in written.differences[:SHOWN]]
        if written.others:
            answer["others"] = list(written.others)
        record = written.record
        if self._mapping.posting != "no" and record.get("Posted") is not True:
            try:
                record = writing.post_document(self._client, set_name, written.ref)
            except (Refused, RemoteError) as error:
                if self._mapping.posting == "required":
                    raise
                answer["unposted"] = f"{error.code} {error.params.get('detail', '')}"
        return self._receipt(record, answer)

    def _receipt(self, record: Record, answer: Mapping[str, Any]) -> Receipt:
        moment = read_moment(record.get("Date"))
        if record.get("DeletionMark") is True:
            answer = {**answer, "deletion_mark": True}
        return Receipt(
            confirmed=True,
            ref=str(record["Ref_Key"]),
            number=str(record.get("Number") or "").strip() or None,
            date=moment.replace(tzinfo=self._client.endpoint.clock) if moment else None,
            posted=record.get("Posted") is True,
            answer={name: value for name, value in answer.items() if value not in ([], None)},
        )


def open_orders(
    endpoint: Stored, password: str | None, write: CompiledWrite, *, metadata: Callable[[], Metadata | None],
    lock: Lock,
) -> OrdersTarget:  # fmt: skip
    """The target of a stored endpoint, by its mapping. Raises ConfigError E838 for settings that cannot be used."""
    settings = configured(
        endpoint.address, endpoint.settings, password, zone=endpoint.zone, concurrency=endpoint.concurrency,
        seconds=endpoint.timeout_seconds,
    )  # fmt: skip
    mapping = rules.order_mapping(write, settings.clock)
    # the engine gives a delivery two timeouts and a little: one to prepare, one to write
    return OrdersTarget(Client(settings), mapping, metadata=metadata, lock=lock, patience=endpoint.timeout_seconds)


@contextmanager
def _as_the_port_says() -> Iterator[None]:
    """Settings that are wrong cost an order nothing: it waits until they are right. A value of ours that 1C could never
    take is for the 1C developer.
    """
    try:
        yield
    except ConfigError as error:
        raise _as(TransportError, error) from error
    except DataError as error:
        raise _as(MappingError, error) from error


def _as(kind: type[SyncdError], error: SyncdError) -> SyncdError:
    made = kind(error.code, **error.params)
    made.retry_after = error.retry_after
    return made


def _named(set_name: str, record: Record) -> str:
    return f"{set_name} {str(record.get('Number') or '').strip() or record['Ref_Key']}"
