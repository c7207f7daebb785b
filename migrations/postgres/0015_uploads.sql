-- Uploads: for each account its own password, and a new username where the file says one.

-- The password of one account of a task, sealed to the reset workers, until its item is settled. `username` is the new
-- username; NULL: it stays. Nothing here refers to another table, as with plans: fifty thousand rows are written with the
-- task, each goes with its item, and what is left goes with the task's end.
CREATE TABLE uploaded_passwords (
    task_id UUID NOT NULL,
    account_id UUID NOT NULL,
    key_id TEXT NOT NULL,
    sealed TEXT NOT NULL,
    username TEXT,
    PRIMARY KEY (task_id, account_id)
);

-- Whether an upload gave the account its username: then a roster does not take it back.
ALTER TABLE accounts ADD COLUMN renamed BOOLEAN NOT NULL DEFAULT FALSE;
