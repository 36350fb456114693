"""Whether an API of ours answers as ready."""

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=5.0)


async def answers_ready(url: str) -> bool:
    """Whether `GET /health/ready` answers 200 at this address now."""
    try:
        async with aiohttp.ClientSession(timeout=_TIMEOUT) as session, session.get(f"{url}/health/ready") as answer:
            return answer.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
