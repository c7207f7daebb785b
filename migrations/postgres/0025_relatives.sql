-- Where relatives can be told who have no account of their own: lists name them in columns beside the pupil. Those who have
-- one are in `guardians`. Nothing else of them is kept, not even a name.
CREATE TABLE relatives (
    account_id UUID NOT NULL,
    place INTEGER NOT NULL,
    email TEXT,
    sms TEXT,
    PRIMARY KEY (account_id, place)
);
