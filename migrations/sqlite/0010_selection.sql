-- Whom a selection may mean besides: graduation years, groups and the beginning of family names. `family_key` is the
-- family name as it is compared, without case and accents (`shared/src/fold.rs`); NULL until this build has seen the row:
-- `keybell migrate` and every start in embedded mode fill in what older builds wrote.
ALTER TABLE accounts ADD COLUMN graduation_year INTEGER;
ALTER TABLE accounts ADD COLUMN family_key TEXT;

-- The groups that people are in (organisational units, cohorts), by name.
CREATE TABLE account_groups (
    district_id TEXT NOT NULL REFERENCES districts (id),
    name TEXT NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (district_id, name, account_id)
);
CREATE INDEX account_groups_by_account ON account_groups (account_id, name);

-- What the search for accounts starts from, and what answers whether a name is known at all. Byte order, because the
-- beginning of a name is a range in no other.
CREATE INDEX accounts_by_username ON accounts (district_id, username_key, id);
CREATE INDEX accounts_by_family ON accounts (district_id, family_key, id);
CREATE INDEX accounts_by_grade ON accounts (district_id, grade, id);
CREATE INDEX accounts_by_year ON accounts (district_id, graduation_year, id);
CREATE INDEX accounts_by_role ON accounts (district_id, role, id);
CREATE INDEX classes_by_title ON classes (district_id, title);
CREATE INDEX memberships_by_role ON memberships (role, account_id);
CREATE INDEX accounts_unfolded ON accounts (id) WHERE family_key IS NULL;

-- What the requester confirmed separately: that they themselves, or protected accounts, may be reset as well.
ALTER TABLE tasks ADD COLUMN confirm_requester BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE tasks ADD COLUMN confirm_protected BOOLEAN NOT NULL DEFAULT FALSE;
