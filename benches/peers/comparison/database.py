"""The peers' own database: made, filled, counted and dropped with psql."""

import os
import subprocess
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

# What an account has before: a hash of the same length, which nobody counts as a new one.
OLD = "$argon2id$v=19$m=1,t=1,p=1$" + "0" * 22 + "$" + "0" * 43

TABLE = """
CREATE TABLE accounts (
    id            bigint PRIMARY KEY,
    username      text NOT NULL,
    email         text NOT NULL,
    name          text NOT NULL,
    password_hash text NOT NULL,
    changed_at    timestamptz
) WITH (fillfactor = 50)
"""


class Database:
    """One database on the server of `url`, which nothing else uses."""

    def __init__(self, url, name):
        self.server = url
        self.name = name
        self.url = urlunsplit(urlsplit(url)._replace(path=f"/{name}"))

    def create(self):
        _psql(self.server, f"CREATE DATABASE {self.name}")
        _psql(self.url, TABLE)

    def drop(self):
        _psql(self.server, f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")

    def fill(self, accounts):
        """Begins anew with so many accounts, 1 to N."""
        _psql(self.url, "TRUNCATE accounts")
        _psql(
            self.url,
            "INSERT INTO accounts SELECT n, 'user' || n, 'user' || n || '@peers.example', 'Person No. ' || n, "
            f"'{OLD}', NULL FROM generate_series(1, {accounts}) AS n",
        )
        _psql(self.url, "VACUUM ANALYZE accounts")

    def hashes(self, memory, passes):
        """How many different hashes with these parameters there are."""
        pattern = f"$argon2id$v=19$m={memory},t={passes},p=1$%"
        text = _psql(
            self.url,
            "SELECT count(DISTINCT password_hash) FROM accounts "
            f"WHERE password_hash LIKE '{pattern}' AND changed_at IS NOT NULL",
        )
        return int(text)


def _psql(url, statement):
    """Runs one statement. The address goes by the environment: arguments can be read by everybody on the machine."""
    parts = urlsplit(url)
    query = {key: values[0] for key, values in parse_qs(parts.query).items()}
    place = {
        "PGHOST": parts.hostname or query.get("host", ""),
        "PGPORT": str(parts.port or query.get("port", "")),
        "PGUSER": unquote(parts.username or query.get("user", "")),
        "PGPASSWORD": unquote(parts.password or query.get("password", "")),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
        "PGSSLMODE": query.get("sslmode", ""),
    }
    environment = {**os.environ, **{name: value for name, value in place.items() if value}}
    done = subprocess.run(
        ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", statement],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"psql refused `{statement.split('(')[0].strip()[:60]}`: {done.stderr.strip()}")
    return done.stdout.strip()
