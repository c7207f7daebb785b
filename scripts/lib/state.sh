# shellcheck shell=bash
# What scripts/services remembers about each service, and the processes it started.
#
# One file a service, NAME.state, with key=value lines:
#   kind       process or container
#   port …     kept after a stop, so that the next start has the same URL
#   pids       pid:start-time of each process, in the order in which they must be stopped
#   url, log   where it answers, where it writes
#   ready      yes once it answered; without it a start was cut short

declare -A S=()

state_load() {
  local line
  S=()
  [[ -r $DIR/$1.state ]] || return 0
  while IFS= read -r line; do
    if [[ $line == *=* ]]; then S[${line%%=*}]=${line#*=}; fi
  done <"$DIR/$1.state"
}

# Written aside and renamed, so that a reader without the lock (env, status) never sees half of it.
state_save() {
  local key
  for key in "${!S[@]}"; do
    printf '%s=%s\n' "$key" "${S[$key]}"
  done >"$DIR/$1.state.new"
  mv -f "$DIR/$1.state.new" "$DIR/$1.state"
}

# When a process started, in ticks since boot; nothing if it is gone. A pid alone may belong to somebody else
# by now, pid and start time together do not. A zombie counts as gone: in a container nobody may reap it.
start_time() {
  local stat
  { IFS= read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
  # The second field is the name and may hold spaces and brackets: cut after the last one.
  read -r -a stat <<<"${stat##*) }"
  [[ ${stat[0]} != [ZX] ]] || return 1
  printf '%s\n' "${stat[19]}"
}

is_alive() { # pid:start-time
  [[ $1 == *:?* && $(start_time "${1%%:*}") == "${1#*:}" ]]
}

# spawn NAME USER FOLDER COMMAND...: starts a server that outlives this script, and notes its pid in S[pids].
# Its own session keeps it out of reach of Ctrl-C; its environment holds only what is named here, because
# RABBITMQ_*, PG* or ERL_* variables of the caller would change what it does; and no file of the caller stays
# open in it (neither our lock nor, say, the pipe of whoever waits for our output to end).
spawn() {
  local name=$1 user=$2 folder=$3 pid cut_short=no
  shift 3
  # A request to stop waits until the pid is noted: a server whose pid is lost could never be stopped.
  trap 'cut_short=yes' TERM
  (
    for fd in /proc/self/fd/*; do
      fd=${fd##*/}
      if ((fd > 2)); then eval "exec $fd>&-"; fi
    done
    cd "$folder" || exit
    exec </dev/null >>"$DIR/logs/$name.log" 2>&1
    as "$user" exec setsid env -i "PATH=$PATH" "HOME=$folder" LANG=C.UTF-8 "$@"
  ) &
  pid=$!
  # Newest first: what was started last is stopped first.
  S[pids]="$pid:$(start_time "$pid" || true)${S[pids]:+ ${S[pids]}}"
  state_save "$name"
  trap - TERM
  [[ $cut_short == no ]] || exit 143
}

# as USER [exec] COMMAND...: runs it as that user when we are root, and as ourselves otherwise.
as() {
  local user=$1 how=()
  shift
  if [[ $1 == exec ]]; then
    how=(exec)
    shift
  fi
  if is_root; then
    "${how[@]}" setpriv --reuid="$user" --regid="$(id -g "$user")" --init-groups "$@"
  else
    "${how[@]}" "$@"
  fi
}

# wait_ready NAME PROBE...: until the probe succeeds; gives up when the process ends or the time is over.
wait_ready() {
  local name=$1 deadline=$((SECONDS + TIMEOUT)) pid
  shift
  until "$@" >/dev/null 2>&1; do
    for pid in ${S[pids]:-}; do
      is_alive "$pid" || give_up "$name" "ended while it was starting"
    done
    [[ ${S[kind]} == process ]] || docker_running "$name" || give_up "$name" "ended while it was starting"
    ((SECONDS < deadline)) || give_up "$name" "did not answer within $TIMEOUT s (KEYBELL_SERVICES_TIMEOUT changes that)"
    sleep 0.1
  done
}

give_up() {
  if [[ -r ${S[log]} ]]; then
    warn "$1 $2. The end of its log, ${S[log]}:"
    tail -n 15 "${S[log]}" | sed 's/^/    /' >&2
  else
    warn "$1 $2. To see why: ${S[log]}"
  fi
  exit 1
}

# stop_processes NAME SIGNAL: asks each process to end, and insists if it does not.
stop_processes() {
  local name=$1 signal=$2 token pid deadline
  for token in ${S[pids]:-}; do
    is_alive "$token" || continue
    pid=${token%%:*}
    kill -s "$signal" "$pid" 2>/dev/null || ! is_alive "$token" ||
      die "$name (pid $pid) was started by another user: stop it as that user or as root"
    deadline=$((SECONDS + 20))
    while is_alive "$token"; do
      if ((SECONDS >= deadline)); then
        warn "$name (pid $pid) did not stop within 20 s and is killed"
        # The whole session that spawn made for it, so that no child stays behind.
        kill -s KILL -- "-$pid" 2>/dev/null || kill -s KILL "$pid" 2>/dev/null || true
        deadline=$((SECONDS + 5))
      fi
      sleep 0.05
    done
  done
}

# Loopback ports that are in use, as the kernel lists them: no tool needed, and nothing is connected to.
# TIME-WAIT (06) does not count: a server may take such a port again at once.
used_ports() {
  local table address state
  for table in /proc/net/tcp /proc/net/tcp6; do
    [[ -r $table ]] || continue
    while read -r _ address _ state _; do
      if [[ $address == *:* && $state != 06 ]]; then printf '%d\n' "0x${address##*:}"; fi
    done <"$table"
  done
}

# choose_ports KEY...: keeps each remembered port in S that is still free, and draws the missing ones.
# Below 32768, where the kernel takes the ports of outgoing connections from, so that none of those gets in
# the way between the choice and the server's start.
choose_ports() {
  local key port
  for key in "$@"; do
    port=${S[$key]:-}
    while [[ -z $port || -n ${TAKEN[port]:-} ]]; do
      port=$((20000 + RANDOM % 12000))
    done
    S[$key]=$port
    TAKEN[port]=yes
  done
}
