# shellcheck shell=bash
# A private Redis. It holds only the live progress, which is derived: nothing is ever written to disk.
# S, the service's state, comes from state.sh; the names in brackets are its keys.
# shellcheck disable=SC2154

redis_package() { say redis-server; }
redis_ports() { say port; }

redis_bin() { command -v redis-server || command -v valkey-server; }

redis_installed() { redis_bin >/dev/null 2>&1; }

redis_start() {
  local user=$1
  spawn redis "$user" "$DATA/redis" "$(redis_bin)" \
    --bind 127.0.0.1 --port "${S[port]}" --dir "$DATA/redis" --save '' --appendonly no --daemonize no
  wait_ready redis redis_probe
  S[url]=redis://127.0.0.1:${S[port]}
}

# Spoken by hand, so that no client needs to be installed.
redis_probe() (
  exec 3<>"/dev/tcp/127.0.0.1/${S[port]}" || exit
  printf 'PING\r\n' >&3
  IFS= read -r -t 2 answer <&3
  [[ $answer == +PONG* ]]
)

redis_stop() { stop_processes redis TERM; }
