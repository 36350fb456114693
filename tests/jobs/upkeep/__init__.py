"""Jobs that keep the place in order, on a real PostgreSQL and a real S3 server."""
