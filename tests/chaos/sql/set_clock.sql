-- Set the database's clock, as the server's statements see it, $1 seconds off.
UPDATE chaos.shift SET by = make_interval(secs => $1)
