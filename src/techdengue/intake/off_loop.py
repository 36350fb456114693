"""Work on a lot of bytes happens in a thread, so that everybody else is answered meanwhile.

Python's threads take turns: the work gets no faster, but the event loop gets its turn every few milliseconds instead
of after seconds. Two at a time, for what a body is decoded to takes many times its bytes.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

LARGE: Final = 512 * 1024
"""Bytes from which a thread is worth its overhead: more than a usual group has, some 50 ms of work."""

_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="large")
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


async def off_loop(
    size: int, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Result:
    """What `work` answers; done right here where `size` is small, else in a thread. `work` must touch no future."""
    if size < LARGE:
        return work(*args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: work(*args, **kwargs))
