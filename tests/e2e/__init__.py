"""The whole product as its users have it: `techdengue` processes on real PostgreSQL, spoken to over HTTP."""
