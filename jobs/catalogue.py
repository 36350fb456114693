"""The one list of jobs. A worker runs those that are in it; a run of any other waits for a newer worker."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .model import AnyJob

_ALL: Final[tuple[AnyJob, ...]] = ()

JOBS: Final[Mapping[str, AnyJob]] = MappingProxyType({job.name: job for job in _ALL})
