"""Migrations lead to the tables that the code describes."""

from __future__ import annotations

import re

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, pool

from syncd.errors import ConfigError
from syncd.store import delivery_tables, mapping_tables, migrate, order_tables, run_tables
from syncd.store.partitions import TABLES
from syncd.store.tables import metadata


def test_a_migrated_database_has_the_tables_the_code_describes(worker_database: str) -> None:
    assert (
        order_tables.outbox.metadata is run_tables.export_run.metadata is delivery_tables.endpoint.metadata is metadata
    )
    assert mapping_tables.mapping_version.metadata is metadata
    engine = create_engine(migrate.sqlalchemy_url(worker_database), poolclass=pool.NullPool)
    with engine.connect() as connection:
        found = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": _not_a_part})
        assert compare_metadata(found, metadata) == []
    engine.dispose()


def _not_a_part(name: str | None, type_: str, _parents: object) -> bool:
    """The weekly parts of a table follow from the calendar, not from the code."""
    return type_ != "table" or not any(re.fullmatch(rf"{table}_(\d+|default)", name or "") for table in TABLES)


def test_a_second_migration_changes_nothing(worker_database: str) -> None:
    head = migrate.head()
    assert migrate.upgrade(worker_database) == (head, head)
    assert migrate.revision_of(worker_database) == head


def test_what_packages_stated_outlives_its_move_into_parts(database_url: str) -> None:
    """There and back again, within a transaction that is taken back: the schema belongs to the other tests too."""
    keys, query = bytes(range(16)), "SELECT keys FROM package_seen{} WHERE entity = 'offer'"
    settings, engine = migrate.config(), create_engine(migrate.sqlalchemy_url(database_url), poolclass=pool.NullPool)
    with engine.connect() as connection, connection.begin() as transaction:
        settings.attributes["connection"] = connection
        for statement in (
            """INSERT INTO package (tenant, id, seq, lane, source) OVERRIDING SYSTEM VALUE
               VALUES ('t', gen_random_uuid(), 1, 'catalog', 'cli')""",
            """INSERT INTO package_seen (tenant, package_id, entity, catalogue_id, seq, portions, stated)
               SELECT tenant, id, entity, 'c', 1, '{}', true FROM package, unnest(ARRAY['offer', 'price']) entity""",
            f"""INSERT INTO package_seen_part (tenant, package_id, entity, catalogue_id, n, keys)
                SELECT tenant, id, 'offer', 'c', n, keys
                FROM package, unnest(ARRAY['\\x{keys[:8].hex()}', '\\x{keys[8:].hex()}']::bytea[])
                     WITH ORDINALITY part (keys, n)""",
        ):
            connection.exec_driver_sql(statement)
        command.downgrade(settings, "0013")
        assert bytes(connection.exec_driver_sql(query.format("")).scalar_one()) == keys
        command.upgrade(settings, "head")
        assert bytes(connection.exec_driver_sql(query.format("_part")).scalar_one()) == keys
        transaction.rollback()
    engine.dispose()


def test_a_server_that_is_away_is_an_error_for_the_administrator() -> None:
    with pytest.raises(ConfigError) as caught:
        migrate.revision_of("postgresql://nobody@127.0.0.1:1/none")
    assert caught.value.code == "E403"
    with pytest.raises(ConfigError) as caught:
        migrate.upgrade("postgresql://nobody@127.0.0.1:1/none")
    assert caught.value.code == "E403"


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        migrate.sqlalchemy_url("mysql://localhost/syncd")
    assert caught.value.code == "E406"
