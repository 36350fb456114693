"""Jobs that keep the place in order: files, reports, request logs, tables, and the metrics of every hour."""
