-- Removes a checkpoint. $1 its name.
DELETE FROM eventstore.checkpoint AS c WHERE c.name = $1
