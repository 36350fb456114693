"""What follows from a commit is queued without what does it: the two must agree."""

import uuid

import pytest

from jobs import outbox
from jobs.catalogue import JOBS
from jobs.outbox import Following

FOLLOWING = (
    outbox.conflict_parked(str(uuid.uuid4()), municipio="5103403", user="ana"),
    outbox.atividade_completed("a-1", 2, municipio="5103403", user="ana"),
    outbox.evidence_verified("e-1", "key", municipio="5103403", user="ana"),
)
_ATTEMPTS = 6
"""The place of the attempts in `jobs.queued_row`."""


@pytest.mark.parametrize("following", [each for each in FOLLOWING if each.job in JOBS], ids=lambda each: each.job)
def test_a_run_of_a_commit_is_tried_as_often_as_its_job_says(following: Following) -> None:
    job = JOBS[following.job]
    assert (following.row(0)[_ATTEMPTS], following.queue) == (job.retry.attempts, job.queue)
