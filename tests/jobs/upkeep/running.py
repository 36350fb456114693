"""A run that handlers are called with directly, where a test wants several beside each other."""

import contextlib
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from typing import Any

from jobs import JobServices, Run
from jobs.services import jobs_pool
from techdengue.settings import Settings


@contextlib.asynccontextmanager
async def run_with(url: str, now: dt.datetime, storage: Any = None) -> AsyncIterator[Run]:
    """A run of nobody's, with a pool of its own."""
    async with jobs_pool(url, 8) as pool:
        settings = Settings(database_url=url)
        services = JobServices(pool=pool, settings=settings, storage=storage, clock=lambda: now)
        yield Run(
            run_id=uuid.uuid4(),
            attempt=1,
            due_at=now,
            requested_by=None,
            municipio=None,
            services=services,
            worker="the test",
        )
