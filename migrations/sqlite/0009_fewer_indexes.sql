-- What every account pays for and nothing needs. An item is written four times, and each time once more into every index.

-- `items_by_state` answers what these did.
DROP INDEX items_pending;
DROP INDEX items_unsettled;
-- Items are written down in the order of their accounts, so the unique index on (task_id, account_id) has the same order.
DROP INDEX items_by_task;
