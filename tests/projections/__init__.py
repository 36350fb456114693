"""Tests of the projections and of the readers' queries, on real PostgreSQL."""
