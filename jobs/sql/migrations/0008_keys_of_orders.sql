-- An order of a report may bring a key, its user's own: the same key is the same report, for ever.

ALTER TABLE jobs.report
    ADD COLUMN idempotency_key text COLLATE "C",
    ADD CHECK (idempotency_key IS NULL OR requested_by IS NOT NULL);
CREATE UNIQUE INDEX report_order_key ON jobs.report (requested_by, idempotency_key) WHERE idempotency_key IS NOT NULL;
COMMENT ON COLUMN jobs.report.idempotency_key IS 'What whoever ordered it calls the order; NULL where there is no such name.';
