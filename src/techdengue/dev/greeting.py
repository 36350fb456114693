"""What `techdengue dev` says once everything runs: addresses, a token, and a first sync to paste."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from techdengue.dev.database import SERVER_LOGIN
from techdengue.dev.demo import HOME_MUNICIPIO
from techdengue.domain.access import Role
from techdengue.http.local_tokens import mint_local_token

FIRST_SYNC: Final = {
    "operations": [
        {
            "entity_type": "atividade",
            "entity_id": 1,
            "operation": "update",
            "data": {"status": "CONCLUIDA"},
            "client_timestamp": "2024-01-15T14:30:00Z",
            "idempotency_key": "test-key-001",
            "conflict_resolution_strategy": "last_write_wins",
        }
    ]
}
"""The README's, word for word: whichever is pasted second is already processed."""
_DEVICE: Final = "android-test-123"
_USER: Final = "dev"


def greet(
    show: Callable[[str], None],
    *,
    took: float,
    urls: Mapping[str, str],
    logs: Path,
    key: Path,
    server_password: Path,
    simulated: int,
) -> None:
    """Show it, line by line; the curl command is one line that works when pasted."""
    token = mint_local_token(key, user=_USER, role=Role.CAMPO, municipios=[HOME_MUNICIPIO])
    show("")
    show(f"TechDengue is ready ({took:.1f} s).")
    show("")
    for name, url in urls.items():
        show(f"  {name:<12} {url}")
    show(f"  {'API pages':<12} {urls['API']}/schema")
    show(f"  {'SQL':<12} as {SERVER_LOGIN}, password in {server_password}: docs/operations.md, Looking with SQL")
    show(f"  {'Logs':<12} {logs}/")
    show(f"  {'Devices':<12} {_describe_devices(simulated)}")
    show("")
    show(f"A token for a field agent (CAMPO) in Cuiabá ({HOME_MUNICIPIO}); for others: .venv/bin/techdengue token -h")
    show("")
    show(token)
    show("")
    show("A first sync, to paste into another terminal (twice: the second is already processed):")
    show("")
    show(first_sync_command(urls["API"], token))
    show("")
    show("Ctrl-C stops all of it; the data is kept.")


def first_sync_command(api: str, token: str) -> str:
    """A curl command, in one line, that syncs the first operation."""
    return (
        f"curl -sS {api}/api/sync -H 'Authorization: Bearer {token}' -H 'X-Device-ID: {_DEVICE}'"
        f" -H 'Content-Type: application/json' -d '{json.dumps(FIRST_SYNC)}'"
    )


def _describe_devices(simulated: int) -> str:
    if simulated == 0:
        return "none simulated"
    return f"{simulated} simulated, working (SIMULATE=0 turns them off)"
