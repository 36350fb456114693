"""Which server, database and keys a command talks to: TECHDENGUE_* variables, else what `techdengue dev` runs here.

`techdengue dev` writes `dev.json` in its data directory (0600): its pid, and under `environment` the variables that
its own processes got.
"""

import functools
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CommandFailed, ExitCode
from .output import say

if TYPE_CHECKING:
    from techdengue.settings import Settings

PREFIX = "TECHDENGUE_"
START_DEV = "Start one with `techdengue dev` (or `make run`), or set the variable."


@functools.cache
def environment() -> Mapping[str, str]:
    """The TECHDENGUE_* variables in force; tells a person when they are those of the running `techdengue dev`."""
    own = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    if own.keys() - {"TECHDENGUE_DATA_DIR"}:
        return own
    found = _running_dev()
    if found is None:
        return {}
    path, variables = found
    if sys.stderr.isatty():
        say(f"techdengue: no TECHDENGUE_* variable is set; using the development servers of {path}")
    return variables


def server_settings(**instead: str) -> "Settings":
    """The server's settings, some variables read from `instead`. Raises CommandFailed."""
    from techdengue.settings import SettingMissing, SettingsError, read_settings  # lazy: see app.py

    try:
        return read_settings({**environment(), **instead})
    except SettingsError as error:
        do = START_DEV if isinstance(error, SettingMissing) else "Correct the variable, or the option of that name."
        raise CommandFailed(str(error), do=do, code=ExitCode.USAGE) from error


def required(variable: str, meaning: str) -> str:
    """The value of one variable. Raises CommandFailed naming it and what it means."""
    value = environment().get(variable, "")
    if not value:
        raise CommandFailed(f"{variable} is not set: {meaning}", do=START_DEV, code=ExitCode.USAGE)
    return value


def data_directory() -> Path:
    """Where `techdengue dev` keeps its data."""
    return Path(os.environ.get("TECHDENGUE_DATA_DIR", ".data"))


def _running_dev() -> tuple[Path, dict[str, str]] | None:
    import json  # lazy: see app.py

    path = data_directory() / "dev.json"
    try:
        written: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise CommandFailed(
            f"{path} cannot be read: {error}", do="Remove it and start `techdengue dev` again."
        ) from error
    return path, {name: str(value) for name, value in written.get("environment", {}).items()}
