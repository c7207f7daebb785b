-- What the outside may know, and who may do what.

-- Domain events on their way out; at least once.
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    district_id TEXT NOT NULL REFERENCES districts (id),
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    at BIGINT NOT NULL,
    sent BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX events_unsent ON events (id) WHERE NOT sent;

-- Who did what. Rows are inserted plainly and chained afterwards by the leader: `chain` is the SHA-256 over the row and
-- its predecessor's chain.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    district_id TEXT NOT NULL REFERENCES districts (id),
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    place BIGINT,
    chain TEXT
);
CREATE INDEX audit_unchained ON audit (id) WHERE chain IS NULL;
CREATE UNIQUE INDEX audit_by_place ON audit (place) WHERE place IS NOT NULL;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    district_id TEXT NOT NULL REFERENCES districts (id),
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    account_id TEXT REFERENCES accounts (id),
    secret_hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX api_keys_by_district ON api_keys (district_id, created_at);
-- Tasks belong to whoever asked by name, so no two valid keys share one; a revoked key's name may be used again.
CREATE UNIQUE INDEX api_keys_by_name ON api_keys (district_id, name) WHERE revoked_at IS NULL;

-- Upstream applications that may publish requests, by their broker user.
CREATE TABLE producers (
    name TEXT PRIMARY KEY,
    district_id TEXT NOT NULL REFERENCES districts (id),
    created_at BIGINT NOT NULL
);

-- Who leads, on the database's clock.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    held_until BIGINT NOT NULL
);
