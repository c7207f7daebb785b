-- On PostgreSQL this drops checks of foreign keys. SQLite keeps its own: it cannot drop them, and they are cheap there.
SELECT 1;
