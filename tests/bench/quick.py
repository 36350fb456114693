"""`make bench-quick`: ingest over HTTP against what PostgreSQL itself can do, and latency, within a minute."""

import sys

from .__main__ import main

if __name__ == "__main__":
    sys.exit(main(["--quick", "--only", "ingest,latency", *sys.argv[1:]]))
