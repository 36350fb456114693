-- End one backend that works for the server; answers how many were told to.
SELECT count(pg_terminate_backend(a.pid))
  FROM (SELECT pid FROM pg_stat_activity WHERE usename = 'techdengue_server' ORDER BY backend_start DESC LIMIT 1) AS a
