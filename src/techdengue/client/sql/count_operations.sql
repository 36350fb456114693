-- How many operations are in a state? ?1 state.
SELECT count(*) FROM operation WHERE state = ?1
