"""What follows from a commit is queued without what does it: the two must agree."""

import pytest

from jobs.catalogue import JOBS
from jobs.outbox import ATTEMPTS


@pytest.mark.parametrize("name", sorted(ATTEMPTS.keys() & JOBS.keys()))
def test_a_run_of_a_commit_is_tried_as_often_as_its_job_says(name: str) -> None:
    assert ATTEMPTS[name] == JOBS[name].retry.attempts
