"""The jobs that there are: all that the facts name, each with its schedule, and nothing that nobody knows."""

import uuid

import msgspec
import pytest

from jobs import outbox
from jobs.catalogue import JOBS
from jobs.model import AnyJob
from jobs.schedule import SCHEDULE, Scheduled, describe
from techdengue.domain.access import Role

SEED = {
    "cleanup_old_s3_files": ("cleanup", "daily 02:00"),
    "archive_old_reports": ("cleanup", "daily 03:00"),
    "cleanup_sync_logs": ("cleanup", "weekly Sunday 04:00"),
    "vacuum_database": ("cleanup", "weekly Sunday 05:00"),
    "aggregate_sync_metrics": ("reports", "every 15 min"),
    "generate_weekly_report": ("reports", "weekly Monday 06:00"),
    "auto_generate_evd01": ("reports", None),
    "send_daily_digest": ("notifications", "daily 08:00"),
    "send_push_notification": ("notifications", None),
    "notify_sync_conflict": ("notifications", None),
    "notify_report_ready": ("notifications", None),
}
"""The eleven jobs of the facts: queue, and when."""


def test_all_eleven_jobs_are_there_on_their_queues_with_their_schedule() -> None:
    scheduled = {name: describe(each.times) for name, each in SCHEDULE.items()}
    assert {name: (JOBS[name].queue.value, scheduled.get(name)) for name in SEED if name in JOBS} == SEED


def test_every_schedule_is_of_a_job_and_takes_no_arguments() -> None:
    assert SCHEDULE.keys() - JOBS.keys() == set()
    for name in SCHEDULE:
        msgspec.convert({}, JOBS[name].arguments)


def test_what_follows_from_a_commit_is_a_job_that_takes_its_arguments() -> None:
    for following in (
        outbox.conflict_parked(str(uuid.UUID(int=7)), municipio="5103403", user="ana"),
        outbox.atividade_completed("1", 2, municipio="5103403", user="ana"),
        outbox.evidence_verified("e-1", "key", municipio="5103403", user="ana"),
    ):
        job = JOBS[following.job]
        assert job.queue is following.queue
        msgspec.json.decode(msgspec.json.encode(following.arguments), type=job.arguments)


@pytest.mark.parametrize("job", JOBS.values(), ids=lambda job: job.name)
def test_every_job_says_what_it_is_and_how_it_is_tried(job: AnyJob) -> None:
    assert job.summary.endswith(".")
    assert job.time_limit.total_seconds() > 0
    assert job.retry.attempts > 0
    assert job.retry.first <= job.retry.longest
    assert issubclass(job.arguments, msgspec.Struct)
    assert job.arguments.__struct_config__.forbid_unknown_fields
    if job.least_role is not Role.ADMIN:
        assert "municipio_cod_ibge" in job.arguments.__struct_fields__, (
            "its territory could not be held against a token"
        )


def test_a_scheduled_start_is_spread_over_less_than_its_period() -> None:
    for scheduled in SCHEDULE.values():
        assert isinstance(scheduled, Scheduled)
        assert scheduled.spread.total_seconds() < 3600
