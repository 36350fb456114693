"""The one list of jobs. A worker runs those that are in it; a run of any other waits for a newer worker."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from .evidence.clean_abandoned_uploads import JOB as CLEAN_ABANDONED_UPLOADS
from .evidence.describe_evidence import JOB as DESCRIBE_EVIDENCE
from .model import AnyJob
from .push.notify_report_ready import NOTIFY_REPORT_READY
from .push.notify_sync_conflict import NOTIFY_SYNC_CONFLICT
from .push.prune_push_targets import PRUNE_PUSH_TARGETS
from .push.send_daily_digest import SEND_DAILY_DIGEST
from .push.send_push_notification import SEND_PUSH_NOTIFICATION
from .reports.auto_generate_evd01 import AUTO_GENERATE_EVD01
from .reports.generate_weekly_report import GENERATE_WEEKLY_REPORT
from .upkeep.aggregate_sync_metrics import AGGREGATE_SYNC_METRICS
from .upkeep.archive_old_reports import ARCHIVE_OLD_REPORTS
from .upkeep.cleanup_old_s3_files import CLEANUP_OLD_S3_FILES
from .upkeep.cleanup_sync_logs import CLEANUP_SYNC_LOGS
from .upkeep.vacuum_database import VACUUM_DATABASE

_ALL: Final[tuple[AnyJob, ...]] = (
    AGGREGATE_SYNC_METRICS,
    ARCHIVE_OLD_REPORTS,
    AUTO_GENERATE_EVD01,
    CLEAN_ABANDONED_UPLOADS,
    DESCRIBE_EVIDENCE,
    CLEANUP_OLD_S3_FILES,
    CLEANUP_SYNC_LOGS,
    GENERATE_WEEKLY_REPORT,
    NOTIFY_REPORT_READY,
    NOTIFY_SYNC_CONFLICT,
    PRUNE_PUSH_TARGETS,
    SEND_DAILY_DIGEST,
    SEND_PUSH_NOTIFICATION,
    VACUUM_DATABASE,
)

JOBS: Final[Mapping[str, AnyJob]] = MappingProxyType({job.name: job for job in _ALL})
