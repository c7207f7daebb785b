-- What every account pays for and nothing needs. An item is written four times, and each time once more into every index.

-- `items_by_state` answers what these did.
DROP INDEX items_pending;
DROP INDEX items_unsettled;
-- Items are written down in the order of their accounts, so the unique index on (task_id, account_id) has the same order.
DROP INDEX items_by_task;

-- These rows are made from rows that the same transaction read or locked, and districts and accounts are never deleted.
-- Each check would look the parent up again and lock it, for each row.
ALTER TABLE items DROP CONSTRAINT items_district_id_fkey;
ALTER TABLE items DROP CONSTRAINT items_account_id_fkey;
ALTER TABLE notifications DROP CONSTRAINT notifications_district_id_fkey;
ALTER TABLE notifications DROP CONSTRAINT notifications_account_id_fkey;
ALTER TABLE sealed_passwords DROP CONSTRAINT sealed_passwords_account_id_fkey;
ALTER TABLE events DROP CONSTRAINT events_district_id_fkey;
ALTER TABLE audit DROP CONSTRAINT audit_district_id_fkey;

-- Room on each page for the row's next version, so that a new password does not write the account into every index again.
ALTER TABLE accounts SET (fillfactor = 50);
ALTER TABLE attempts SET (fillfactor = 70);
