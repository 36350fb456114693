"""The upkeep room's SQL, by name: files of `jobs/sql/`, read once at import."""

from typing import Final

from jobs.statements import load

BEGIN_HOURS: Final = load("begin_hours")
COUNT_HOURS: Final = load("count_hours")
END_HOURS: Final = load("end_hours")

LOCK_DELETED_FILES: Final = load("lock_deleted_files")
GIVE_UP_FILES: Final = load("give_up_files")
READ_GIVEN_UP_FILES: Final = load("read_given_up_files")
SETTLE_DELETED_FILES: Final = load("settle_deleted_files")

READ_OLD_REPORTS: Final = load("read_old_reports")
ARCHIVE_REPORT: Final = load("archive_report")
READ_LEFT_ORIGINALS: Final = load("read_left_originals")
SETTLE_ORIGINALS: Final = load("settle_originals")

ADD_REQUEST_PARTITIONS: Final = load("add_request_partitions")
READ_OLD_PARTITIONS: Final = load("read_old_partitions")
READ_REQUESTS: Final = load("read_requests")
ARCHIVE_REQUESTS: Final = load("archive_requests")
READ_ARCHIVED_PARTS: Final = load("read_archived_parts")
LAST_ARCHIVED_PART: Final = load("last_archived_part")
DROP_REQUEST_PARTITION: Final = load("drop_request_partition")
SETTLE_ARCHIVED_PARTS: Final = load("settle_archived_parts")

FIND_TABLES: Final = load("find_tables_to_vacuum")
MEASURE_TABLE: Final = load("measure_table")
GO_GENTLY: Final = load("go_gently")
