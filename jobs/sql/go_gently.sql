-- Until the session ends or is reset: a vacuum lets others have the disk in between, and nobody's lock is waited for.
SELECT set_config('vacuum_cost_delay', '2ms', false), set_config('lock_timeout', '200ms', false)
