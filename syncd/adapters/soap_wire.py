"""One web service of 1C by its WSDL: requests as bytes, answers as plain values. zeep knows the schema; what goes over
the network is the adapter's own business (``syncd.adapters.httpclient``): one deadline, nothing sent twice.

Shapes are made the same here whatever the service declares: zeep gives the bare value where an answer has one element,
and a compound where somebody added an out parameter.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import zeep
from lxml import etree
from lxml.etree import _Element as Element
from zeep.exceptions import Error as ZeepError
from zeep.helpers import serialize_object

Soap = Literal["1.1", "1.2"]
_WSDL: Final = "{http://schemas.xmlsoap.org/wsdl/}definitions"
_ENVELOPES: Final = {
    "{http://schemas.xmlsoap.org/soap/envelope/}Envelope": "{http://schemas.xmlsoap.org/soap/envelope/}",
    "{http://www.w3.org/2003/05/soap-envelope}Envelope": "{http://www.w3.org/2003/05/soap-envelope}",
}
_BOM: Final = b"\xef\xbb\xbf"


class WrongService(Exception):
    """The WSDL is none, or has not what the settings name. ``str`` is a sentence without the host."""


class NoEnvelope(Exception):
    """The body is not a SOAP envelope."""


class Fault(Exception):
    """The service, or the platform before it, failed. ``text`` is its whole ``faultstring``."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class _Nowhere:
    """zeep's transport: the WSDL of 1C holds its schemas, so that nothing else is ever fetched."""

    def load(self, url: str) -> bytes:
        raise WrongService(f"the WSDL refers to {url}")


@dataclass(frozen=True, slots=True)
class Request:
    """A request ready to be posted. Header values are bytes where they may hold Cyrillic letters."""

    body: bytes
    headers: Mapping[str, str | bytes]


def parsed(text: bytes) -> Element | None:
    """The document's root; ``None`` for what is not XML. Entities are not resolved, whatever the document asks for."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True, remove_comments=True)
    try:
        return etree.fromstring(text.removeprefix(_BOM).strip(), parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def is_wsdl(text: bytes) -> bool:
    """Whether this is a WSDL, and not a page of somebody between us and 1C, which may be well-formed XML too."""
    root = parsed(text)
    return root is not None and root.tag == _WSDL


class Wsdl:
    """A service's WSDL. Threads share it. Raises ``WrongService``."""

    def __init__(self, text: bytes, service: str | None = None, soap: Soap = "1.1") -> None:
        if not is_wsdl(text):
            raise WrongService("this is no WSDL")
        settings = zeep.Settings(strict=False, xml_huge_tree=True, forbid_external=True, forbid_dtd=True)
        try:
            self._client: Any = zeep.Client(io.BytesIO(text), transport=_Nowhere(), settings=settings)
        except (ZeepError, etree.XMLSyntaxError, LookupError, TypeError, ValueError) as error:
            raise WrongService(f"{type(error).__name__}: {error}") from error
        self._soap = soap
        self._proxy: Any = self._bound(service)
        self._binding: Any = self._proxy._binding

    def _bound(self, name: str | None) -> Any:
        services = self._client.wsdl.services
        if not services or (name is not None and name not in services):
            raise WrongService(f"service {name or '?'}; there is: {', '.join(services) or '—'}")
        chosen = name or next(iter(services))
        wanted = "Soap12Binding" if self._soap == "1.2" else "Soap11Binding"
        for port, found in services[chosen].ports.items():
            if type(found.binding).__name__ == wanted:
                return self._client.bind(chosen, port)
        raise WrongService(f"service {chosen}: SOAP {self._soap}")

    @property
    def operations(self) -> list[str]:
        """Names of the operations."""
        return list(self._binding.all())

    def parameters(self, operation: str) -> dict[str, bool]:
        """Names of the parameters that go in, and whether each may be left empty. Raises ``WrongService``."""
        body = self._operation(operation).input.body
        elements = body.type.elements if body is not None else []
        return {name: bool(element.nillable or element.min_occurs == 0) for name, element in elements}

    def results(self, operation: str) -> list[str]:
        """Names of the elements of an answer: ``return`` and the out parameters. Raises ``WrongService``."""
        output = self._operation(operation).output
        body = output.body if output is not None else None
        return [name for name, _ in body.type.elements] if body is not None else []

    def _operation(self, name: str) -> Any:
        try:
            return self._binding.get(name)
        except (KeyError, ValueError) as error:
            raise WrongService(f"operation {name}; there is: {', '.join(self.operations)}") from error

    # --- requests -----------------------------------------------------------------------------------------------------

    def request(self, operation: str, values: Mapping[str, Any]) -> Request:
        """Write a request. Every parameter is written, ``None`` as an empty one; an element is put into its parameter
        as it is. Raises ``WrongService``, ``ValueError`` for a value that the schema does not take.
        """
        known = self.parameters(operation)
        if extra := values.keys() - known.keys():
            raise WrongService(f"operation {operation}: parameter {', '.join(sorted(extra))}; there is: "
                               + (", ".join(known) or "—"))  # fmt: skip
        trees = {name: value for name, value in values.items() if isinstance(value, Element)}
        plain = {name: "" if name in trees else values.get(name) for name in known}
        if empty := [name for name, value in plain.items() if value is None and not known[name]]:
            raise ValueError(f"{operation}: {', '.join(empty)}")
        try:
            envelope: Element = self._client.create_message(self._proxy, operation, **plain)
        except (ZeepError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            raise ValueError(f"{operation}: {error}") from error
        for name, tree in trees.items():
            _graft(envelope, name, tree)
        return Request(etree.tostring(envelope, encoding="utf-8", xml_declaration=True), self._headers(operation))

    def _headers(self, operation: str) -> dict[str, str | bytes]:
        # Names of operations may be Cyrillic: as bytes, since a header given as text must be ASCII
        action = f'"{self._operation(operation).soapaction or ""}"'.encode()
        if self._soap == "1.2":
            return {"Content-Type": b"application/soap+xml; charset=utf-8; action=" + action}
        return {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": action}

    # --- answers ------------------------------------------------------------------------------------------------------

    def answer(self, operation: str, body: bytes) -> dict[str, Any]:
        """The elements of an answer by name: plain values, dicts, lists, elements where the schema says nothing.

        Raises ``NoEnvelope`` (HTML, JSON, nothing, half an answer), ``Fault``, and ``WrongService`` for an envelope
        that holds another answer.
        """
        root = parsed(body)
        space = _ENVELOPES.get(str(root.tag)) if root is not None else None
        if root is None or space is None:
            raise NoEnvelope
        held = root.find(f"{space}Body")
        first = next(iter(held.iterchildren("*")), None) if held is not None else None
        if first is None:
            raise NoEnvelope
        if first.tag == f"{space}Fault":
            raise Fault(_fault_text(first, space))
        names = self.results(operation)
        expected = etree.QName(self._operation(operation).output.body.qname)
        if first.tag != expected.text:
            raise WrongService(f"{operation}: {etree.QName(first).localname}")
        try:
            found = self._operation(operation).process_reply(root)
        except (ZeepError, ValueError, TypeError, ArithmeticError) as error:
            raise WrongService(f"{operation}: {error}") from error
        if len(names) == 1:
            return {names[0]: _plain(found)}
        return {name: _plain(found[name]) if found is not None else None for name in names}


def _graft(envelope: Element, name: str, tree: Element) -> None:
    """Put a tree into its parameter as the parameter's own content: attributes, children, and its type by name."""
    operation = envelope[-1][0]
    place = next(child for child in operation if etree.QName(child).localname == name)
    made = etree.Element(place.tag, nsmap={"d": str(etree.QName(tree).namespace)})
    made.set("{http://www.w3.org/2001/XMLSchema-instance}type", f"d:{etree.QName(tree).localname}")
    made.attrib.update(tree.attrib)
    made.extend(list(tree))
    operation.replace(place, made)


def _fault_text(fault: Element, space: str) -> str:
    text = fault.findtext("faultstring") or fault.findtext(f"{space}Reason/{space}Text")
    return text or " ".join("".join(str(part) for part in fault.itertext()).split())


def _plain(value: Any) -> Any:
    """Compounds as dicts; what has no schema stays an element, or a list of them."""
    return serialize_object(value, dict)
