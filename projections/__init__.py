"""Projections: what the log means as tables, and the queries of those who read them."""
