"""What a failure leaves in the logs: where it was, never what somebody sent."""

import json
import subprocess
import sys

import pytest

from techdengue import telemetry

SECRET = "nome-de-quem-mora-ali"
PROGRAM = """
import sys, structlog
from techdengue import telemetry

def fail(sent):
    try:
        int(sent)
    except ValueError as error:
        raise RuntimeError("because of " + sent) from error

telemetry.configure(log_format=sys.argv[1], log_level="info")
log = structlog.get_logger()
try:
    fail(sys.stdin.read())
except RuntimeError as error:
    log.exception("job_failed")
    log.error("job_failed", exc_info=error)
"""


def test_a_failure_is_told_by_its_type_and_place_and_its_causes() -> None:
    with pytest.raises(RuntimeError) as failed:
        _fail(SECRET)
    told = telemetry.tell_failure(None, "error", {"event": "job_failed", "exc_info": failed.value})
    assert told["error"] == "RuntimeError"
    assert told["trace"][-1].startswith("test_logs.py:")
    assert [cause.partition(" at ")[0] for cause in told["causes"]] == ["ValueError"]
    assert SECRET not in json.dumps(told)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_no_form_of_the_log_shows_what_was_sent(log_format: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, log_format], input=SECRET, capture_output=True, text=True, check=True
    )
    written = ran.stdout + ran.stderr
    assert written.count("job_failed") == 2
    assert written.count("RuntimeError") == 2
    assert SECRET not in written


def _fail(sent: str) -> None:
    try:
        int(sent)
    except ValueError as error:
        raise RuntimeError(f"because of {sent}") from error
