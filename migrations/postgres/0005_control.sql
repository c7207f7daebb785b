-- Tasks under control: re-issues, holds, re-sends, tasks that cannot be expanded, and what retention forgets.

-- The task whose items this one takes up again.
ALTER TABLE tasks ADD COLUMN parent_id UUID REFERENCES tasks (id);
-- An expanding task that was paused: it enters `paused` instead of `running` when its accounts are written down.
ALTER TABLE tasks ADD COLUMN held BOOLEAN NOT NULL DEFAULT FALSE;
-- How many chunks in a row met a defect; a good chunk sets it back.
ALTER TABLE tasks ADD COLUMN defects INTEGER NOT NULL DEFAULT 0;
CREATE INDEX tasks_by_parent ON tasks (parent_id) WHERE parent_id IS NOT NULL;

-- 0 for the messages that follow the reset, one more for each re-send: a cascade starts anew, and the newest round says
-- how the item ends.
ALTER TABLE notifications ADD COLUMN round INTEGER NOT NULL DEFAULT 0;
-- A notification's item says the same and is kept by its own constraint. Without an index, which every insertion would
-- pay for, this one would read the whole table for each task that is forgotten.
ALTER TABLE notifications DROP CONSTRAINT notifications_task_id_fkey;

-- What retention looks for.
CREATE INDEX events_sent ON events (at, id) WHERE sent;
CREATE INDEX idempotency_by_age ON idempotency (created_at);
