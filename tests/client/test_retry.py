"""How long a device waits."""

import random

import pytest

from techdengue.client import HttpTransport, Request, Response, Unauthorized, Unreachable
from techdengue.client.retry import HIGHEST_BOUND, backoff
from techdengue.client.verdict import check

from .fake_server import FakeServer, hold_answer


@pytest.mark.parametrize("attempts", [1, 2, 5, 9, 10, 1_000_000])
def test_waits_are_spread_over_all_of_a_bound_that_doubles_and_ends(attempts: int) -> None:
    rng = random.Random(1)  # noqa: S311  jitter, not a secret
    bound = min(HIGHEST_BOUND, 2.0 ** (min(attempts, 60) - 1))
    waits = [backoff(attempts, rng) for _ in range(2_000)]
    assert 0 <= min(waits) < 0.05 * bound
    assert 0.95 * bound < max(waits) <= bound


def test_never_less_than_the_server_asked_for() -> None:
    rng = random.Random(1)  # noqa: S311  jitter, not a secret
    assert all(backoff(1, rng, retry_after=45) >= 45 for _ in range(100))


async def test_a_server_that_says_nothing_is_given_up(server: FakeServer) -> None:
    server.faults = [hold_answer]
    request = Request(method="GET", url=f"{server.url}/api/sync/changes", headers={}, params={"limit": "1"})
    async with HttpTransport(silence=0.05) as transport:
        with pytest.raises(Unreachable, match="in time"):
            await transport.send(request)


async def test_no_server_at_all_is_out_of_reach(server: FakeServer) -> None:
    gone = Request(method="GET", url=f"{server.url}/", headers={})
    await server.stop()
    async with HttpTransport() as transport:
        with pytest.raises(Unreachable):
            await transport.send(gone)


def test_an_upgrade_that_is_refused_says_why_in_its_challenge() -> None:
    challenge = 'Bearer realm="techdengue", error="invalid_token", error_description="The token does not verify"'
    with pytest.raises(Unauthorized, match="401: The token does not verify"):
        check(Response(status=401, headers={"www-authenticate": challenge}, body=b""))
    with pytest.raises(Unauthorized, match=r"401$"):
        check(Response(status=401, headers={"www-authenticate": "Bearer"}, body=b""))
