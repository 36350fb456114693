"""What `techdengue dev` takes over from the shell that it is started in."""

from techdengue.dev.own_settings import handed_on, left_out
from techdengue.settings import Settings

ALL = {f"TECHDENGUE_{name.upper()}": name for name in Settings.__struct_fields__}


def test_how_things_are_done_is_handed_on() -> None:
    named = {"TECHDENGUE_SYSLOG_URL": "tcp://127.0.0.1:5514", "TECHDENGUE_PUSH_SERVICE_ACCOUNT_FILE": "fcm.json"}
    assert handed_on({**named, "TECHDENGUE_LOG_LEVEL": "", "TECHDENGUE_TOKEN": "x", "HOME": "/root"}) == named
    assert left_out(named) == []


def test_no_address_login_or_key_of_other_servers_is() -> None:
    given = handed_on(ALL)
    words = ("DATABASE_URL", "REDIS", "BUCKET", "S3_ENDPOINT", "S3_PUBLIC", "KEY", "JW", "HOST", "_PORT")
    assert [name for name in given if any(word in name for word in words)] == []
    assert set(left_out(ALL)) | set(given) == set(ALL) - {"TECHDENGUE_WORKERS"}
    assert not set(left_out(ALL)) & set(given)
