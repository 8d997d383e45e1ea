"""What goes wrong on 1C's side of the wire, by script or by seed."""

from __future__ import annotations

import re
import select
import socket
import ssl
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from threading import Lock
from typing import Final

import httpx

from syncd.emulator.dice import Dice
from syncd.i18n import tr


class Fault(Enum):
    """A thing that can happen to one request."""

    LOST_ANSWER = "lost answer"
    """The request reaches the site and is worked on; the connection drops before 1C reads the answer."""
    CUT = "cut"
    """The connection breaks in the middle of the body. Without a body, like LOST_ANSWER."""
    IMPATIENCE = "impatience"
    """1C waits only ``ClientFaults.patience`` seconds for the answer."""
    REPEAT_FILE = "repeat file"
    """After a file was sent whole and accepted, it is sent whole once more under the same name, without a new init."""
    SKIP_IMPORT = "skip import"
    """import is not called for this file, as with the option to upload without waiting for confirmation."""


@dataclass(frozen=True, slots=True)
class Rule:
    """``fault`` strikes the ``at``-th request (from 1) of this mode, and the ``times - 1`` after it.

    ``type`` empty means any.
    """

    mode: str
    fault: Fault
    at: int = 1
    times: int = 1
    type: str = ""


_RULE: Final = re.compile(r"(?:(\w+)/)?(\w+):([a-z]+(?:[- ][a-z]+)*?)(?:@(\d+))?(?:x(\d+))?")


def parse_rule(text: str) -> Rule:
    """A rule from ``[type/]mode:fault[@at][xtimes]``, such as ``sale/query:lost-answer@2x3``.

    Raises ``ValueError`` with a sentence for a person.
    """
    found = _RULE.fullmatch(text)
    names = {fault.value.replace(" ", "-"): fault for fault in Fault}
    if not found or found[3].replace(" ", "-") not in names:
        known = ", ".join(names)
        raise ValueError(
            tr(
                f"{text!r} is no rule; write [type/]mode:fault[@n][xtimes] with a fault of: {known}",
                f"{text!r} — не правило; запишите [тип/]режим:сбой[@n][xраз], сбой из списка: {known}",
            )
        )
    type_, mode, fault, at, times = found.groups()
    return Rule(mode, names[fault.replace(" ", "-")], int(at or 1), int(times or 1), type_ or "")


@dataclass(slots=True)
class ClientFaults:
    """Decides which requests are struck: by ``script``, or else each with probability ``rate`` (0 to 1) drawn from
    ``seed``.

     ``struck`` lists what happened as (type, mode, fault).
    """

    script: tuple[Rule, ...] = ()
    rate: float = 0.0
    seed: int = 1
    patience: float = 0.05
    lost_answer_wait: float = 10.0
    struck: list[tuple[str, str, Fault]] = field(default_factory=list)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def strike(self, type_: str, mode: str, among: tuple[Fault, ...]) -> Fault | None:
        """The fault for this occasion, if any.

        ``among`` says which faults can happen at this place; each place counts for itself.
        """
        with self._lock:
            place = f"{mode}/{among[0].value}"
            self._counts[(type_, place)] += 1
            self._counts[("", place)] += 1
            fault = self._scripted(type_, mode, among, place) or self._drawn(type_, place, among)
            if fault:
                self.struck.append((type_, mode, fault))
            return fault

    def _scripted(self, type_: str, mode: str, among: tuple[Fault, ...], place: str) -> Fault | None:
        for rule in self.script:
            fits = rule.mode == mode and rule.type in ("", type_) and rule.fault in among
            if fits and rule.at <= self._counts[(rule.type, place)] < rule.at + rule.times:
                return rule.fault
        return None

    def _drawn(self, type_: str, place: str, among: tuple[Fault, ...]) -> Fault | None:
        if self.rate <= 0:
            return None
        dice = Dice(self.seed, "client fault", type_, place, self._counts[(type_, place)])
        return dice.pick(among) if dice.chance(self.rate) else None


ON_REQUEST = (Fault.LOST_ANSWER, Fault.CUT, Fault.IMPATIENCE)
ON_FILE = (Fault.REPEAT_FILE,)
ON_IMPORT = (Fault.SKIP_IMPORT,)


def send_and_drop(request: httpx.Request, *, cut: bool, wait: float, timeout: float = 30.0) -> None:
    """Put the request on the wire by hand and close the connection without reading.

     ``cut`` sends only half of the body. Otherwise everything is sent, and the connection closes when the answer
    begins to arrive, or after ``wait`` seconds. Raises ``OSError`` when the site cannot be reached.
    """
    body = request.read()
    head = [f"{request.method} {request.url.raw_path.decode('ascii')} HTTP/1.1".encode()]
    head += [name + b": " + value for name, value in request.headers.raw]
    url = request.url
    port = url.port or (443 if url.scheme == "https" else 80)
    with socket.create_connection((url.host, port), timeout=timeout) as plain:
        wire = (
            ssl.create_default_context().wrap_socket(plain, server_hostname=url.host)
            if url.scheme == "https"
            else plain
        )
        wire.sendall(b"\r\n".join(head) + b"\r\n\r\n" + (body[: len(body) // 2] if cut else body))
        if not (cut and body):
            select.select([wire], [], [], wait)
