"""A command's own connection to PostgreSQL, and its failures as sentences."""

import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg
import uvloop

from .errors import CommandFailed, ExitCode

T = TypeVar("T")

CONNECT_SECONDS = 10.0
STATEMENT_SECONDS = 600.0

_NOT_MIGRATED = (
    asyncpg.UndefinedTableError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedFunctionError,
    asyncpg.InvalidParameterValueError,
)
"""A table, a schema, a function, or (the last) the role that a connection asks for is not there."""


def run(work: Coroutine[Any, Any, T], url: str) -> T:
    """Run a command's work; what PostgreSQL at `url` refuses becomes a CommandFailed."""
    with contextlib.closing(work), _failures(url):
        return uvloop.run(work)


def check_address(url: str) -> str:
    """The address without its passwords, to be shown. Raises CommandFailed: the driver says it late."""
    where = url.rpartition("@")[2].partition("?")[0]
    try:
        parts = urlsplit(url)
        known = parts.scheme in ("postgresql", "postgres") and parts.port != 0
    except ValueError as error:
        raise _unusable(where, str(error)) from error
    if not known:
        raise _unusable(where, "it does not begin with postgresql://")
    return where


@contextlib.asynccontextmanager
async def connected(url: str, role: str) -> AsyncIterator["asyncpg.Connection[Any]"]:
    """A connection of the login role, acting as `role`."""
    connection = await asyncpg.connect(
        url, timeout=CONNECT_SECONDS, command_timeout=STATEMENT_SECONDS, server_settings=_session(role)
    )
    try:
        yield connection
    finally:
        await connection.close(timeout=CONNECT_SECONDS)


@contextlib.asynccontextmanager
async def pooled(url: str, role: str, connections: int = 2) -> AsyncIterator["asyncpg.Pool[Any]"]:
    """A pool that acts as `role`; it opens nothing until it is asked, so the database may come later."""
    pool = asyncpg.create_pool(
        url,
        min_size=0,
        max_size=connections,
        timeout=CONNECT_SECONDS,
        command_timeout=STATEMENT_SECONDS,
        server_settings=_session(role),
    )
    async with pool:
        yield pool


def _session(role: str) -> dict[str, str]:
    return {"role": role, "application_name": role, "jit": "off"}


@contextlib.contextmanager
def _failures(url: str) -> Iterator[None]:
    where = check_address(url)
    try:
        yield
    except (TimeoutError, OSError, asyncpg.CannotConnectNowError, asyncpg.PostgresConnectionError) as error:
        raise CommandFailed(
            f"PostgreSQL at {where} cannot be reached: {_reason(error)}",
            do="Is it running? `techdengue dev` starts one here.",
            code=ExitCode.UNREACHABLE,
        ) from error
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise CommandFailed(
            f"PostgreSQL at {where} does not let this user in: {_reason(error)}",
            do="Check user, password and database name in the address.",
            code=ExitCode.REFUSED,
        ) from error
    except _NOT_MIGRATED as error:
        raise CommandFailed(
            f"the database at {where} is not migrated: {_reason(error)}", do="Run `techdengue migrate`."
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise CommandFailed(
            f"the database at {where} forbids it: {_reason(error)}",
            do="`migrate` needs the owner's address, everything else a member of the techdengue_* roles.",
            code=ExitCode.REFUSED,
        ) from error
    except asyncpg.InterfaceError as error:
        raise _unusable(where, _reason(error)) from error


def _unusable(where: str, reason: str) -> CommandFailed:
    return CommandFailed(
        f"the database address {where} cannot be used: {reason}",
        do="It looks like postgresql://user:password@host:5432/database.",
        code=ExitCode.USAGE,
    )


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
