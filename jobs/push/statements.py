"""The push room's SQL, by name: files of `jobs/sql/`, read once at import."""

from typing import Final

from jobs.statements import load

RESERVE: Final = load("reserve_pushes")
CLOSE: Final = load("close_pushes")
CLAIM: Final = load("claim_pushes")
SETTLE: Final = load("settle_pushes")
DEACTIVATE: Final = load("deactivate_targets")
READ_TARGET: Final = load("read_push_target")
COUNT: Final = load("count_pushes")
COUNT_TARGETS: Final = load("count_targets")
PRUNE_TARGETS: Final = load("prune_push_targets")
PRUNE_DELIVERIES: Final = load("prune_push_deliveries")
READ_CONFLICT: Final = load("read_conflict_notice")
FIND_MANAGERS: Final = load("find_managers")
READ_REPORT: Final = load("read_report_notice")
READ_DIGEST_FIGURES: Final = load("read_digest_figures")
