# shellcheck shell=bash
# A private RabbitMQ node, with an epmd (Erlang's port mapper) of its own.
# S, the service's state, comes from state.sh; the names in brackets are its keys.
# shellcheck disable=SC2154

rabbitmq_package() { say rabbitmq-server; }
rabbitmq_ports() { say port dist_port epmd_port; }

# Debian's rabbitmq-server in sbin is a wrapper that refuses everybody but root and rabbitmq: take what it wraps.
rabbitmq_bin() {
  local bin=/usr/lib/rabbitmq/bin/rabbitmq-server
  if [[ -x $bin ]]; then
    printf '%s\n' "$bin"
  else
    command -v rabbitmq-server
  fi
}

rabbitmq_installed() { rabbitmq_bin >/dev/null 2>&1 && have epmd; }

rabbitmq_start() {
  local user=$1 home=$DATA/rabbitmq node
  # The node's name is also the name of its data, so it must stay the same; the folder makes it unique.
  node=keybell-$(printf '%s' "$home" | cksum | cut -d ' ' -f 1)@localhost

  # Written anew at each start, because the port may have changed. Every file that the system's own node would
  # read is named and empty, so that /etc/rabbitmq has no say here.
  as "$user" mkdir -p "$home/conf.d" "$home/log" "$home/mnesia"
  as "$user" tee "$home/rabbitmq.conf" >/dev/null <<CONF
listeners.tcp.1 = 127.0.0.1:${S[port]}
log.console = true
log.console.level = info
CONF
  as "$user" tee "$home/rabbitmq-env.conf" >/dev/null </dev/null
  printf '[].\n' | as "$user" tee "$home/advanced.config" "$home/enabled_plugins" >/dev/null

  # Started by us and not by Erlang, which would start it as a daemon whose pid nobody knows.
  spawn rabbitmq "$user" "$home" epmd -port "${S[epmd_port]}" -address 127.0.0.1
  wait_ready rabbitmq port_answers "${S[epmd_port]}"

  # RUNNING_UNDER_SYSTEMD makes the start script become the server instead of staying its parent: one pid to
  # stop. One scheduler that does not spin leaves the other cores to what is being tested.
  spawn rabbitmq "$user" "$home" \
    "ERL_EPMD_PORT=${S[epmd_port]}" ERL_EPMD_ADDRESS=127.0.0.1 "ERL_CRASH_DUMP=$home/log/erl_crash.dump" \
    "RABBITMQ_NODENAME=$node" RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 "RABBITMQ_NODE_PORT=${S[port]}" \
    "RABBITMQ_DIST_PORT=${S[dist_port]}" "RABBITMQ_MNESIA_BASE=$home/mnesia" \
    "RABBITMQ_LOG_BASE=$home/log" RABBITMQ_LOGS=- \
    "RABBITMQ_ENABLED_PLUGINS_FILE=$home/enabled_plugins" "RABBITMQ_CONFIG_FILE=$home/rabbitmq.conf" \
    "RABBITMQ_CONFIG_FILES=$home/conf.d" "RABBITMQ_ADVANCED_CONFIG_FILE=$home/advanced.config" \
    "RABBITMQ_CONF_ENV_FILE=$home/rabbitmq-env.conf" "RABBITMQ_GENERATED_CONFIG_DIR=$home/generated" \
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=+S 1:1 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}" \
    RUNNING_UNDER_SYSTEMD=true "$(rabbitmq_bin)"
  wait_ready rabbitmq rabbitmq_probe
  S[url]=amqp://guest:guest@127.0.0.1:${S[port]}/%2f
  rabbitmq_ctl env "HOME=$home" "ERL_EPMD_PORT=${S[epmd_port]}" "RABBITMQ_NODENAME=$node" \
    "RABBITMQ_CONF_ENV_FILE=$home/rabbitmq-env.conf" "$(rabbitmq_ctl_bin)"
}

# For tests that make users of their own: a rabbitmqctl that knows which node is meant.
rabbitmq_ctl() {
  S[ctl]=$DIR/rabbitmqctl
  {
    printf '#!/bin/sh\nexec'
    printf ' %q' "$@"
    # The arguments of the script itself.
    # shellcheck disable=SC2016
    printf ' "$@"\n'
  } >"$DIR/rabbitmqctl"
  chmod 755 "$DIR/rabbitmqctl"
}

# As with the server: what Debian's wrapper wraps.
rabbitmq_ctl_bin() {
  local bin=/usr/lib/rabbitmq/bin/rabbitmqctl
  if [[ -x $bin ]]; then
    printf '%s\n' "$bin"
  else
    command -v rabbitmqctl
  fi
}

port_answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1"); }

# An AMQP greeting, answered by the first byte of connection.start (a method frame: 1). The port opens last in
# RabbitMQ's start, so who gets this answer can work. Asking rabbitmqctl would start a second Erlang each time.
rabbitmq_probe() (
  exec 3<>"/dev/tcp/127.0.0.1/${S[port]}" || exit
  printf 'AMQP\0\0\11\1' >&3
  LC_ALL=C IFS= read -r -N 1 -t 5 answer <&3
  [[ $answer == $'\x01' ]]
)

rabbitmq_stop() { stop_processes rabbitmq TERM; }
