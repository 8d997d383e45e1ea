"""Outbox, leases, retry policy, broker and actors. Postgres holds the work; Redis only rings the bell."""
