"""Prints how long this interpreter takes for some plain Python, in milliseconds of its own CPU: the least of five runs.

An interpreter that was built without profile-guided optimisation serves a third fewer operations a second, and nothing
in it says reliably how it was built. `ops/install.sh` asks this of each one it finds, and takes the quickest.
"""

import sys
import time


class _Event:
    __slots__ = ("key", "place", "sequence")

    def __init__(self, sequence: int) -> None:
        self.sequence, self.key, self.place = sequence, str(sequence), (sequence, sequence)


def _work() -> int:
    heads: dict[str, object] = {}
    for sequence in range(20_000):
        event = _Event(sequence)
        heads[event.key] = event
        for name, value in (("tipo", 1), ("status", 2)):
            if name not in heads:
                heads[name] = value
        match event.place:
            case (first, second) if first == second:
                heads["place"] = {"first": first, "rest": [second]}
    return len(heads)


def _seconds() -> float:
    started = time.process_time()
    _work()
    return time.process_time() - started


sys.stdout.write(f"{1000 * min(_seconds() for _ in range(5)):.0f}\n")
