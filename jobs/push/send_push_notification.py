"""`send_push_notification`: a message of somebody's own words to every active device of one user."""

import datetime as dt
import re
from typing import Annotated, Final

import msgspec

from jobs.model import Counts, Job, Queue
from jobs.run import Run

from .delivery import DELIVERY_RETRY, DELIVERY_TIME_LIMIT, deliver
from .model import Message, MessageType, Notification

TTL: Final = dt.timedelta(hours=24)
_TAG_OF_RUN: Final = "aviso/"
_LINK: Final = re.compile(r"techdengue://\S+")


class PushArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """To whom, and what. Nothing personal, nothing of anybody's health: it is stored, and Google sees it."""

    user_id: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    body: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]
    data: dict[str, str] = {}
    """Texts by name; `link` is what the app opens: an address of its own, techdengue://…"""

    def __post_init__(self) -> None:
        """Raises ValueError where `link` leads elsewhere: a ValidationError of what is sent."""
        link = self.data.get("link")
        if link is not None and not _LINK.fullmatch(link):
            raise ValueError("data.link is not an address of the app: techdengue://…")


async def send_push_notification(run: Run, arguments: PushArguments) -> Counts:
    """Deliver it; the run's id is the message's key."""
    message = Message(
        type=MessageType.NOTIFICATION,
        tag=f"{_TAG_OF_RUN}{run.run_id}",
        title=arguments.title,
        body=arguments.body,
        data=arguments.data,
    )
    key = f"{MessageType.NOTIFICATION}/{run.run_id}"
    messages = {arguments.user_id: message}
    return await deliver(run, Notification(key=key, type=MessageType.NOTIFICATION, messages=messages, ttl=TTL))


SEND_PUSH_NOTIFICATION: Final = Job(
    name="send_push_notification",
    queue=Queue.NOTIFICATIONS,
    arguments=PushArguments,
    handler=send_push_notification,
    time_limit=DELIVERY_TIME_LIMIT,
    retry=DELIVERY_RETRY,
    summary="Sends a message to every active device of a user.",
)
