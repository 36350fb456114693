"""Who may do what, once more over sockets: the walk of tests/http against two real server processes.

Every endpoint × every role × own and foreign município × no, expired and forged token.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from techdengue.domain.access import Role
from tests.http import test_who_may as walk
from tests.http.conftest import CUIABA, VARZEA_GRANDE, Tokens, operation

from .wire import Site

world = walk.world
test_the_walk_leaves_no_endpoint_out = walk.test_the_walk_leaves_no_endpoint_out
test_every_role = walk.test_every_endpoint_answers_each_role_in_its_own_municipio_and_in_another
test_no_token_an_expired_and_a_forged_one = (
    walk.test_every_guarded_endpoint_refuses_no_token_an_expired_and_a_forged_one
)
test_open_endpoints_need_no_token = walk.test_open_endpoints_need_no_token
test_a_foreign_create = walk.test_a_create_in_a_foreign_municipio_is_an_error_of_that_operation_alone
test_a_foreign_update = walk.test_an_entity_of_a_foreign_municipio_is_not_found_by_an_update
test_a_taken_device = walk.test_another_users_token_on_a_device_is_refused_even_for_a_sync
test_one_id_in_two_municipios_asks_which = walk.test_one_id_in_two_municipios_asks_which
test_foreign_cursors = walk.test_a_cursor_of_another_territory_or_list_is_refused


class AcrossServers(httpx.AsyncBaseTransport):
    """Sends each request to the next server: what one has decided, the other knows."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = [httpx.URL(url) for url in urls]
        self._turn = 0
        self._inner = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._turn += 1
        place = self._urls[self._turn % len(self._urls)]
        request.url = request.url.copy_with(host=place.host, port=place.port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


@pytest.fixture(scope="module")
def tokens(key_file: Path) -> Tokens:
    """The walk's tokens are of the servers' own key."""
    return Tokens(key_file)


@pytest.fixture(scope="module")
async def server(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    """The walk's client is of the real servers, in turns."""
    across = AcrossServers(list(site.urls))
    async with httpx.AsyncClient(transport=across, base_url=site.urls[0], timeout=60) as client:
        yield client


async def test_lists_show_a_person_their_own_municipios_alone(
    server: httpx.AsyncClient, tokens: Tokens, site: Site
) -> None:
    for municipio in (CUIABA, VARZEA_GRANDE):
        headers = tokens.bearer(Role.CAMPO, municipio, user=f"lister-{municipio}")
        created = operation("l-1", entity_id="listed", data={"tipo": "LIRAA", "municipio_cod_ibge": municipio})
        body = {"operations": [created]}
        named = headers | {"x-device-id": f"lister-{municipio}"}
        assert (await server.post("/api/sync", json=body, headers=named)).status_code == 200
    for municipio in (CUIABA, VARZEA_GRANDE):
        analyst = site.token(f"analyst-{municipio}", Role.VIGILANCIA, (municipio,))
        for path in ("/api/sync/changes", "/api/events", "/api/conflicts"):
            seen = {item["municipio_cod_ibge"] for item in await site.read_all(path, analyst)}
            assert seen <= {municipio}, path
            assert seen or path == "/api/conflicts"
