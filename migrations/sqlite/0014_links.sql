-- Asking people to choose a password: the task's mode, and one-time links.

-- How the task's passwords change: whether an account without any is reached depends on it.
ALTER TABLE tasks ADD COLUMN mode TEXT NOT NULL DEFAULT 'force';

-- What is sealed: a password, or the seed that the tokens of links are derived from.
ALTER TABLE sealed_passwords ADD COLUMN kind TEXT NOT NULL DEFAULT 'password';

-- One-time links. Only the SHA-256 of a token is kept. A link is good from the moment its message is claimed for sending
-- until `valid_until`, once, and only while the account has this credential version. After `kept_until` it cannot be sent
-- again, nor be good any more. Rows are made from rows that the same transaction locked, so no parent is looked up again.
CREATE TABLE links (
    token_hash TEXT PRIMARY KEY,
    account_id TEXT NOT NULL,
    item_id BIGINT NOT NULL,
    channel TEXT NOT NULL CHECK (channel IN ('email', 'sms')),
    credential_version BIGINT NOT NULL,
    valid_until BIGINT,
    kept_until BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX links_by_account ON links (account_id);
CREATE INDEX links_by_age ON links (kept_until);
