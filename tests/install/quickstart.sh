#!/usr/bin/env bash
# Runs deploy/quickstart.sh twice with this build's programs, on free ports, and looks at what it
# shows and leaves behind. quickstart.sh SOURCE BUILD-FOLDER
set -euo pipefail

source=$1
build=$2
state=$build/quickstart
log=$build/quickstart.log
mapfile -t ports < <(/usr/bin/python3 -c '
import socket
sockets = [socket.socket() for _ in range(2)]
for s in sockets: s.bind(("127.0.0.1", 0))
for s in sockets: print(s.getsockname()[1])')

quickstart() {
  env -u TESSERACTL_CONFIG_DIR "$source/deploy/quickstart.sh" --build "$build" --state "$state" \
    --port "${ports[0]}" --orders-port "${ports[1]}" "$@"
}

fail() {
  cat "$log" >&2
  echo "quickstart test: $*" >&2
  exit 1
}

trap 'quickstart --stop >/dev/null' EXIT
for round in first second; do
  quickstart >"$log" 2>&1 || fail "the $round run failed"
  grep -q 'TOKEN_MISSING' "$log" || fail "no refused call"
  grep -q '^order-1 .*cancelled' "$log" || fail "no admitted call"
done

# Secrets: readable by the owner alone, in no log, on no command line.
loose=$(find "$state" -maxdepth 1 -type f -perm /077)
[[ -z $loose ]] || fail "others can read: $loose"
for name in admin-password demo-password guard-secret; do
  secret=$(<"$state/$name")
  if grep -F -- "$secret" "$log" "$state"/*.log; then fail "$name is in a log"; fi
  for pid_file in "$state"/*.pid; do
    read -r pid _ <"$pid_file"
    if grep -qF -- "$secret" "/proc/$pid/cmdline"; then fail "$name is on a command line"; fi
  done
done

# A port that is taken is told, and nothing is started on it.
if "$source/deploy/quickstart.sh" --build "$build" --state "$state-other" --port "${ports[0]}" \
  >"$log" 2>&1; then fail "it ran on a port that is taken"; fi
grep -q "port ${ports[0]} on 127.0.0.1 is taken" "$log" || fail "no word of the taken port"
rm -rf "$state-other"

quickstart --stop >"$log"
grep -q 'stopped tesserad' "$log" || fail "it did not stop tesserad"
for port in "${ports[@]}"; do
  if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then fail "something still listens"; fi
done
