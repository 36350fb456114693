"""The choice of `--transport`: the names of `techdengue.client.Carrier`, which is too slow to import for `--help`."""

import enum


class Transport(enum.StrEnum):
    """What carries operations."""

    HTTP = "http"
    STREAM = "stream"
    WS = "ws"
