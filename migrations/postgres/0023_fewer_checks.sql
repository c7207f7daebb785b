-- Checks that every account of a task paid for, each with a look at another table and a lock that is written there. The
-- parent is locked by the transaction that writes the child: the task while its items are written down, the item while it
-- is reset, the notification while it is claimed. Whoever deletes a task locks it first, and deletes the children first.
ALTER TABLE items DROP CONSTRAINT items_task_id_fkey;
ALTER TABLE notifications DROP CONSTRAINT notifications_item_id_fkey;
ALTER TABLE attempts DROP CONSTRAINT attempts_notification_id_fkey;
ALTER TABLE sealed_passwords DROP CONSTRAINT sealed_passwords_item_id_fkey;
