"""Which TECHDENGUE_* variables `techdengue dev` hands on to what it starts: how things are done, not where they are.

Addresses, logins and keys are those of the servers that it starts itself; a variable of a shell may speak of others.
"""

from collections.abc import Mapping
from typing import Final

from techdengue.settings import Settings

_PLACES: Final = frozenset(
    {
        *("database_url", "maintenance_database_url", "redis_url", "host", "port", "worker_host", "worker_port"),
        *("s3_endpoint_url", "s3_public_endpoint_url", "s3_region", "s3_access_key", "s3_secret_key"),
        *("s3_bucket", "s3_archive_bucket"),
        *("jwt_issuer", "jwt_audience", "jwt_client_ids", "jwks_url", "jwt_local_key_file"),
    }
)
_OPTIONS: Final = frozenset({"workers"})
"""Settings that are options of `techdengue dev`, which reads them itself."""


def handed_on(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of `environ` that the programs get, too."""
    return _of(environ, frozenset(Settings.__struct_fields__) - _PLACES - _OPTIONS)


def left_out(environ: Mapping[str, str]) -> list[str]:
    """The names of those that they do not get, because the environment has servers and keys of its own."""
    return list(_of(environ, _PLACES))


def _of(environ: Mapping[str, str], settings: frozenset[str]) -> dict[str, str]:
    named = (f"TECHDENGUE_{name.upper()}" for name in sorted(settings))
    return {variable: environ[variable] for variable in named if environ.get(variable)}
