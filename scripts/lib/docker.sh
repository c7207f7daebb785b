# shellcheck shell=bash
# The same servers as containers: for machines where they are not installed and we may not install them.
# S, the service's state, comes from state.sh; the names in brackets are its keys.
# shellcheck disable=SC2154

docker_works() { have docker && docker info >/dev/null 2>&1; }

# The folder's checksum keeps two clones apart.
docker_name() { printf 'keybell-%s-%s\n' "$1" "$(printf '%s' "$DIR" | cksum | cut -d ' ' -f 1)"; }

docker_running() {
  [[ $(docker container inspect --format '{{.State.Running}}' "$(docker_name "$1")" 2>/dev/null) == true ]]
}

docker_start() {
  local service=$1 name inner run=()
  name=$(docker_name "$service")

  case $service in
    postgres)
      inner=5432
      run=(--env POSTGRES_HOST_AUTH_METHOD=trust postgres:15 -c max_connections=200
        -c "fsync=${KEYBELL_SERVICES_FSYNC:-on}")
      ;;
    redis)
      inner=6379
      run=(redis:7 redis-server --save '' --appendonly no)
      ;;
    rabbitmq)
      inner=5672
      # The host name is part of the node's name, and so of its data. guest may not come from outside of the
      # container, which is where we are.
      run=(--hostname keybell --env RABBITMQ_DEFAULT_USER=keybell --env RABBITMQ_DEFAULT_PASS=keybell
        rabbitmq:3.13)
      ;;
  esac

  S[log]="docker logs $name"
  # A stopped container keeps its data, its port and its settings.
  if docker container inspect "$name" >/dev/null 2>&1; then
    docker start "$name" >/dev/null
    S[port]=$(docker port "$name" "$inner/tcp" | sed -n '1s/.*://p')
  else
    docker run --detach --name "$name" --publish "127.0.0.1:${S[port]}:$inner" "${run[@]}" >/dev/null
  fi

  case $service in
    postgres)
      wait_ready postgres docker exec "$name" pg_isready -q -h 127.0.0.1
      docker_sql "$name" keybell 'SELECT 1' >/dev/null 2>&1 || docker_make_role "$name"
      S[url]=postgres://keybell@127.0.0.1:${S[port]}/keybell
      ;;
    redis)
      wait_ready redis redis_probe
      S[url]=redis://127.0.0.1:${S[port]}
      ;;
    rabbitmq)
      wait_ready rabbitmq rabbitmq_probe
      S[url]=amqp://keybell:keybell@127.0.0.1:${S[port]}/%2f
      rabbitmq_ctl docker exec "$name" rabbitmqctl
      ;;
  esac
}

docker_sql() { docker exec "$1" psql -X -q -v ON_ERROR_STOP=1 -U postgres -d "$2" -c "$3"; }

docker_make_role() {
  docker_sql "$1" postgres 'CREATE ROLE keybell LOGIN CREATEDB CREATEROLE'
  docker_sql "$1" postgres 'CREATE DATABASE keybell OWNER keybell'
}

docker_stop() { docker stop "$(docker_name "$1")" >/dev/null; }

docker_wipe() { docker rm --force --volumes "$(docker_name "$1")" >/dev/null; }
