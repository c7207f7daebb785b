# shellcheck shell=bash
# A private PostgreSQL.
# S, the service's state, comes from state.sh; the names in brackets are its keys.
# shellcheck disable=SC2154

postgres_package() { say postgresql; }
postgres_ports() { say port; }

# Debian keeps the server outside of PATH, one folder a version: the newest is taken.
postgres_bin() {
  local bin
  bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  if [[ ! -x $bin/initdb ]]; then
    bin=$(command -v initdb 2>/dev/null) || return 1
    bin=$(dirname "$(readlink -f "$bin")")
  fi
  [[ -x $bin/initdb && -x $bin/postgres && -x $bin/psql ]] && printf '%s\n' "$bin"
}

postgres_installed() { postgres_bin >/dev/null; }

postgres_start() {
  local user=$1 bin home=$DATA/postgres socket=$DATA/postgres/socket first=no
  bin=$(postgres_bin)

  if [[ ! -e $home/db/PG_VERSION ]]; then
    # Made aside and renamed: an initdb that was cut short is simply done again.
    rm -rf "$home/db.new" "$home/db"
    # trust is safe here: it listens on loopback only and holds nothing but test data. --no-sync, because a
    # machine that loses power now just makes it anew; the server itself syncs as it should.
    if ! (cd "$home" && as "$user" "$bin/initdb" -D "$home/db.new" -U postgres --auth=trust \
      --encoding=UTF8 --locale=C.UTF-8 --no-sync) >>"${S[log]}" 2>&1; then
      give_up postgres "could not make its data folder"
    fi
    mv "$home/db.new" "$home/db"
    first=yes
  fi

  postgres_clear_locks "$home/db" "$socket"

  # A socket's path has a limit of 107 bytes. Everything here uses TCP, so a deep folder just goes without.
  if ((${#socket} > 90)); then
    socket=''
  else
    as "$user" mkdir -p "$socket"
  fi

  # fsync stays on unless a test asks otherwise: what is measured or killed here should behave like the real one.
  spawn postgres "$user" "$home" "$bin/postgres" -D "$home/db" -p "${S[port]}" \
    -c listen_addresses=127.0.0.1 -c "unix_socket_directories=$socket" \
    -c max_connections=200 -c "fsync=${KEYBELL_SERVICES_FSYNC:-on}" -c timezone=UTC -c log_timezone=UTC
  wait_ready postgres postgres_probe

  # Also when an earlier first start was cut short between initdb and here.
  if [[ $first == yes ]] || ! postgres_sql keybell 'SELECT 1' >/dev/null 2>&1; then
    postgres_make_role >>"${S[log]}" 2>&1 || give_up postgres "could not make the role keybell"
  fi
  S[url]=postgres://keybell@127.0.0.1:${S[port]}/keybell
}

# After a kill, PostgreSQL refuses to start while the old server's pid exists, and a zombie that nobody reaps (as in
# many containers) exists for ever. Its sessions may outlive it for a moment, and must be gone first.
postgres_clear_locks() { # data folder, socket folder
  local pid deadline=$((SECONDS + 10))
  [[ -e $1/postmaster.pid ]] || return 0
  read -r pid <"$1/postmaster.pid"
  if ! start_time "$pid" >/dev/null; then
    while postgres_in_use "$1" && ((SECONDS < deadline)); do sleep 0.1; done
    rm -f "$1/postmaster.pid" "$2"/.s.PGSQL.*
  fi
}

# Every process of a PostgreSQL server stands in its data folder.
postgres_in_use() {
  local folder
  for folder in /proc/[0-9]*/cwd; do
    if [[ $folder -ef $1 ]]; then return 0; fi
  done
  return 1
}

# CREATEDB, because each test makes a database of its own, and CREATEROLE, because one makes a user without rights; no
# superuser, so that a test notices when the program needs a right that it would not have in production.
postgres_make_role() {
  postgres_sql postgres "DO \$\$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'keybell') THEN
      CREATE ROLE keybell LOGIN CREATEDB CREATEROLE;
    END IF; END \$\$"
  postgres_sql postgres 'CREATE DATABASE keybell OWNER keybell'
}

postgres_sql() { # database, statement
  "$(postgres_bin)/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "${S[port]}" -U postgres -d "$1" -c "$2"
}

postgres_probe() { "$(postgres_bin)/pg_isready" -q -t 2 -h 127.0.0.1 -p "${S[port]}" -U postgres; }

# INT is PostgreSQL's fast shutdown: it ends the open sessions. TERM would wait for them.
postgres_stop() { stop_processes postgres INT; }
