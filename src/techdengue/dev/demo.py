"""The demo territory is loaded on the first run, and a record beside the database says so for the next ones.

Loading again after an interruption records nothing twice: the simulator's demo is the same each time.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from techdengue.dev.errors import DevError
from techdengue.dev.private_files import write_private
from techdengue.domain.access import Role

if TYPE_CHECKING:
    from techdengue.client.simulator import DemoReport

HOME_MUNICIPIO: Final = "5103403"
"""Cuiabá, where atividade 1 is."""


async def load_demo(api: str, key: Path, record: Path, show: Callable[[str], None]) -> bool:
    """Load the demo territory over HTTP unless the record says that it is there; whether it was loaded now.

    Raises DevError when the server cannot be reached or refuses one of the demo's operations.
    """
    if await asyncio.to_thread(record.exists):
        return False
    show("loading the demo territory …")
    report = await _load(api, key)
    if report.refused:
        raise DevError(f"the server refused an operation of the demo territory: {report.refused[0]}")
    await asyncio.to_thread(write_private, record, f"{report.operations} operations\n".encode())
    show(f"the demo territory is loaded: {report.operations} operations, {report.open_conflicts} conflicts left open")
    return True


async def _load(api: str, key: Path) -> "DemoReport":
    # lazy: only the first run needs the client, and every import delays the servers
    from techdengue.client.errors import LinkError
    from techdengue.client.simulator import load_demo as load
    from techdengue.http.local_tokens import mint_local_token

    def token(user: str, municipios: tuple[str, ...]) -> str:
        return mint_local_token(key, user=user, role=Role.CAMPO, municipios=municipios)

    try:
        return await load(api, token)
    except LinkError as error:
        raise DevError(f"the demo territory was not loaded: {error}") from error
