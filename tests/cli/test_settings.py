"""Settings come from the environment; one that cannot be used is named."""

import pytest

from techdengue.settings import Settings, SettingsError, read_settings

URL = {"TECHDENGUE_DATABASE_URL": "postgresql://db/techdengue"}


def test_variables_become_settings_and_the_rest_has_defaults() -> None:
    read = read_settings({**URL, "TECHDENGUE_COMMITTERS": "5", "TECHDENGUE_LOG_LEVEL": "WARNING", "HOME": "/root"})
    assert read == Settings(database_url=URL["TECHDENGUE_DATABASE_URL"], committers=5, log_level="warning")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TECHDENGUE_COMMITTERS", "0"),
        ("TECHDENGUE_COMMITTERS", "two"),
        ("TECHDENGUE_DATABASE_TIMEOUT", "-1"),
        ("TECHDENGUE_PORT", "70000"),
        ("TECHDENGUE_MAX_OPERATIONS", "0"),
        ("TECHDENGUE_LOG_LEVEL", "loud"),
        ("TECHDENGUE_LOG_FORMAT", "xml"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable} cannot be used: (expected|invalid)"):
        read_settings({**URL, variable: value})


def test_without_a_database_nothing_starts() -> None:
    with pytest.raises(SettingsError, match="TECHDENGUE_DATABASE_URL is not set"):
        read_settings({})
