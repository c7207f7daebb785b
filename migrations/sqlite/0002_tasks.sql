-- Accepted requests and their items. Ten million items are an ordinary size: everything that a periodic loop asks is
-- answered by a partial index on the open states.

-- `seq` is the order of acceptance: the newer task wins. `request` is what was asked, as JSON, without any password.
CREATE TABLE tasks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    district_id TEXT NOT NULL REFERENCES districts (id),
    state TEXT NOT NULL CHECK (state IN ('expanding', 'running', 'paused', 'cancelling', 'completed',
        'completed_with_errors', 'cancelled', 'failed')),
    requester TEXT NOT NULL,
    requester_role TEXT NOT NULL,
    requester_account TEXT REFERENCES accounts (id),
    request TEXT NOT NULL,
    shared_key_id TEXT,
    shared_sealed TEXT,
    expand_after TEXT,
    digest TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX tasks_by_district ON tasks (district_id, seq);
CREATE INDEX tasks_open ON tasks (seq) WHERE state IN ('expanding', 'running', 'paused', 'cancelling');
CREATE INDEX tasks_finished ON tasks (finished_at) WHERE finished_at IS NOT NULL;

-- The accounts that a `selected` or `all_except` request names.
CREATE TABLE task_accounts (
    task_id TEXT NOT NULL REFERENCES tasks (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (task_id, account_id)
);

CREATE TABLE idempotency (
    district_id TEXT NOT NULL REFERENCES districts (id),
    producer TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    task_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (district_id, producer, key)
);

-- One account within one task.
CREATE TABLE items (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    district_id TEXT NOT NULL REFERENCES districts (id),
    task_id TEXT NOT NULL REFERENCES tasks (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    state TEXT NOT NULL CHECK (state IN ('pending', 'queued', 'reset', 'notified', 'silent', 'undelivered', 'skipped',
        'cancelled', 'superseded', 'failed')),
    code TEXT,
    attempt_id TEXT,
    credential_version BIGINT,
    dispatch INTEGER NOT NULL DEFAULT 0,
    republished INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    queued_at BIGINT,
    changed_at BIGINT NOT NULL,
    UNIQUE (task_id, account_id)
);
CREATE INDEX items_by_state ON items (task_id, state, id);
CREATE INDEX items_by_task ON items (task_id, id);
CREATE INDEX items_pending ON items (task_id, id) WHERE state = 'pending';
CREATE INDEX items_queued ON items (queued_at, id) WHERE state = 'queued';
CREATE INDEX items_unsettled ON items (task_id) WHERE state IN ('pending', 'queued', 'reset');

-- How many items of a task stand where: one row per task and writer, so that no row is hot. The sum over the writers is
-- the truth's shadow; the finisher recounts.
CREATE TABLE counters (
    task_id TEXT NOT NULL REFERENCES tasks (id),
    writer TEXT NOT NULL,
    revision BIGINT NOT NULL DEFAULT 0,
    open BIGINT NOT NULL DEFAULT 0,
    telling BIGINT NOT NULL DEFAULT 0,
    notified BIGINT NOT NULL DEFAULT 0,
    silent BIGINT NOT NULL DEFAULT 0,
    undelivered BIGINT NOT NULL DEFAULT 0,
    skipped BIGINT NOT NULL DEFAULT 0,
    cancelled BIGINT NOT NULL DEFAULT 0,
    superseded BIGINT NOT NULL DEFAULT 0,
    failed BIGINT NOT NULL DEFAULT 0,
    retries BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (task_id, writer)
);
