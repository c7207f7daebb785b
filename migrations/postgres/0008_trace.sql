-- The trace that a task's request belongs to: the text of a W3C `traceparent`, when spans were recorded at the door.
ALTER TABLE tasks ADD COLUMN trace TEXT;
