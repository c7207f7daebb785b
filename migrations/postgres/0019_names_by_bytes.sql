-- Roster ids and usernames are compared byte by byte, as SQLite compares them, and not by the rules of a language: an import
-- compares each with some twenty others in every index that it is written into. The tables are not written anew.
ALTER TABLE schools ALTER COLUMN source_id TYPE TEXT COLLATE "C";
ALTER TABLE classes ALTER COLUMN source_id TYPE TEXT COLLATE "C";

-- So the index that keeps usernames apart is also the one that finds their beginnings, and answers with the id.
DROP INDEX accounts_by_username;
ALTER TABLE accounts DROP CONSTRAINT accounts_district_id_username_key_key;
ALTER TABLE accounts ALTER COLUMN source_id TYPE TEXT COLLATE "C", ALTER COLUMN username_key TYPE TEXT COLLATE "C";
CREATE UNIQUE INDEX accounts_by_username ON accounts (district_id, username_key) INCLUDE (id);
