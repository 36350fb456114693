"""The wheel is the whole product: built, installed where no checkout is, it migrates, serves and answers."""

import asyncio
import sys
import sysconfig
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from .running import clean_environment, run, serving

ROOT = Path(__file__).parents[2]
SECONDS = 180.0


@pytest.fixture(scope="module")
async def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment's directory of programs, with our wheel installed.

    The dependencies are those of this environment (a .pth file names its directory, whose own .pth files, and with them
    the checkout, are then not followed); the product itself is only in the wheel.
    """
    place = tmp_path_factory.mktemp("wheel")
    await _succeed(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place), str(ROOT))
    (wheel,) = place.glob("*.whl")
    await _succeed(sys.executable, "-m", "venv", str(place / "venv"))
    programs = place / "venv" / "bin"
    await _succeed(str(programs / "python"), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", str(wheel))
    (packages,) = (place / "venv" / "lib").glob("python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return programs


async def test_every_package_comes_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    code = (
        "import techdengue, eventstore, projections\nfor p in (techdengue, eventstore, projections): print(p.__file__)"
    )
    answer = await run("-c", code, env={}, directory=tmp_path, script=installed / "python")
    assert answer.code == 0, answer.err
    assert all(str(installed.parent) in place for place in answer.out.split())


async def test_the_installed_product_migrates_and_serves(
    installed: Path, tmp_path: Path, postgres: Any, variables: dict[str, str]
) -> None:
    admin = await asyncpg.connect(postgres.url())
    await admin.execute("CREATE DATABASE of_the_wheel")
    await admin.close()
    script = installed / "techdengue"
    owner = {"TECHDENGUE_OWNER_DATABASE_URL": postgres.url("of_the_wheel")}
    migrated = await run("migrate", env=owner, directory=tmp_path, script=script)
    assert migrated.code == 0, migrated.err
    async with (
        serving(variables, script=script) as server,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http,
    ):
        for path in ("/health/live", "/health/ready", "/schema"):
            async with http.get(server.url + path) as answer:
                assert answer.status == 200, path
        server.terminate()
        assert await server.ended() == 0


async def _succeed(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, env=clean_environment({}), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode == 0, out.decode()
