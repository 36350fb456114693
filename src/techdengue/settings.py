"""Configuration: one struct, read once from `TECHDENGUE_*` environment variables at the composition root."""

import os
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec

AtLeastOne = Annotated[int, msgspec.Meta(ge=1)]


class SettingsError(Exception):
    """A setting is missing or has a value that cannot be used; the message names the variable."""


class SettingMissing(SettingsError):
    """A setting that has no default is not set."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every knob of the server. Durations are seconds, sizes bytes."""

    database_url: str
    """PostgreSQL, a login role that is a member of the techdengue_* roles and owns nothing."""
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 8000
    workers: AtLeastOne | Literal["auto"] = 1
    """Server processes on the port; `auto`: one for each core that we may use."""
    jwt_issuer: str = ""
    """`iss` of accepted tokens; its JWKS is read from `jwks_url`."""
    jwt_audience: str = "techdengue"
    jwt_client_ids: str = ""
    """Comma-separated `azp` values that are accepted; empty accepts any."""
    jwks_url: str = ""
    """Where the issuer's keys are; empty for `<jwt_issuer>/protocol/openid-connect/certs`."""
    jwt_local_key_file: str = ""
    """An Ed25519 private key (PEM) for development tokens; empty in production."""
    territory_claim: str = "municipios"
    group_size: AtLeastOne | Literal["auto"] = "auto"
    """Operations committed together at most; `auto`: 100 where a process is alone, 400 beside other workers."""
    committers: AtLeastOne | Literal["auto"] = "auto"
    """Commits in flight; `auto`: 3 where a process is alone, 1 beside other workers."""
    queue_operations: AtLeastOne = 20_000
    """Operations that may wait for a commit; beyond it requests get 429."""
    queue_bytes: AtLeastOne = 32 * 1024 * 1024
    database_timeout: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    reader_connections: AtLeastOne = 8
    redis_url: str = ""
    """Where processes tell each other of their commits; empty for none: then they find out by looking."""
    s3_endpoint_url: str = ""
    """The S3 server of files; empty for AWS's own of the region."""
    s3_public_endpoint_url: str = ""
    """Where devices reach that server: what presigned addresses begin with; empty for `s3_endpoint_url`."""
    s3_region: str = "us-east-1"
    s3_access_key: str = ""
    """Empty for what the machine gives its programs: a role, a profile."""
    s3_secret_key: str = ""
    s3_bucket: str = ""
    """Of evidence and reports; empty for no object store: then there are no files."""
    s3_archive_bucket: str = ""
    """Empty for `<s3_bucket>-archive`."""
    s3_timeout: Annotated[float, msgspec.Meta(gt=0)] = 5.0
    """For one attempt of one call, beside a second for each MiB that it carries."""
    evidence_abandoned_days: AtLeastOne = 14
    """After which an upload that nobody completed is removed."""
    evidence_gps_metres: AtLeastOne = 500
    """From its activity, beyond which a photo is flagged `gps_far`."""
    poll_seconds: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    """Between two looks at the log's tail while somebody waits for changes."""
    waiting_requests: AtLeastOne = 1000
    """Requests that may wait for changes at once; beyond it they get 503."""
    heartbeat_seconds: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """A WebSocket gets a heartbeat when nothing was sent for so long; a device silent for three of them is closed."""
    recheck_seconds: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """How often the token and the owner of a device with an open stream or WebSocket are looked at again."""
    reader_seconds: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """How long a device may leave an answer unread on a stream or a WebSocket before it is closed."""
    job_slots: AtLeastOne = 4
    """Jobs that a worker runs at once, for each of its queues."""
    job_poll_seconds: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    """Between two looks at the table of runs, where no hint comes through Redis."""
    job_lease_seconds: Annotated[float, msgspec.Meta(gt=0)] = 30.0
    """A run whose worker is silent for so long is another one's; a worker says that it lives six times as often."""
    job_grace_seconds: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    """What a worker that is told to stop gives its jobs to end; after it they are handed back."""
    job_keep_days: AtLeastOne = 180
    """Runs that succeeded or were cancelled are forgotten so long after their end; dead letters never are."""
    worker_host: str = "127.0.0.1"
    worker_port: Annotated[int, msgspec.Meta(ge=0, le=65_535)] = 9464
    """Where a worker answers /metrics and /health; 0 takes a free port."""
    public_url: str = ""
    """Where people's browsers reach this server: what QR codes lead to; empty for `http://<host>:<port>`."""
    boundaries_file: str = ""
    """GeoJSON of the municípios' boundaries (IBGE), drawn in reports; empty: they are not drawn."""
    max_body_bytes: AtLeastOne = 5 * 1024 * 1024
    max_operations: AtLeastOne = 1000
    max_inflation: AtLeastOne = 100
    """Largest accepted ratio of unpacked to packed bytes of a request body."""
    push_service_account_file: str = ""
    """The JSON key of the Google service account that sends pushes; empty: no pushes are sent."""
    push_endpoint: Annotated[str, msgspec.Meta(pattern="^https?://")] = "https://fcm.googleapis.com"
    push_per_minute: AtLeastOne = 60_000
    """Messages a minute from one process; Firebase grants a project 600,000 in all."""
    push_connections: AtLeastOne = 64
    """Connections to FCM from one process, each with one message at a time."""
    deleted_files_days: AtLeastOne = 30
    """After so many days the file of deleted evidence is deleted too, unless a report is about it."""
    archive_reports_days: AtLeastOne = 90
    """After so many days a report's files go into the archive bucket."""
    sync_log_days: Annotated[int, msgspec.Meta(ge=31)] = 180
    """After so many days the log of sync requests goes into the archive bucket."""
    maintenance_database_url: str = ""
    """PostgreSQL, a login that may vacuum; empty for `database_url`, which may from PostgreSQL 17 up."""
    trusted_proxies: str = ""
    """Comma-separated addresses or networks whose X-Forwarded-For is believed; empty believes none."""
    syslog_url: str = ""
    """The collector of the audit trail, `tls://host:port` or `tcp://host:port`; empty for none."""
    syslog_ca_file: str = ""
    """Authorities (PEM) that the collector's certificate is verified by; empty for the machine's own."""
    syslog_certificate_file: str = ""
    """Our certificate with its key (PEM), where the collector asks for one."""
    syslog_enterprise_id: AtLeastOne = 32473
    """The private enterprise number in the structured data; the default is the one for examples (RFC 5612)."""
    log_format: Literal["json", "console"] = "json"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


_WORDS = frozenset({"log_format", "log_level"})
"""Settings that are words, in whatever case they are written."""


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read `TECHDENGUE_*` from the environment. Raises SettingsError with the variable's name."""
    found = {
        name: environ[variable].lower() if name in _WORDS else environ[variable]
        for name in Settings.__struct_fields__
        if (variable := f"TECHDENGUE_{name.upper()}") in environ
    }
    if not found.get("database_url"):
        raise SettingMissing("TECHDENGUE_DATABASE_URL is not set: the server needs a PostgreSQL address")
    try:
        return msgspec.convert(found, Settings, strict=False)
    except msgspec.ValidationError as error:
        expected, _, name = str(error).partition(" - at `$.")
        variable = f"TECHDENGUE_{name.rstrip('`').upper()}"
        raise SettingsError(f"{variable} cannot be used: {expected[0].lower()}{expected[1:]}") from error
