"""One device's WebSocket, as a test speaks it."""

import json
from typing import Any

import aiohttp

from techdengue.domain.access import Role

from .load import MUNICIPIO
from .wire import Json, Site


class Talk:
    """An open socket to `GET /api/sync/ws`."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        site: Site,
        device: str,
        *,
        token: str | None = None,
        server: int = 0,
        **hello: Any,
    ) -> None:
        self._http = http
        self._url = site.urls[server % len(site.urls)] + "/api/sync/ws"
        self._token = token or site.token(f"user-of-{device}", Role.CAMPO, (MUNICIPIO,))
        self._hello = {"device_id": device, "changes": False, **hello}
        self.welcome: Json = {}
        self.socket: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> "Talk":
        self.socket = await self._http.ws_connect(
            self._url,
            headers={"authorization": f"Bearer {self._token}"},
            protocols=["techdengue.sync.1"],
            max_msg_size=0,
        )
        await self.say("hello", **self._hello)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.socket.close()

    async def greeted(self) -> "Talk":
        """The welcome has come."""
        self.welcome = await self.hear("welcome")
        return self

    async def say(self, kind: str, **fields: Any) -> None:
        """Send a message."""
        await self.socket.send_str(json.dumps({"type": kind, **fields}))

    async def hear(self, kind: str) -> Json:
        """The next message, which is of this kind."""
        message = await self.socket.receive(30)
        assert message.type is aiohttp.WSMsgType.TEXT, message
        told: Json = json.loads(message.data)
        assert told.pop("type") == kind, told
        return told

    async def closed(self, code: int, reason: str) -> None:
        """The socket is closed, with this code and for this reason, which a message has told before."""
        assert (await self.hear("problem"))["problem"]["code"] == reason
        message = await self.socket.receive(30)
        assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, code, reason)
