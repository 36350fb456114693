"""`techdengue sync`: push a log of operations from a file."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from .errors import CommandFailed, ExitCode
from .output import progress, put_json, say, table
from .transport import Transport

if TYPE_CHECKING:
    from techdengue.client import LogProgress, LogReport

SHOWN_REFUSALS = 20


def sync(
    file: Annotated[Path, typer.Argument(help="Operations, one JSON object a line; - reads stdin.")],
    url: Annotated[str | None, typer.Option(help="The API. [default: TECHDENGUE_URL]")] = None,
    token: Annotated[str | None, typer.Option(help="Bearer token. [default: TECHDENGUE_TOKEN]")] = None,
    device: Annotated[
        str | None, typer.Option(help="The device to push as. [default: cli-<the token's user>-<this machine>]")
    ] = None,
    transport: Annotated[
        Transport, typer.Option(help="What carries operations: batches, one long request, or a WebSocket.")
    ] = Transport.STREAM,
    batch: Annotated[int, typer.Option(min=1, max=500, help="Operations in a batch or frame, or sent at once.")] = 200,
    patience: Annotated[float, typer.Option(min=0, help="Seconds to wait for a server that is away.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Push operations from a file, in order, and count what became of them.

    A line is an operation as in POST /api/sync:

    \b
      {"entity_type":"atividade","entity_id":1,"operation":"update","data":{"status":"CONCLUIDA"},"client_timestamp":"2026-03-01T12:00:00Z"}

    Idempotency keys (made from device and content where a line brings none) make it safe to run again, whole, after
    any failure or correction. But a file pushed as two devices is recorded twice. Exits 1 when single operations were
    refused; the others are recorded.

    \b
    Examples:
      techdengue sync field-day.ndjson
      techdengue sync --device android-7 --batch 50 field-day.ndjson
      zcat old.ndjson.gz | techdengue sync - --json
      techdengue sync --transport http behind-a-proxy.ndjson
    """
    import uvloop  # lazy: see app.py

    from techdengue.client import Carrier, push_log

    from .api import api_url, bearer, own_device, refusals

    where, by = api_url(url), bearer(token)
    name = device or own_device(by)
    with _opened(file) as lines, progress(f"pushing {file} to {where}") as advance, refusals(where, name):

        def show(done: "LogProgress") -> None:
            advance(done.line, None)

        carrier = Carrier(transport.value)
        report = uvloop.run(
            push_log(lines, where, name, by, carrier=carrier, batch_size=batch, patience=patience, progress=show)
        )
    _check_log(report, file)
    _show(report, as_json=as_json)
    if report.problem is not None:
        after = f"after line {report.lines}" if report.lines else "before the first line"
        raise CommandFailed(
            f"{where} cannot be reached {after}: {report.problem}",
            do="Run the same command again: nothing is recorded twice.",
            code=ExitCode.UNREACHABLE,
        )
    if report.refused:
        raise CommandFailed(
            f"{_counted(len(report.refused))} refused and not recorded",
            do="Correct those lines and run the command again: nothing is recorded twice.",
        )


def _check_log(report: "LogReport", file: Path) -> None:
    """Raise CommandFailed for another kind of file; tell of an empty one."""
    name, example = ("stdin", "FILE") if str(file) == "-" else (file, file)
    if report.is_no_log:
        raise CommandFailed(
            f"{name} is not a log of operations: one JSON object a line (NDJSON).",
            do=f"A request's body: jq -c '.operations[]' {example} | techdengue sync -\n"
            f"  A packed log: zcat {example} | techdengue sync -",
            code=ExitCode.USAGE,
        )
    if not (report.lines or report.refused or report.problem):
        say(f"techdengue: {name} has no operations")


def _counted(operations: int) -> str:
    return "1 operation was" if operations == 1 else f"{operations} operations were"


@contextlib.contextmanager
def _opened(file: Path) -> Iterator[IO[bytes]]:
    if str(file) == "-":
        yield sys.stdin.buffer
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}", code=ExitCode.USAGE) from error
    with opened:
        yield opened


def _show(report: "LogReport", *, as_json: bool) -> None:
    if as_json:
        put_json(report)
        return
    rows = [[outcome, str(count)] for outcome, count in sorted(report.outcomes.items())]
    table(["outcome", "operations"], [*rows, ["refused", str(len(report.refused))]])
    if report.repeated:
        say(f"  {report.repeated} of them were already processed before")
    for refused in report.refused[:SHOWN_REFUSALS]:
        where = f" at {refused.path}" if refused.path else ""
        say(f"  line {refused.line}: {refused.code}{where}: {refused.message}")
    if len(report.refused) > SHOWN_REFUSALS:
        say(f"  … and {len(report.refused) - SHOWN_REFUSALS} more; --json lists them all")
