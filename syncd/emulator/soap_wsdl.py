"""The WSDL of the emulated web service, laid out as 1C lays out its own: document/literal, every parameter written,
empty ones as nil, two ports, and an address that only the web server believes in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

NAMESPACE: Final = "urn:syncd:orders:1"
SERVICE: Final = "Syncd"
Fields = Sequence[tuple[str, str]]
TOLD: Final[Fields] = (
    ("return", "boolean"), ("Ref", "string"), ("Number", "string"), ("Date", "dateTime"), ("Posted", "boolean"),
    ("Revision", "integer"), ("ErrorCode", "string"), ("ErrorMessage", "string"),
)  # fmt: skip
OPERATIONS: Final[Mapping[str, tuple[Fields, Fields]]] = {
    "Ping": ((), (("return", "boolean"), ("Configuration", "string"), ("Version", "string"), ("Locked", "boolean"),
                  ("ErrorMessage", "string"))),
    "CreateOrder": ((("ID", "string"), ("Order", "string")), TOLD),
    "FindOrder": ((("ID", "string"),), TOLD),
}  # fmt: skip
"""Parameters and results of each operation by name and type of XML Schema."""
_TRANSPORT: Final = "http://schemas.xmlsoap.org/soap/http"


def wsdl(address: str) -> bytes:
    """The whole document; ``address`` is what stands in its ports."""
    elements = "".join(
        _element(name, inward, nillable=False) + _element(f"{name}Response", outward, nillable=True)
        for name, (inward, outward) in OPERATIONS.items()
    )
    messages = "".join(
        f'<message name="{name}{kind}Message"><part name="parameters" element="tns:{name}{suffix}"/></message>'
        for name in OPERATIONS
        for kind, suffix in (("Request", ""), ("Response", "Response"))
    )
    port_type = "".join(
        f'<operation name="{name}"><input message="tns:{name}RequestMessage"/>'
        f'<output message="tns:{name}ResponseMessage"/></operation>'
        for name in OPERATIONS
    )
    ports = "".join(
        f'<port name="{SERVICE}{version}" binding="tns:{SERVICE}{version}Binding">'
        f'<{prefix}:address location="{address}"/></port>'
        for version, prefix in (("Soap", "soapbind"), ("Soap12", "soap12bind"))
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<definitions xmlns="http://schemas.xmlsoap.org/wsdl/"'
        ' xmlns:soap12bind="http://schemas.xmlsoap.org/wsdl/soap12/"'
        ' xmlns:soapbind="http://schemas.xmlsoap.org/wsdl/soap/"'
        f' xmlns:tns="{NAMESPACE}" name="{SERVICE}" targetNamespace="{NAMESPACE}">'
        f'<types><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{NAMESPACE}"'
        f' attributeFormDefault="unqualified" elementFormDefault="qualified">{elements}</xs:schema></types>'
        f'{messages}<portType name="{SERVICE}PortType">{port_type}</portType>'
        f"{_binding('Soap', 'soapbind')}{_binding('Soap12', 'soap12bind')}"
        f'<service name="{SERVICE}">{ports}</service></definitions>'
    ).encode()


def _element(name: str, fields: Fields, *, nillable: bool) -> str:
    nil = ' nillable="true"' if nillable else ""
    inner = "".join(f'<xs:element name="{field}" type="xs:{kind}"{nil}/>' for field, kind in fields)
    sequence = f"<xs:sequence>{inner}</xs:sequence>" if inner else "<xs:sequence/>"
    return f'<xs:element name="{name}"><xs:complexType>{sequence}</xs:complexType></xs:element>'


def _binding(version: str, prefix: str) -> str:
    operations = "".join(
        f'<operation name="{name}"><{prefix}:operation style="document"'
        f' soapAction="{NAMESPACE}#{SERVICE}:{name}"/><input><{prefix}:body use="literal"/></input>'
        f'<output><{prefix}:body use="literal"/></output></operation>'
        for name in OPERATIONS
    )
    return (
        f'<binding name="{SERVICE}{version}Binding" type="tns:{SERVICE}PortType">'
        f'<{prefix}:binding style="document" transport="{_TRANSPORT}"/>{operations}</binding>'
    )
