-- Four enrolments for each person of a roster, each in two indexes. What asks by account asks for the classes of a teacher, or
-- for one class at a time, which the primary key answers. SQLite keeps its checks of foreign keys: it cannot drop them.
CREATE INDEX enrolments_of_teachers ON enrolments (account_id, class_id) WHERE role = 'teacher';
DROP INDEX enrolments_by_account;

-- The rows of roles.csv that each person has (see 0022), beside the person instead of in a table of their own: one row and one
-- index entry fewer for each. Whatever else changes what the roster says of somebody writes NULL here.
ALTER TABLE accounts ADD COLUMN told TEXT;
UPDATE accounts SET told = (
    SELECT t.told FROM account_roles t WHERE t.account_id = accounts.id AND t.fingerprint = accounts.fingerprint)
WHERE EXISTS (SELECT 1 FROM account_roles t WHERE t.account_id = accounts.id);
DROP TABLE account_roles;
