"""The audit trail, on a real PostgreSQL and to real collectors."""
