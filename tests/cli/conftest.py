"""The command line as a person runs it: a process, with its own directory and environment."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).parent / "techdengue"
SECONDS = 60

Run = Callable[..., subprocess.CompletedProcess[str]]


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment without any TECHDENGUE_* variable, and with these."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TECHDENGUE_")}
    return inherited | variables


@pytest.fixture
def techdengue(tmp_path: Path) -> Run:
    """Run a `techdengue` command to its end in an empty directory."""

    def run(
        *arguments: str, env: Mapping[str, str] | None = None, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SCRIPT, *arguments],
            cwd=tmp_path,
            env=clean_environment(**(env or {})),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    return run
