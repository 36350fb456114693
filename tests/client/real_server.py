"""The real server as a process of its own on a free port, and what an observer reads from it."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from techdengue.dev.private_files import keep_signing_key
from techdengue.domain.access import Role
from techdengue.http.local_tokens import mint_local_token

_SCRIPT = Path(sys.executable).with_name("techdengue")
_START_SECONDS = 60.0


class RealServer:
    """A running server, and tokens for it."""

    def __init__(self, url: str, key: Path) -> None:
        self.url = url
        self._key = key

    def token(self, user: str, municipios: tuple[str, ...], role: Role = Role.CAMPO) -> str:
        return mint_local_token(self._key, user=user, role=role, municipios=list(municipios))

    async def read_all(self, path: str, **params: str) -> list[dict[str, Any]]:
        """Every item of a list, page by page."""
        items: list[dict[str, Any]] = []
        headers = {"Authorization": f"Bearer {self.token('vigilante', ('*',), Role.ADMIN)}"}
        async with aiohttp.ClientSession(self.url, headers=headers) as session:
            while True:
                async with session.get(path, params=params) as answer:
                    assert answer.status == 200, await answer.text()
                    page = await answer.json()
                items += page["items"]
                if not page["has_more"]:
                    return items
                params = params | {"cursor": page["next_cursor"]}


@contextlib.asynccontextmanager
async def running_server(database_url: str, directory: Path) -> AsyncIterator[RealServer]:
    """Start `techdengue serve`; its log goes to a file, so that no pipe fills and stops it."""
    key, log = directory / "local.pem", directory / "server.log"
    keep_signing_key(key)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TECHDENGUE_")}
    env = inherited | {"TECHDENGUE_DATABASE_URL": database_url, "TECHDENGUE_JWT_LOCAL_KEY_FILE": str(key)}
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            _SCRIPT, "serve", "--port", "0", env=env, stdout=output, stderr=output
        )
    try:
        yield RealServer(await _address(process, log), key)
    finally:
        process.kill()
        await process.wait()


async def _address(process: asyncio.subprocess.Process, log: Path) -> str:
    text = ""
    async with asyncio.timeout(_START_SECONDS):
        while "listening on " not in text:
            assert process.returncode is None, text
            await asyncio.sleep(0.02)  # a file tells nobody that it grew
            text = await asyncio.to_thread(log.read_text, "utf-8")
    return text.partition("listening on ")[2].split()[0]
