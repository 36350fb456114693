-- Notes the first hour that is not counted for good. $1 it.
UPDATE projections.sync_metrics_place SET hour = $1::timestamptz
