"""Randomness that repeats: every draw of the simulator comes from a generator named by what it is for."""

import random
import uuid


def seeded(*names: object) -> random.Random:
    """A generator of its own for these names; the same names give the same draws."""
    return random.Random("/".join(str(name) for name in names))  # noqa: S311  simulated data, not secrets


def drawn_uuid(rng: random.Random) -> str:
    """A UUID from the generator."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))
