"""Whatever the OpenAPI document lets one send, and much that it does not: never a 5xx, always as documented."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from techdengue.dev.database import Database
from techdengue.dev.seaweedfs import S3Address
from techdengue.domain.access import Role

from .conftest import Tokens, s3_settings

CHECKS = ",".join(
    (
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "response_headers_conformance",
        "ignored_auth",
    )
)


async def test_generated_requests_are_answered_as_documented(
    database: Database, tokens: Tokens, s3: S3Address, tmp_path: Path
) -> None:
    port_file = tmp_path / "port"
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "TECHDENGUE_DATABASE_URL": database.server_url,
        "TECHDENGUE_JWT_LOCAL_KEY_FILE": str(tokens.key_file),
        "TECHDENGUE_LOG_LEVEL": "error",
        **{f"TECHDENGUE_{name.upper()}": value for name, value in s3_settings(s3).items()},
        "SCHEMATHESIS_HOOKS": "tests.http.schemathesis_hooks",
    }
    server = await asyncio.create_subprocess_exec(
        programs / "techdengue",
        "serve",
        "--port",
        "0",
        "--port-file",
        port_file,
        env=environment,
        stdout=subprocess.PIPE,
    )
    try:
        assert server.stdout is not None
        announced = await asyncio.wait_for(server.stdout.readline(), 30)
        assert b"listening" in announced
        fuzzing = await asyncio.create_subprocess_exec(
            programs / "schemathesis",
            "run",
            f"http://127.0.0.1:{port_file.read_text().strip()}/schema/openapi.json",
            "--checks",
            CHECKS,
            "--header",
            f"Authorization: Bearer {tokens.mint(Role.ADMIN, '*', user='fuzz')}",
            "--max-examples",
            "10",
            "--seed",
            "1",
            "--exclude-path-regex",
            "^/(schema|metrics)",
            "--suppress-health-check",
            "all",
            "--no-color",
            env=environment,
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(fuzzing.communicate(), 240)
    finally:
        server.terminate()
        await asyncio.wait_for(server.wait(), 40)
    assert fuzzing.returncode == 0, output.decode()
