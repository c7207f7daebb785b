-- What an administrator says of an account that the roster does not say: the outside identity provider that manages it. No
-- import changes it; the roster's own word stays in `managed_by` and goes before it.
ALTER TABLE accounts ADD COLUMN managed_mark TEXT;

-- The key with which a key was made; NULL: by the console, or before this was kept. Nobody approves what was asked for with
-- a key that they made themselves.
ALTER TABLE api_keys ADD COLUMN made_by TEXT;
