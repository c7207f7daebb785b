-- PostgreSQL compares roster ids and usernames byte by byte from here on, and keeps usernames in one index instead of two.
-- SQLite has always compared so, and an index of its own answers with the id. Nothing to do, but both databases have the
-- same numbers.
SELECT 1;
