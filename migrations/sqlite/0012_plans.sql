-- Plans, and a second person's approval.

-- A request with its people, as they were when it was tried out. `request` is what was asked, as JSON, without any password
-- and without the named accounts. `people` counts them, as JSON. `task_id` is the task that it became.
CREATE TABLE plans (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    district_id TEXT NOT NULL REFERENCES districts (id),
    requester TEXT NOT NULL,
    producer TEXT NOT NULL,
    requester_role TEXT NOT NULL,
    requester_account TEXT REFERENCES accounts (id),
    request TEXT NOT NULL,
    people TEXT NOT NULL,
    digest TEXT NOT NULL,
    task_id TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX plans_by_producer ON plans (district_id, producer, seq);
CREATE INDEX plans_by_expiry ON plans (expires_at, seq);

-- The accounts that the request of a plan names. Here and in `plan_accounts` nothing refers to another table: a plan of a
-- hundred thousand people is written within a second or two, accounts are never deleted, and a plan goes after its rows.
CREATE TABLE plan_named (
    plan BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    PRIMARY KEY (plan, account_id)
) WITHOUT ROWID;

-- Everybody whom the request means: why an account would be skipped (NULL: it would not), whether anybody could be told,
-- what decides how it is reset (role, grade, school, credential version), and where it would be told.
CREATE TABLE plan_accounts (
    plan BIGINT NOT NULL,
    account_id TEXT NOT NULL,
    code TEXT,
    reachable BOOLEAN NOT NULL,
    standing TEXT NOT NULL,
    contact TEXT NOT NULL,
    PRIMARY KEY (plan, account_id)
) WITHOUT ROWID;

-- The plan that a task was started from: its accounts are the plan's.
ALTER TABLE tasks ADD COLUMN plan_id TEXT;
-- Who approved the task's accounts.
ALTER TABLE tasks ADD COLUMN approved_by TEXT;

-- A new state. SQLite cannot change a CHECK, and a copy of the table is not possible while others refer to it within a
-- transaction; so the text of the table is changed, as SQLite's own documentation of ALTER TABLE describes it for this
-- case. What follows changes the schema once more, so that every connection reads the text again.
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = replace(sql, '''expanding'', ''running''', '''expanding'', ''awaiting_approval'', ''running''')
WHERE type = 'table' AND name = 'tasks';
PRAGMA writable_schema = RESET;

-- Beside `tasks_open`, which processes of the release before ask by its own words.
CREATE INDEX tasks_awaiting ON tasks (seq) WHERE state = 'awaiting_approval';
