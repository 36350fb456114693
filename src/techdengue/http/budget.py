"""How many bytes of requests one user may have in the server at once: nobody alone can fill its memory, or keep
others out by sending slowly."""

from .problems import Problem


class BodyBudget:
    """Bytes by user, from the arrival of a body's first chunk to the end of its answer."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[str, int] = {}

    def hold(self, user: str, size: int) -> None:
        """Count so many bytes more. Raises Problem 429 where the user has too many already; then none is counted."""
        held = self._held.get(user, 0)
        if held + size > self._most:
            raise Problem("overloaded", "You are sending too much at once; finish other requests first", headers=_SOON)
        self._held[user] = held + size

    def release(self, user: str, size: int) -> None:
        """Count so many bytes less."""
        left = self._held.get(user, 0) - size
        if left > 0:
            self._held[user] = left
        else:
            self._held.pop(user, None)


_SOON = {"retry-after": "1"}
