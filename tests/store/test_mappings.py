"""Published mappings and kept metadata: what is in force, whatever came before, for each company apart."""

from __future__ import annotations

import io

import pytest

from syncd.errors import MappingError
from syncd.mappings.loading import Mapping, read
from syncd.mappings.metadata import Metadata
from syncd.mappings.metadata_reader import read as read_metadata
from syncd.store import mappings
from syncd.store.db import Database

PRESET = "products: {from: X, fields: {id: Ref_Key, sku: Артикул}}"


def mapping(sku: str = "Code") -> Mapping:
    return read(f"extends: base\nproducts: {{fields: {{sku: {sku}}}}}", "m.yaml", {"base": PRESET}.get, ["base"])


def metadata(name: str) -> Metadata:
    schema = "http://schemas.microsoft.com/ado/2009/11/edm"
    type_ = f'<EntityType Name="Catalog_{name}"><Property Name="Ref_Key" Type="Edm.Guid"/></EntityType>'
    sets = f'<EntityContainer><EntitySet Name="Catalog_{name}" EntityType="S.Catalog_{name}"/></EntityContainer>'
    text = f'<Edmx><Schema xmlns="{schema}">{type_}{sets}</Schema></Edmx>'
    return read_metadata(io.BytesIO(text.encode()))


def test_a_published_mapping_is_whole_without_the_preset_it_was_made_of(db: Database) -> None:
    made = mapping()
    with db.transaction() as conn:
        published = mappings.publish(conn, "default", "trade", made, by="ann", reason="first")
        assert mappings.publish(conn, "default", "trade", mapping(), by="bob", reason="again") == published
        assert mappings.current(conn, "other", "trade") is None
        kept = mappings.current(conn, "default", "trade")
    assert kept is not None
    again = kept.mapping()
    assert again.version == kept.version == made.version
    assert again.of("products")[0].source.fields["sku"].from_ == ("Code",)
    assert str(again.of("products")[0].tree.at(("fields", "id")).place).startswith("base.yaml:1:")


def test_a_rollback_is_a_publication_of_what_was(db: Database) -> None:
    with db.transaction() as conn:
        first = mappings.publish(conn, "default", "trade", mapping("A"), by="ann", reason="first")
        second = mappings.publish(conn, "default", "trade", mapping("B"), by="ann", reason="second")
        mappings.rollback(conn, "default", "trade", first.version[:5], by="bob", reason="back")
        found = [(p.version, p.by, p.reason) for p in mappings.history(conn, "default", "trade")]
        assert found == [
            (first.version, "bob", "back"), (second.version, "ann", "second"), (first.version, "ann", "first"),
        ]  # fmt: skip
        for version in ("", "zzz"):
            with pytest.raises(MappingError) as caught:
                mappings.find(conn, "default", "trade", version)
            assert caught.value.code == "E748"


def test_metadata_that_returns_becomes_the_newest_again(db: Database) -> None:
    one, two = metadata("Один"), metadata("Два")
    with db.transaction() as conn:
        for made, fresh in ((one, True), (two, True), (one, False)):
            assert mappings.keep_metadata(conn, "default", "trade", made, source="f", by="ann") is fresh
        assert mappings.metadata_of(conn, "default", "trade") == one
        assert mappings.metadata_of(conn, "default", "trade", two.hash[:8]) == two
        assert mappings.metadata_of(conn, "default", "trade", "zz") is None
        assert mappings.metadata_of(conn, "other", "trade") is None
        assert [kept.hash for kept in mappings.metadata_history(conn, "default")] == [one.hash, two.hash]
        assert mappings.forget_metadata(conn, "default", "trade", keep=1) == 1
        assert [kept.hash for kept in mappings.metadata_history(conn, "default")] == [one.hash]
