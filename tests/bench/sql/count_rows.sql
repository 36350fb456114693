-- What a ceiling wrote.
SELECT (SELECT count(*) FROM eventstore.event) AS events, (SELECT max(position) FROM eventstore.event) AS last,
       (SELECT count(*) FROM eventstore.stream) AS heads, (SELECT count(*) FROM eventstore.writer) AS writers,
       (SELECT count(*) FROM techdengue.sync_request) AS requests
