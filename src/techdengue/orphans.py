"""A process that ends with its parent, however the parent ends.

On Linux the kernel signals it, even after a kill -9 of the parent. Elsewhere it has to watch a pipe that only the
parent holds open.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent(death_signal: signal.Signals) -> Callable[[], None]:
    """What a new child runs first, made in its parent: it asks the kernel for the signal when the parent dies.

    A child whose parent is gone already ends at once. What it calls is looked up here, before the fork.
    """
    libc, parent = _LIBC, os.getpid()

    def prepare() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return prepare
