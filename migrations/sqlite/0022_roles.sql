-- The rows of roles.csv that each person has (OneRoster 1.2), so that a change of one role leaves the others. `told` is a
-- list in JSON. It holds only as long as `fingerprint` is the account's: whatever else changes the person ends it.
CREATE TABLE account_roles (
    account_id TEXT PRIMARY KEY REFERENCES accounts (id),
    told TEXT NOT NULL,
    fingerprint TEXT NOT NULL
);

-- Organisations of a roster that are no schools: the district itself, and departments and the like, which become schools when
-- something refers to them. A roster of changes refers to them without repeating them.
CREATE TABLE organisations (
    district_id TEXT NOT NULL REFERENCES districts (id),
    source_id TEXT NOT NULL,
    name TEXT NOT NULL,
    active BOOLEAN NOT NULL,
    is_district BOOLEAN NOT NULL,
    PRIMARY KEY (district_id, source_id)
);
