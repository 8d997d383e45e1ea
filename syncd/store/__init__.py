"""Postgres: tables, migrations, merge, queries. The only truth there is."""
