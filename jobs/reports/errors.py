"""What can go wrong with reports; none of it gets better by trying again.

Permanent (jobs.errors)
├── RendererMissing         the extra `reports` is not installed
├── SheetRefused            the typesetter could not set it: ours to mend
├── BoundariesUnreadable    the file of the setting `boundaries_file` cannot be used
├── StoreMissing            no S3 bucket is set
├── ActivityNotFound        there is no such activity (any more)
├── NoSuchWeek              no year has this epidemiological week
└── NothingToReport         the activity has no verified evidence
"""

from jobs.errors import Permanent


class RendererMissing(Permanent):
    """Reports are set by Typst."""

    def __init__(self) -> None:
        super().__init__("reports need the extra `reports`: pip install 'techdengue[reports]'")


class SheetRefused(Permanent):
    """The typesetter's own message; it may quote a template, never data."""


class BoundariesUnreadable(Permanent):
    """TECHDENGUE_BOUNDARIES_FILE names no GeoJSON of municípios."""

    def __init__(self, why: str) -> None:
        super().__init__(f"the file of TECHDENGUE_BOUNDARIES_FILE cannot be used: {why}")


class StoreMissing(Permanent):
    """Reports are files, and there is nowhere to keep them."""

    def __init__(self) -> None:
        super().__init__("reports need an object store: set TECHDENGUE_S3_BUCKET")


class ActivityNotFound(Permanent):
    """It was never there, or has been deleted."""

    def __init__(self) -> None:
        super().__init__("there is no such activity")


class NothingToReport(Permanent):
    """An EVD01 is of verified evidence."""

    def __init__(self) -> None:
        super().__init__("the activity has no verified evidence")


class NoSuchWeek(Permanent):
    """A year has 52 or 53 weeks."""

    def __init__(self, year: int, week: int) -> None:
        super().__init__(f"there is no epidemiological week {week} of {year}")
