-- How the server answered the operations of each device's requests but the first one, which only creates.
SELECT coalesce(sum(r.operations), 0)::bigint AS operations, sum(r.applied)::bigint AS applied,
       sum(r.client_applied)::bigint AS client_applied, sum(r.already_processed)::bigint AS already_processed
  FROM (
       SELECT q.operations, q.applied, q.client_applied, q.already_processed,
              row_number() OVER (PARTITION BY q.device_id ORDER BY q.id) AS place
         FROM techdengue.sync_request AS q) AS r
 WHERE r.place > 1
