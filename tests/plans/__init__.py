"""How PostgreSQL carries statements out: by indexes, however long the log."""
