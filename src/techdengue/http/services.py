"""What the HTTP application is built from: the composition root makes one, tests make one of fakes."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping

from techdengue.settings import Settings

from .address import Proxies
from .budget import BodyBudget
from .keeper import Keeper
from .ports import Audit, Feed, Files, HealthCheck, Intake, Jobs, Readers, Reports, Verifier
from .presence import Places

_BODIES_AT_ONCE = 4
"""Of the largest size, of one user."""


async def _nothing() -> None:
    """No gauge needs to be brought up to date."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Services:
    """The rooms below HTTP.

    `evidence` is None where there is no object store. `checks` are by dependency name; all must pass for
    `/health/ready` to answer 200. `before_metrics` brings gauges up to date that nobody sets meanwhile; it raises
    nothing. `stopping` is set when the server is asked to stop: what would go on for ever ends then, for only after
    the last answer the rest of the server does.
    """

    intake: Intake
    readers: Readers
    feed: Feed
    jobs: Jobs
    reports: Reports
    verifier: Verifier
    audit: Audit
    settings: Settings
    evidence: Files | None = None
    checks: Mapping[str, HealthCheck] = dataclasses.field(default_factory=dict)
    before_metrics: Callable[[], Awaitable[None]] = _nothing
    stopping: asyncio.Event = dataclasses.field(default_factory=asyncio.Event)
    bodies: BodyBudget = dataclasses.field(init=False)
    places: Places = dataclasses.field(init=False)
    keeper: Keeper = dataclasses.field(init=False)
    proxies: Proxies = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bodies", BodyBudget(_BODIES_AT_ONCE * self.settings.max_body_bytes))
        object.__setattr__(self, "places", Places(self.settings.waiting_requests))
        keeper = Keeper(self.readers, self.verifier, recheck_seconds=self.settings.recheck_seconds)
        object.__setattr__(self, "keeper", keeper)
        object.__setattr__(self, "proxies", Proxies(self.settings.trusted_proxies))
