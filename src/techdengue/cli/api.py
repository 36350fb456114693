"""A command's way to the HTTP API: where it is, with which token, and its refusals as sentences."""

import contextlib
import datetime as dt
import getpass
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import jwt

from techdengue.client.errors import Forbidden, LinkError, Unauthorized, Unreachable
from techdengue.domain.access import Role
from techdengue.http.local_tokens import DEFAULT_LIFETIME, mint_local_token
from techdengue.settings import SettingsError

from .environment import environment
from .errors import CommandFailed, ExitCode
from .output import say


def api_url(given: str | None) -> str:
    """The API's address: what was given, TECHDENGUE_URL, or that of the running `techdengue dev`."""
    url = given or environment().get("TECHDENGUE_URL", "")
    if not url:
        raise CommandFailed(
            "no server is known: TECHDENGUE_URL is not set",
            do="Start one with `techdengue dev`, or say --url http://host:port.",
            code=ExitCode.USAGE,
        )
    if not url.startswith(("http://", "https://")):
        raise CommandFailed(f"{url!r} is not an http address", do="Say --url http://host:port.", code=ExitCode.USAGE)
    return url.rstrip("/")


def bearer(given: str | None) -> str:
    """A token: what was given, TECHDENGUE_TOKEN, or one minted with the local development key."""
    token = given or os.environ.get("TECHDENGUE_TOKEN", "")
    if token:
        return token
    if not _local_key():
        raise CommandFailed(
            "there is no token and no key to make one: TECHDENGUE_TOKEN and TECHDENGUE_JWT_LOCAL_KEY_FILE are not set",
            do="Say --token, or start `techdengue dev` here.",
            code=ExitCode.USAGE,
        )
    user = _person()
    say(f"techdengue: no token given; acting as ADMIN {user!r} by the local development key")
    return mint(user=user, role=Role.ADMIN, municipios=["*"])


def own_device(token: str) -> str:
    """A device id of the token's user on this machine, so that no two users meet in one."""
    try:
        user = str(jwt.decode(token, options={"verify_signature": False}).get("sub") or _person())
    except jwt.InvalidTokenError:  # the server judges tokens, not this command
        user = _person()
    return re.sub(r"[^A-Za-z0-9._@-]", "_", f"cli-{user}-{socket.gethostname()}")[:128]


def mint(*, user: str, role: Role, municipios: list[str], lifetime: dt.timedelta = DEFAULT_LIFETIME) -> str:
    """A token of the local development key. Raises CommandFailed where there is none."""
    try:
        return mint_local_token(local_key(), user=user, role=role, municipios=municipios, lifetime=lifetime)
    except SettingsError as error:
        raise CommandFailed(str(error), do="`techdengue dev` makes one.") from error


def local_key() -> Path:
    """Where the local development key is. Raises CommandFailed."""
    key = _local_key()
    if not key:
        raise CommandFailed(
            "there is no key to sign with: TECHDENGUE_JWT_LOCAL_KEY_FILE is not set and `make run` is not running here",
            do="Start it in this directory, then ask again.",
            code=ExitCode.USAGE,
        )
    return Path(key)


def _local_key() -> str:
    return environment().get("TECHDENGUE_JWT_LOCAL_KEY_FILE", "")


def _person() -> str:
    """Who runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid-{os.getuid()}"


@contextlib.contextmanager
def refusals(url: str, device: str | None = None) -> Iterator[None]:
    """What the server at `url` refuses as a whole, to this device where it is one, becomes a CommandFailed."""
    try:
        yield
    except Unreachable as error:
        raise CommandFailed(
            f"{url} cannot be reached: {error}",
            do="Is it running? Run the same command again later: nothing is recorded twice.",
            code=ExitCode.UNREACHABLE,
        ) from error
    except Unauthorized as error:
        raise CommandFailed(
            f"{url} does not accept the token: {error}",
            do=("" if error.code == "token_expired" else "It may have expired, or be another server's: check --url. ")
            + "`techdengue token` makes one for development.",
            code=ExitCode.REFUSED,
        ) from error
    except Forbidden as error:
        if error.code == "device_taken" and device is not None:
            raise CommandFailed(
                f"the device {device!r} belongs to another user",
                do="Say --device NAME (a name of your own), or have an ADMIN forget it: "
                f"DELETE /api/devices/{quote(device, safe='')}.",
                code=ExitCode.REFUSED,
            ) from error
        raise CommandFailed(
            f"{url} forbids it: {error}",
            do="The token's role or territory does not allow it.",
            code=ExitCode.REFUSED,
        ) from error
    except LinkError as error:
        raise CommandFailed(
            f"{url} did not take it: {error}", do="Check --url: is this a TechDengue server?", code=ExitCode.REFUSED
        ) from error
