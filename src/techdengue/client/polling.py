"""Changes by long polling: a request that the server answers when there is something to say."""

import asyncio
from typing import Final

from .channel import Alive, Changed, Listen
from .inbox import Inbox
from .link import Link

WAIT_SECONDS: Final = 20.0
"""How long the server may hold a request; less than the transport's time-out."""
_PACE_SECONDS: Final = 1.0
"""Between two answers that say nothing: a server that does not wait is not asked more often."""


async def poll(link: Link, listen: Listen, inbox: Inbox) -> None:
    """Put every page into the inbox, from the cursor on, without end. Raises LinkError."""
    loop = asyncio.get_running_loop()
    cursor = listen.cursor
    while True:
        asked = loop.time()
        page = await link.read_changes(cursor, listen.limit, wait=WAIT_SECONDS)
        if page.items or page.next_cursor not in (None, cursor):
            cursor = page.next_cursor or cursor
            await inbox.put(Changed(page))
        else:
            await inbox.put(Alive())
            await asyncio.sleep(max(0.0, _PACE_SECONDS - (loop.time() - asked)))
