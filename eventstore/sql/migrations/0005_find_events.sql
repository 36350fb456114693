-- Whoever looks for events by time, by user or by a rare outcome finds them without reading the log from its beginning.
-- Nine events in ten are 'applied', and finding those needs no index.

CREATE INDEX event_recorded ON eventstore.event (recorded_at);
CREATE INDEX event_actor ON eventstore.event (actor, lane, position);
CREATE INDEX event_outcome ON eventstore.event (outcome, lane, position) WHERE outcome <> 'applied';
