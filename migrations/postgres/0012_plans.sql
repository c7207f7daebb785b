-- Plans, and a second person's approval.

-- A request with its people, as they were when it was tried out. `request` is what was asked, as JSON, without any password
-- and without the named accounts. `people` counts them, as JSON. `task_id` is the task that it became.
CREATE TABLE plans (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    district_id UUID NOT NULL REFERENCES districts (id),
    requester TEXT NOT NULL,
    producer TEXT NOT NULL,
    requester_role TEXT NOT NULL,
    requester_account UUID REFERENCES accounts (id),
    request TEXT NOT NULL,
    people TEXT NOT NULL,
    digest TEXT NOT NULL,
    task_id UUID,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX plans_by_producer ON plans (district_id, producer, seq);
CREATE INDEX plans_by_expiry ON plans (expires_at, seq);

-- The accounts that the request of a plan names. Here and in `plan_accounts` nothing refers to another table: a plan of a
-- hundred thousand people is written within a second or two, accounts are never deleted, and a plan goes after its rows.
CREATE TABLE plan_named (
    plan BIGINT NOT NULL,
    account_id UUID NOT NULL,
    PRIMARY KEY (plan, account_id)
);

-- Everybody whom the request means: why an account would be skipped (NULL: it would not), whether anybody could be told,
-- what decides how it is reset (role, grade, school, credential version), and where it would be told (a hash).
CREATE TABLE plan_accounts (
    plan BIGINT NOT NULL,
    account_id UUID NOT NULL,
    code TEXT,
    reachable BOOLEAN NOT NULL,
    standing TEXT NOT NULL,
    contact TEXT NOT NULL,
    PRIMARY KEY (plan, account_id)
);

-- The plan that a task was started from: its accounts are the plan's.
ALTER TABLE tasks ADD COLUMN plan_id UUID;
-- Who approved the task's accounts.
ALTER TABLE tasks ADD COLUMN approved_by TEXT;

-- A new state.
ALTER TABLE tasks DROP CONSTRAINT tasks_state_check, ADD CONSTRAINT tasks_state_check CHECK (state IN ('expanding',
    'awaiting_approval', 'running', 'paused', 'cancelling', 'completed', 'completed_with_errors', 'cancelled', 'failed'));

-- Beside `tasks_open`, which processes of the release before ask by its own words.
CREATE INDEX tasks_awaiting ON tasks (seq) WHERE state = 'awaiting_approval';
