-- An event happened at some time: an infinite one could be stored, but no reader could calculate with it.

ALTER TABLE eventstore.event
    ADD CONSTRAINT event_times_are_finite CHECK (isfinite(occurred_at) AND isfinite(recorded_at));
ALTER TABLE eventstore.writer
    ADD CONSTRAINT writer_clock_is_finite CHECK (isfinite(clock));
