"""`techdengue push`: whether messages reach a device, and if not, why and what to do."""

from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from .environment import server_settings
from .errors import EXIT_CODES, CommandFailed, ExitCode
from .output import put, put_json

if TYPE_CHECKING:
    from jobs.push.model import Answer
    from jobs.push.trial import DeviceTarget
    from techdengue.settings import Settings

ROLE = "techdengue_jobs"
REGISTER = "Have the app register one: PUT /api/devices/{device_id} with `push` (docs/protocol.md)."

app = typer.Typer(
    help="""Messages to devices: try whether they arrive.

    \b
    Examples:
      techdengue push test --device android-test-123
    """,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.callback()
def push() -> None:
    """Messages to devices: try whether they arrive."""


@app.command("test", epilog=EXIT_CODES)
def try_device(
    device: Annotated[str, typer.Option(metavar="ID", help="The device's id.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Ask FCM whether it would deliver to a device. Nobody gets a message, and nothing is changed.

    \b
    Examples:
      techdengue push test --device android-test-123
    """
    from jobs.push import CredentialsUnusable  # lazy: see app.py
    from techdengue import telemetry

    from .database import run as run_here

    settings = server_settings()
    telemetry.configure(log_format="console", log_level="critical")  # stdout is for the result
    if not settings.push_service_account_file:
        raise CommandFailed(
            "no messages are sent: TECHDENGUE_PUSH_SERVICE_ACCOUNT_FILE is not set",
            do="Set it to the JSON key of the Firebase project's service account (docs/push.md).",
            code=ExitCode.USAGE,
        )
    try:
        answer = run_here(_ask(settings, device), settings.database_url)
    except CredentialsUnusable as error:
        raise CommandFailed(
            str(error), do="It is the JSON file that Google Cloud gives for a service account.", code=ExitCode.USAGE
        ) from error
    failure = _failure(answer, device)
    if as_json:
        put_json({"device_id": device, "outcome": answer.outcome, "status": answer.status, "code": answer.code})
    elif failure is None:
        put(f"FCM would deliver to {device}")
    if failure is not None:
        raise failure


async def _ask(settings: "Settings", device: str) -> "Answer":
    from jobs.push import open_pusher
    from jobs.push.trial import read_target, try_target
    from jobs.services import utc_now

    from .database import connected

    async with open_pusher(settings, clock=utc_now) as pusher:
        async with connected(settings.database_url, ROLE) as connection:
            found = await read_target(connection, device)
        if found is None or found.target is None or pusher is None:
            raise _without_target(found, device)
        if found.off_at is not None or found.is_unseen(utc_now()):
            raise _off(found, device)
        return await try_target(pusher, found.target)


def _without_target(found: "DeviceTarget | None", device: str) -> CommandFailed:
    if found is None:
        return CommandFailed(
            f"no device {device} is registered", do="Check the id; a device's first sync registers it."
        )
    match found.reason:
        case "moved":
            why = ": another device registered the one that it had"
        case "unseen":
            why = ": it was not seen for 270 days"
        case _:
            why = ""
    return CommandFailed(f"device {device} has no push target{why}", do=REGISTER)


def _off(found: "DeviceTarget", device: str) -> CommandFailed:
    if found.off_at is None:
        return CommandFailed(
            f"device {device} is sent nothing: it was last seen on {found.seen_at:%Y-%m-%d}, more than 270 days ago",
            do="It is sent messages again once it registers or syncs.",
        )
    do = {
        "unregistered": "The app was removed, or got another target. " + REGISTER,
        "invalid_target": "What it registered is no token or installation id of FCM. " + REGISTER,
        "sender_mismatch": "Its app is of another Firebase project: see that app and service account are of the same.",
    }
    return CommandFailed(
        f"the push target of device {device} is off since {found.off_at:%Y-%m-%d %H:%M} UTC: {found.reason}",
        do=do.get(found.reason or "", REGISTER),
    )


def _failure(answer: "Answer", device: str) -> CommandFailed | None:
    """What the answer means, and what to do; None where all is well."""
    from jobs.push.model import Outcome

    said = f" ({answer.status or 'no answer'}{f' {answer.code}' if answer.code else ''})"
    match answer.outcome:
        case Outcome.SENT:
            return None
        case Outcome.UNREGISTERED:
            return CommandFailed(f"FCM does not know {device} any more{said}", do="The app was removed. " + REGISTER)
        case Outcome.INVALID_TARGET:
            return CommandFailed(f"what {device} registered is no target of FCM{said}", do=REGISTER)
        case Outcome.SENDER_MISMATCH:
            return CommandFailed(
                f"the app of {device} is of another Firebase project{said}",
                do="Use the service account of the project that the app was built with.",
                code=ExitCode.REFUSED,
            )
        case Outcome.UNAUTHORIZED:
            return CommandFailed(
                f"FCM does not take our credential{said}",
                do="See that the key is not revoked, the account has the role Firebase Cloud Messaging API Admin, "
                "the API is switched on, and for iPhones the project has its APNs key.",
                code=ExitCode.REFUSED,
            )
        case Outcome.QUOTA:
            return CommandFailed(
                f"the project's quota is used up{said}", do="Try again in some minutes.", code=ExitCode.REFUSED
            )
        case Outcome.UNAVAILABLE:
            return CommandFailed(
                f"FCM cannot be reached, or is in trouble{said}",
                do="See TECHDENGUE_PUSH_ENDPOINT and the way out to the internet; try again.",
                code=ExitCode.UNREACHABLE,
            )
        case Outcome.REJECTED | Outcome.GIVEN_UP | Outcome.WITHDRAWN:
            return CommandFailed(
                f"FCM does not take the message as it is{said}: {', '.join(answer.fields) or 'it does not say why'}",
                do="Check TECHDENGUE_PUSH_ENDPOINT and the service account's project; else it is a defect: report it.",
            )
    assert_never(answer.outcome)
