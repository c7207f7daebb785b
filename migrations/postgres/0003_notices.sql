-- Telling people.

-- One message to one recipient on one channel about one credential version. `queued_at` says that it was put on a queue;
-- `fence` grows with every claim, so that a result from a claim that was taken over is refused.
CREATE TABLE notifications (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    district_id UUID NOT NULL REFERENCES districts (id),
    task_id UUID NOT NULL REFERENCES tasks (id),
    item_id BIGINT NOT NULL REFERENCES items (id),
    account_id UUID NOT NULL REFERENCES accounts (id),
    credential_version BIGINT NOT NULL,
    channel TEXT NOT NULL CHECK (channel IN ('email', 'sms')),
    address TEXT NOT NULL,
    guardian BOOLEAN NOT NULL,
    message_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'sending', 'accepted', 'failed', 'expired', 'superseded')),
    code TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    fence BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT NOT NULL,
    queued_at BIGINT,
    lease_until BIGINT,
    republished INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    changed_at BIGINT NOT NULL
);
CREATE INDEX notifications_by_item ON notifications (item_id);
CREATE INDEX notifications_due ON notifications (channel, due_at, id) WHERE state = 'waiting' AND queued_at IS NULL;
CREATE INDEX notifications_queued ON notifications (channel, queued_at, id) WHERE state = 'waiting' AND queued_at IS NOT NULL;
CREATE INDEX notifications_leased ON notifications (lease_until, id) WHERE state = 'sending';
CREATE INDEX notifications_open ON notifications (account_id, id) WHERE state IN ('waiting', 'sending');
-- At most one message at a time is on its way to one account by one channel: wire order is version order.
CREATE UNIQUE INDEX notifications_one_sending ON notifications (account_id, channel) WHERE state = 'sending';

-- Every attempt to send, with what the other side said.
CREATE TABLE attempts (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    notification_id BIGINT NOT NULL REFERENCES notifications (id),
    fence BIGINT NOT NULL,
    number INTEGER NOT NULL,
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    outcome TEXT,
    detail TEXT,
    UNIQUE (notification_id, fence)
);

-- The new password, encrypted to the notifiers; deleted when its person was told.
CREATE TABLE sealed_passwords (
    item_id BIGINT PRIMARY KEY REFERENCES items (id),
    account_id UUID NOT NULL REFERENCES accounts (id),
    attempt_id UUID NOT NULL,
    key_id TEXT NOT NULL,
    sealed TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sealed_passwords_by_expiry ON sealed_passwords (expires_at, item_id);
