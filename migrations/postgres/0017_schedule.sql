-- Tasks that begin later, or in waves.

-- When a task's first password may change: the instant that decides (NULL: at once), and what was said, as JSON. Whether it goes
-- on during a blackout window.
ALTER TABLE tasks ADD COLUMN start_at BIGINT;
ALTER TABLE tasks ADD COLUMN start_said TEXT;
ALTER TABLE tasks ADD COLUMN urgent BOOLEAN NOT NULL DEFAULT FALSE;

-- How a task is divided into waves, as JSON (NULL: not at all); the wave whose turn it is (NULL: there are none); and why the
-- task was paused by itself, as JSON.
ALTER TABLE tasks ADD COLUMN waves TEXT;
ALTER TABLE tasks ADD COLUMN wave INTEGER;
ALTER TABLE tasks ADD COLUMN halted TEXT;
CREATE INDEX tasks_in_waves ON tasks (seq) WHERE wave IS NOT NULL AND state = 'running';

-- The waves of a task, from 1 on: what each is called, and how many accounts it has. Nothing refers to another table here.
CREATE TABLE task_waves (
    task_id UUID NOT NULL,
    wave INTEGER NOT NULL,
    label TEXT NOT NULL,
    accounts BIGINT NOT NULL,
    PRIMARY KEY (task_id, wave)
);

-- The wave of an item; NULL in a task without waves, whose items are not in the index.
ALTER TABLE items ADD COLUMN wave INTEGER;
CREATE INDEX items_by_wave ON items (task_id, wave, state, id) WHERE wave IS NOT NULL;
