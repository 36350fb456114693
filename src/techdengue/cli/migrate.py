"""`techdengue migrate`: bring the database's schemas to this version."""

from typing import Annotated

import typer

from .environment import required
from .errors import CommandFailed
from .output import put, put_json, say

OWNER = "TECHDENGUE_OWNER_DATABASE_URL"


def migrate(
    database_url: Annotated[
        str | None, typer.Option(help=f"PostgreSQL address of the schemas' owner. [default: {OWNER}]")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Apply nothing; exit 1 when something is pending.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Apply the migrations that this database does not have yet, in order, under a lock; list them.

    Running it twice, or from two machines at once, is safe.

    \b
    Examples:
      techdengue migrate
      techdengue migrate --check
      techdengue migrate --database-url postgresql://owner:secret@db/techdengue
    """
    from techdengue.migrate import MigrationChanged, pending  # lazy: see app.py
    from techdengue.migrate import migrate as apply

    from .database import run

    url = database_url or required(OWNER, "migrations need the PostgreSQL address of the schemas' owner")
    if check:
        waiting = run(pending(url), url)
        if as_json:
            put_json({"pending": waiting})
        else:
            for name in waiting:
                put(name)
        if waiting:
            raise CommandFailed(f"{len(waiting)} migrations are pending", do="Run `techdengue migrate`.")
        say("techdengue: the database is up to date")
        return
    try:
        applied = run(apply(url, progress=None if as_json else put), url)
    except MigrationChanged as changed:
        raise CommandFailed(str(changed), do="Restore that file; a change of the schema is a new file.") from changed
    if as_json:
        put_json({"applied": applied})
    say(f"techdengue: {len(applied)} migrations applied" if applied else "techdengue: the database was up to date")
