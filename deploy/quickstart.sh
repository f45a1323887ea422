#!/usr/bin/env bash
# From an empty Debian 12 machine to a guarded call: builds tessera, starts it with SQLite on this
# machine's loopback, logs in, and calls the example service without a token and with one.
# Safe to run again. `quickstart.sh --stop` ends what it started.
set -euo pipefail
umask 077

root=$(cd "$(dirname "$0")/.." && pwd)
state=${XDG_STATE_HOME:-$HOME/.local/state}/tessera-quickstart
build=
port=7443
orders_port=50051
action=start

usage() {
  cat <<'HELP'
Usage: deploy/quickstart.sh [--stop] [--port N] [--orders-port N] [--state FOLDER] [--build FOLDER]

  --stop           end the two servers that it started; the state stays
  --port N         tesserad's port on 127.0.0.1 (7443)
  --orders-port N  the example service's port on 127.0.0.1 (50051)
  --state FOLDER   keys, certificate, database, logs (~/.local/state/tessera-quickstart)
  --build FOLDER   take tessera from this build folder instead of building the release preset
HELP
}

fail() {
  echo "quickstart: $*" >&2
  exit 1
}

say() { printf '\n\033[1m==> %s\033[0m\n' "$*"; }

# ---- processes: each has a file PID_START_TIME, so that another process's id is never taken

start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

is_running() {
  local pid started
  [[ -r $state/$1.pid ]] || return 1
  read -r pid started <"$state/$1.pid"
  [[ -n $started && $(start_time "$pid") == "$started" ]]
}

# run_in_background NAME COMMAND...
run_in_background() {
  local name=$1
  shift
  setsid "$@" </dev/null >"$state/$name.log" 2>&1 &
  echo "$! $(start_time $!)" >"$state/$name.pid"
}

stop() {
  local name=$1 pid
  if is_running "$name"; then
    read -r pid _ <"$state/$name.pid"
    kill "$pid"
    for _ in $(seq 150); do
      is_running "$name" || break
      sleep 0.1
    done
    if is_running "$name"; then kill -9 "$pid"; fi
    echo "stopped $name (process $pid)"
  fi
  rm -f "$state/$name.pid"
}

# await NAME PATTERN: until the pattern is in the log
await() {
  local name=$1 pattern=$2
  for _ in $(seq 300); do
    if grep -q -- "$pattern" "$state/$name.log"; then return 0; fi
    is_running "$name" || break
    sleep 0.1
  done
  tail -n 20 "$state/$name.log" >&2
  fail "$name did not start; the whole log is $state/$name.log"
}

require_free() {
  if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
    fail "port $1 on 127.0.0.1 is taken by another program: end that, or choose with $2 N"
  fi
}

# ---- the parts

build_tessera() {
  if [[ -n $build ]]; then return; fi
  say "Packages"
  "$root/deploy/install_packages.sh" build
  say "Building the release preset (the first time takes some minutes)"
  build=$root/build/release
  (cd "$root" && cmake --preset release >/dev/null && cmake --build --preset release)
}

random_secret() { openssl rand -base64 "${1:-18}"; }

# A file of one secret, made once.
secret_file() {
  if [[ ! -s $1 ]]; then printf '%s\n' "$2" >"$1"; fi
  chmod 600 "$1"
}

make_certificates() {
  if [[ -s $state/tls.crt ]] && openssl x509 -checkend 86400 -noout -in "$state/tls.crt" >/dev/null
  then return; fi
  (
    cd "$state"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \
      -subj "/CN=tessera quickstart CA" -keyout ca.key -out ca.crt
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" \
      -keyout tls.key -out tls.csr
    openssl x509 -req -in tls.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 \
      -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost") -out tls.crt
    rm -f tls.csr
  ) 2>"$state/openssl.log" || fail "openssl failed: $state/openssl.log"
}

make_state() {
  say "State: keys, certificate, configuration in $state"
  chmod 700 "$state"
  secret_file "$state/master.key" "quickstart:$(random_secret 32)"
  secret_file "$state/admin-password" "$(random_secret)"
  secret_file "$state/demo-password" "$(random_secret)"
  make_certificates
  cat >"$state/tessera.toml" <<CONFIG
[server]
listen = "127.0.0.1:$port"
reflection = "public"

[server.tls]
certificate = "$state/tls.crt"
key = "$state/tls.key"

[storage]
url = "sqlite:$state/tessera.db"

[keys]
master_key_file = "$state/master.key"

[tokens]
issuer = "https://127.0.0.1:7443"
audiences = ["orders", "billing"]

[bootstrap]
admin_password_file = "$state/admin-password"
CONFIG
  cat >"$state/env.sh" <<ENVIRONMENT
# For a shell: the commands on the PATH, and the quickstart's own logins.
export PATH="$build/bin:$state/examples:\$PATH"
export TESSERACTL_CONFIG_DIR="$state/cli"
export TESSERACTL_SERVER="127.0.0.1:$port"
export TESSERACTL_CA="$state/ca.crt"
ENVIRONMENT
  # shellcheck source=/dev/null
  source "$state/env.sh"
}

start_tesserad() {
  say "Starting tesserad on 127.0.0.1:$port"
  stop tesserad
  require_free "$port" --port
  run_in_background tesserad "$build/bin/tesserad" --config "$state/tessera.toml"
  await tesserad server.ready
  echo "it runs as process $(cut -d' ' -f1 "$state/tesserad.pid"); log: $state/tesserad.log"
}

# Both make what is not there yet.
have_user() {
  tessera user get "$1" >/dev/null 2>&1 || tessera user create "$1" --password-file "$2"
}

have_role() {
  tessera role list --json | grep -q "\"$1\"" || tessera role create "$@"
}

# The service account of a guard: its secret is shown once, so without the file it gets another.
have_guard_account() {
  if tessera service-account show "$1" >/dev/null 2>&1; then
    [[ -s $2 ]] || tessera service-account rotate-secret "$1" --keep-old-for 0 --secret-file "$2"
  else
    rm -f "$2"
    tessera service-account create "$1" --role tessera.guard --audience tessera --secret-file "$2"
  fi
}

make_people() {
  say "First login, as admin; then the role orders.admin, user demo, service account orders-guard"
  tessera login --username admin --password-file "$state/admin-password"
  have_role orders.admin --audience orders --description "May cancel orders" >/dev/null
  have_user demo "$state/demo-password" >/dev/null
  tessera role grant orders.admin demo
  have_guard_account orders-guard "$state/guard-secret" >/dev/null
}

start_orders() {
  say "The example service, built against the installed libraries, on 127.0.0.1:$orders_port"
  local launcher=()
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  {
    cmake --install "$build" --prefix "$state/prefix"
    cmake -S "$root/client/examples" -B "$state/examples" -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -DCMAKE_PREFIX_PATH="$state/prefix" "${launcher[@]}"
    cmake --build "$state/examples"
  } >"$state/examples.log" 2>&1 || {
    tail -n 20 "$state/examples.log" >&2
    fail "the examples could not be built; the whole log is $state/examples.log"
  }
  stop orders
  require_free "$orders_port" --orders-port
  run_in_background orders "$state/examples/orders_server" --listen "127.0.0.1:$orders_port" \
    --auth-server "127.0.0.1:$port" --ca "$state/ca.crt" --issuer "https://127.0.0.1:7443" \
    --tls-cert "$state/tls.crt" --tls-key "$state/tls.key" \
    --feed-secret-file "$state/guard-secret"
  await orders orders.ready
}

# The example's client, as its caller would be set up.
orders() {
  orders_client --orders "127.0.0.1:$orders_port" --auth-server "127.0.0.1:$port" \
    --ca "$state/ca.crt" "$@"
}

show_calls() {
  say "A guarded call without a token: refused before the handler runs"
  local answer
  if answer=$(orders --anonymous list 2>&1); then fail "it was admitted: $answer"; fi
  echo "$answer"
  grep -q 'UNAUTHENTICATED.*TOKEN_MISSING' <<<"$answer" || fail "it was refused for another reason"
  say "The same by demo: admitted; and a cancellation, since demo holds orders.admin"
  orders --username demo --password-file "$state/demo-password" list
  orders --username demo --password-file "$state/demo-password" cancel order-1
}

show_next() {
  say "It runs. To try next:"
  cat <<NEXT
  source $state/env.sh
  tessera whoami
  tessera token print | tessera token inspect -
  orders_client --orders 127.0.0.1:$orders_port --auth-server 127.0.0.1:$port --ca $state/ca.crt \\
    --username demo --password-file $state/demo-password list

README.md shows the same with buf curl and grpcurl. To end it: deploy/quickstart.sh --stop
NEXT
}

while [[ $# != 0 ]]; do
  case $1 in
    --stop) action=stop ;;
    --port) port=${2:?--port needs a number} && shift ;;
    --orders-port) orders_port=${2:?--orders-port needs a number} && shift ;;
    --state) state=${2:?--state needs a folder} && shift ;;
    --build) build=$(cd "${2:?--build needs a folder}" && pwd) && shift ;;
    --help | -h) usage && exit 0 ;;
    *) usage >&2 && fail "unknown argument $1" ;;
  esac
  shift
done

mkdir -p "$state"
state=$(cd "$state" && pwd)
if [[ $action == stop ]]; then
  stop orders
  stop tesserad
  exit 0
fi
build_tessera
make_state
start_tesserad
make_people
start_orders
show_calls
show_next
