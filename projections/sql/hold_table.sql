-- Nobody reads or writes the live table until the end of the transaction. $1 projection, $2 how long to wait for it.
SELECT set_config('lock_timeout', $2, true), projections.hold($1)
