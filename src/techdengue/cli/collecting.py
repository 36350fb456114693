"""The cycle collector in processes that work on many objects at a time."""

import gc

_ALLOCATIONS_A_COLLECTION = 50_000


def collect_rarely() -> None:
    """Keep the cycle collector from walking a group's or a piece's objects time and again.

    They make no cycles: reference counts free them. Measured: decoding and deciding cost a third less, projecting a
    tenth.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_A_COLLECTION, 20, 20)
