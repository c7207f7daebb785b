-- Claims whose lease has ended are found in `notifications_one_sending`, which holds what is being sent and nothing else: so few
-- rows at a time that their order does not matter. Every claim paid for an entry in this one.
DROP INDEX notifications_leased;
