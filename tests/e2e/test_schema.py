"""Requests that the OpenAPI document allows, and many that it does not: every answer is one that it documents."""

import asyncio
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from techdengue.domain.access import Role
from tests.http.test_any_request import CHECKS

from .processes import SCRIPT
from .wire import Site

CUIABA = "5103403"
SECONDS = 240


@pytest.mark.parametrize(("role", "municipio", "seed"), [(Role.ADMIN, "*", 2), (Role.CAMPO, CUIABA, 3)])
async def test_generated_requests_are_answered_as_documented(site: Site, role: Role, municipio: str, seed: int) -> None:
    token = site.token(f"fuzz-{role.value}", role, (municipio,))
    fuzzing = await asyncio.create_subprocess_exec(
        SCRIPT.with_name("schemathesis"),
        "run",
        f"{site.urls[seed % 2]}/schema/openapi.json",
        *("--checks", CHECKS),
        *("--header", f"Authorization: Bearer {token}"),
        *("--max-examples", "3"),
        *("--seed", str(seed)),
        *("--exclude-path-regex", "^/(schema|metrics)"),
        *("--suppress-health-check", "all"),
        "--no-color",
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.http.schemathesis_hooks"},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(fuzzing.communicate(), SECONDS)
    assert fuzzing.returncode == 0, output.decode()


async def test_the_document_is_served_the_same_by_both_and_without_a_token(site: Site) -> None:
    documents: list[Any] = [
        (await site.ask("GET", "/schema/openapi.json", None, server=number)).body for number in range(2)
    ]
    assert documents[0] == documents[1]
    assert documents[0]["openapi"].startswith("3.")
