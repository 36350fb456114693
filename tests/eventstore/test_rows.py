"""The structs of an append are the row types of `eventstore.append`, column for column."""

import asyncpg
import pytest

from eventstore.model import HeadChange, NewEvent, WriterChange
from techdengue.dev.database import Database

_COLUMNS = """
    SELECT array_agg(a.attname::text ORDER BY a.attnum)
      FROM pg_attribute AS a
      JOIN pg_type AS t ON t.typrelid = a.attrelid
     WHERE t.oid = $1::text::regtype AND NOT a.attisdropped
"""


@pytest.mark.parametrize(
    ("row", "struct", "before"),
    [
        ("eventstore.event_row", NewEvent, ["unit"]),
        ("eventstore.head_row", HeadChange, ["unit", "event"]),
        ("eventstore.writer_row", WriterChange, ["unit"]),
    ],
    ids=["event", "head", "writer"],
)
async def test_a_row_has_the_fields_of_its_struct_in_their_order(
    database: Database, row: str, struct: type[NewEvent | HeadChange | WriterChange], before: list[str]
) -> None:
    connection = await asyncpg.connect(database.owner_url)
    try:
        columns = await connection.fetchval(_COLUMNS, row)
    finally:
        await connection.close()
    assert columns == [*before, *struct.__struct_fields__]
