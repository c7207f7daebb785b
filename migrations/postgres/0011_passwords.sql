-- The policy that an account's last reset was made under; a password that the person chooses later obeys it, too.
ALTER TABLE accounts ADD COLUMN password_policy TEXT NOT NULL DEFAULT 'standard';
