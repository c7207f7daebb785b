-- Districts and their people. All times, here and everywhere: milliseconds since 1970-01-01 UTC, the database's clock.

-- One row: which ledger this is. A restored ledger gets a new epoch, so that the board never mixes two pasts.
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    epoch BIGINT NOT NULL
);
INSERT INTO meta (id, epoch) VALUES (1, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT);

CREATE TABLE districts (
    id UUID PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE schools (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    district_id UUID NOT NULL REFERENCES districts (id),
    source_id TEXT NOT NULL,
    name TEXT NOT NULL,
    active BOOLEAN NOT NULL DEFAULT TRUE,
    UNIQUE (district_id, source_id)
);

CREATE TABLE classes (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    district_id UUID NOT NULL REFERENCES districts (id),
    school_id BIGINT NOT NULL REFERENCES schools (id),
    source_id TEXT NOT NULL,
    title TEXT NOT NULL,
    active BOOLEAN NOT NULL DEFAULT TRUE,
    UNIQUE (district_id, source_id)
);

-- One person's sign-in. `username_key` is the username without regard to case; `fingerprint` is what the roster last
-- said, so that an unchanged row is recognised without comparing every column.
CREATE TABLE accounts (
    id UUID PRIMARY KEY,
    district_id UUID NOT NULL REFERENCES districts (id),
    source_id TEXT NOT NULL,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL,
    given_name TEXT NOT NULL,
    family_name TEXT NOT NULL,
    role TEXT NOT NULL,
    rank INTEGER NOT NULL,
    grade TEXT,
    email TEXT,
    sms TEXT,
    school_id BIGINT REFERENCES schools (id),
    managed_by TEXT,
    active BOOLEAN NOT NULL,
    protected BOOLEAN NOT NULL DEFAULT FALSE,
    quick_login BOOLEAN NOT NULL DEFAULT FALSE,
    fingerprint TEXT NOT NULL,
    password_hash TEXT,
    credential_version BIGINT NOT NULL DEFAULT 0,
    last_reset_seq BIGINT NOT NULL DEFAULT 0,
    must_change BOOLEAN NOT NULL DEFAULT FALSE,
    changed_at BIGINT,
    expires_at BIGINT,
    sessions_valid_after BIGINT,
    wrong_sign_ins INTEGER NOT NULL DEFAULT 0,
    throttled_until BIGINT NOT NULL DEFAULT 0,
    UNIQUE (district_id, source_id),
    UNIQUE (district_id, username_key)
);
-- Expansion walks a district's accounts in id order.
CREATE INDEX accounts_by_district ON accounts (district_id, id);

-- The roles that people hold at schools.
CREATE TABLE memberships (
    account_id UUID NOT NULL REFERENCES accounts (id),
    school_id BIGINT NOT NULL REFERENCES schools (id),
    role TEXT NOT NULL,
    PRIMARY KEY (account_id, school_id, role)
);
CREATE INDEX memberships_by_school ON memberships (school_id, account_id);

CREATE TABLE enrolments (
    class_id BIGINT NOT NULL REFERENCES classes (id),
    account_id UUID NOT NULL REFERENCES accounts (id),
    role TEXT NOT NULL,
    active BOOLEAN NOT NULL DEFAULT TRUE,
    PRIMARY KEY (class_id, account_id)
);
CREATE INDEX enrolments_by_account ON enrolments (account_id, class_id);

-- Who is told about a pupil besides the pupil, in the roster's order.
CREATE TABLE guardians (
    account_id UUID NOT NULL REFERENCES accounts (id),
    guardian_id UUID NOT NULL REFERENCES accounts (id),
    place INTEGER NOT NULL,
    PRIMARY KEY (account_id, guardian_id)
);
