-- What an upstream application may ask for in an hour, and with one request (NULL: any number of accounts).
ALTER TABLE producers ADD COLUMN requests_per_hour BIGINT NOT NULL DEFAULT 600;
ALTER TABLE producers ADD COLUMN accounts_per_request BIGINT;
CREATE INDEX producers_by_district ON producers (district_id, name);

-- Counts the requests that a producer made within the last hour.
CREATE INDEX idempotency_by_time ON idempotency (district_id, producer, created_at);
