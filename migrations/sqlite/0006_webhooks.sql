-- Webhooks to upstream applications.

-- Whether an event was written down for the webhooks; separate from `sent`, which is the broker's. What happened before
-- this migration is not told.
ALTER TABLE events ADD COLUMN handed_out BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE events SET handed_out = TRUE;
CREATE INDEX events_not_handed_out ON events (id) WHERE NOT handed_out;

-- Endpoints. No secret is stored: it is derived from the master key `key_id`, the id and the generation. `events` is a
-- JSON array of patterns.
CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    district_id TEXT NOT NULL REFERENCES districts (id),
    owner TEXT NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    key_id TEXT NOT NULL,
    generation BIGINT NOT NULL DEFAULT 1,
    previous_until BIGINT,
    state TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
    reason TEXT,
    disabled_at BIGINT,
    failures BIGINT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL DEFAULT 0,
    dropped BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    last_success_at BIGINT,
    last_failure_at BIGINT,
    last_failure TEXT
);
CREATE INDEX webhooks_by_district ON webhooks (district_id, created_at, id);

-- What waits for an endpoint; a message that was taken is deleted. `subject` is the account or task that it is about:
-- of one subject only the oldest message goes out. A claimed message is due again at the end of its lease.
CREATE TABLE webhook_deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    fence BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT NOT NULL,
    lease_until BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, due_at, seq);
CREATE INDEX webhook_deliveries_by_subject ON webhook_deliveries (webhook_id, subject, seq);
CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (webhook_id, seq);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at, seq);
