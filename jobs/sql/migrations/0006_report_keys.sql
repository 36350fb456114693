-- Whose file an object of the store is: asked of every old one, by the job that removes those that are nobody's.

CREATE INDEX report_object_key ON jobs.report (object_key) WHERE object_key IS NOT NULL;
CREATE INDEX report_json_key ON jobs.report (json_key) WHERE json_key IS NOT NULL;
