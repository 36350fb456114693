"""`techdengue token`: a token for development, signed with the local key."""

import datetime as dt
import re
from typing import Annotated

import typer

from techdengue.domain.access import Role

from .errors import CommandFailed, ExitCode
from .output import put, put_json

_LIFETIME = re.compile(r"(\d{1,6})(s|m|h|d)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


ROLES = ", ".join(role.value for role in Role)


def _role(text: str | Role) -> Role:
    name = text.value if isinstance(text, Role) else text.upper()
    if name not in Role.__members__:
        raise typer.BadParameter(f"{text!r} is not one of {ROLES}")
    return Role(name)


def token(
    role: Annotated[
        Role, typer.Option(parser=_role, metavar="ROLE", show_default=False, help=f"One of {ROLES}. [default: CAMPO]")
    ] = Role.CAMPO,
    municipio: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="IBGE code of a município; repeat it for more, '*' for all."),
    ] = None,
    user: Annotated[str, typer.Option(help="The user's id (`sub`).")] = "dev",
    lifetime: Annotated[str, typer.Option(help="How long it is good for: 30m, 12h, 7d.")] = "12h",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Print a bearer token for development.

    It is signed with the key of TECHDENGUE_JWT_LOCAL_KEY_FILE, which production servers do not have.

    \b
    Examples:
      techdengue token --role CAMPO --municipio 5103403
      techdengue token --role ADMIN --municipio '*' --lifetime 1h
      curl -H "Authorization: Bearer $(techdengue token --municipio 5103403)" …
    """
    from techdengue.domain.municipios import MUNICIPIOS  # lazy: see app.py

    from .api import mint

    if not municipio:
        raise CommandFailed(
            "a token needs a territory", do="Say --municipio 5103403, or --municipio '*' for all.", code=ExitCode.USAGE
        )
    unknown = [code for code in municipio if code != "*" and code not in MUNICIPIOS]
    if unknown:
        raise CommandFailed(
            f"{', '.join(unknown)}: no município has this code",
            do="A code has 7 digits, e.g. 5103403 (Cuiabá).",
            code=ExitCode.USAGE,
        )
    minted = mint(user=user, role=role, municipios=municipio, lifetime=_duration(lifetime))
    if as_json:
        put_json({"token": minted, "user": user, "role": role, "municipios": municipio, "lifetime": lifetime})
    else:
        put(minted)


def _duration(text: str) -> dt.timedelta:
    match = _LIFETIME.fullmatch(text)
    if match is None:
        raise CommandFailed(f"{text!r} is not a lifetime", do="Write it like 30m, 12h or 7d.", code=ExitCode.USAGE)
    return dt.timedelta(**{_UNITS[match[2]]: int(match[1])})
