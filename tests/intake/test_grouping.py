"""How a process groups its commits depends on whether it shares the cores, unless the settings say how."""

from techdengue.intake.grouping import Grouping, grouping_of
from techdengue.settings import Settings, read_settings

URL = {"TECHDENGUE_DATABASE_URL": "postgresql://db/techdengue"}


def test_a_process_alone_overlaps_its_commits_and_one_beside_others_makes_larger_ones() -> None:
    settings = Settings(database_url="unused")
    assert grouping_of(settings, alone=True) == Grouping(committers=3, size=100)
    assert grouping_of(settings, alone=False) == Grouping(committers=1, size=400)


def test_what_the_environment_says_holds_for_both() -> None:
    settings = read_settings({**URL, "TECHDENGUE_COMMITTERS": "5", "TECHDENGUE_GROUP_SIZE": "7"})
    assert {grouping_of(settings, alone=alone) for alone in (True, False)} == {Grouping(committers=5, size=7)}


def test_auto_may_be_written_out() -> None:
    settings = read_settings({**URL, "TECHDENGUE_COMMITTERS": "auto", "TECHDENGUE_GROUP_SIZE": "auto"})
    assert grouping_of(settings, alone=False) == Grouping(committers=1, size=400)
