-- Four enrolments for each person of a roster, each in two indexes: the one by account was larger than the table. What asks
-- by account asks for the classes of a teacher, or for one class at a time, which the primary key answers.
CREATE INDEX enrolments_of_teachers ON enrolments (account_id, class_id) WHERE role = 'teacher';
DROP INDEX enrolments_by_account;

-- Looked up for each class of a roster. The transaction that writes a class has read its school, holds its district, and neither
-- is ever deleted.
ALTER TABLE classes DROP CONSTRAINT classes_school_id_fkey;
ALTER TABLE classes DROP CONSTRAINT classes_district_id_fkey;

-- The rows of roles.csv that each person has (see 0022), beside the person instead of in a table of their own: one row and one
-- index entry fewer for each. Whatever else changes what the roster says of somebody writes NULL here.
ALTER TABLE accounts ADD COLUMN told TEXT;
UPDATE accounts SET told = (
    SELECT t.told FROM account_roles t WHERE t.account_id = accounts.id AND t.fingerprint = accounts.fingerprint)
WHERE EXISTS (SELECT 1 FROM account_roles t WHERE t.account_id = accounts.id);
DROP TABLE account_roles;
