"""What is planned while the log is empty stays right when it has grown: the intake keeps its plans."""

import asyncpg
import pytest

from eventstore import statements
from techdengue.asgi import PROBES
from techdengue.dev.database import Database
from techdengue.intake.statements import READ
from tests.conftest import MakeDatabase

_READ = ", ".join([*["text[]"] * 8, "bigint[]"])


@pytest.fixture(scope="module")
async def empty(make_database: MakeDatabase) -> Database:
    """A database whose tables hold nothing and were never analysed."""
    return await make_database()


@pytest.mark.parametrize(
    ("statement", "types", "used"),
    [
        (statements.READ_STREAMS, "text[], text[], bigint[]", {"event_sequence"}),
        (statements.READ_STREAM, "text, text, bigint, bigint, bigint", {"event_sequence"}),
        (
            READ,
            _READ,
            {"event_key", "event_sequence", "stream_head", "stream_name", "writer_pkey", "device_pkey"},
        ),
    ],
    ids=["read_streams", "read_stream", "intake read"],
)
async def test_each_row_is_found_by_all_of_its_key(empty: Database, statement: str, types: str, used: set[str]) -> None:
    connection = await asyncpg.connect(
        empty.server_url, server_settings={"role": "techdengue_intake", **PROBES}, timeout=60
    )
    try:
        await connection.execute(f"PREPARE planned ({types}) AS {statement}")
        nothing = ", ".join(["NULL"] * (types.count(",") + 1))
        plan = [row[0] for row in await connection.fetch(f"EXPLAIN EXECUTE planned({nothing})")]
    finally:
        await connection.close()
    scans = [line for line in plan if " Scan" in line and "Function Scan" not in line]
    assert {name for name in used if any(f"using {name} " in line for line in scans)} == used
    assert all(any(f"using {name} " in line for name in used) for line in scans if " on " in line), plan
