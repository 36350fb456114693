"""Tests of the event store: one contract for both stores, and what only PostgreSQL can promise."""
