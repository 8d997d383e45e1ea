"""The customer of an order, as the storefront told it, as a counterparty of a document."""

from __future__ import annotations

from typing import Any

from syncd.model.records import Record


def customer_record(customer: dict[str, Any], storefront: str) -> Record:
    """The customer of an order as a counterparty. Only a legal entity has an official name: its mere presence makes
    one.
    """
    contacts = [
        {"type": type_, "value": customer[name]}
        for name, type_ in (("phone", "Телефон рабочий"), ("email", "Почта"))
        if customer.get(name)
    ]
    legal = customer.get("type") in {"legal", "entrepreneur"}
    fields: dict[str, Any] = {
        "name": customer["name"],
        "full_name": customer.get("full_name") or customer["name"],
        "legal_kind": customer.get("type") or "person",
        "role": "Покупатель",
        "contacts": contacts,
        "addresses": [{"type": "address", "text": customer["address"], "parts": []}] if customer.get("address") else [],
    }
    if legal:
        fields["official_name"] = customer.get("full_name") or customer["name"]
    fields |= {name: customer[name] for name in ("inn", "kpp", "okpo") if customer.get(name)}
    return Record("counterparty", (customer_id(customer, storefront),), fields)


def customer_id(customer: dict[str, Any], storefront: str) -> str:
    """1C's id of the customer where the storefront knows it, else one that stays the same for the same person."""
    given = customer.get("id") or customer.get("inn") or customer.get("email") or customer.get("phone")
    return str(given or f"{storefront}#{customer['name']}")
