"""The object store: what it is asked on a real S3 server, and what comes of its failures."""
