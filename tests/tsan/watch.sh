#!/usr/bin/env bash
# Runs a test under ThreadSanitizer: watch.sh REPORTS COMMAND...
# Every process of the test writes what TSan reports to REPORTS.<pid>. One such file fails the test, also where it came
# from a child whose exit code nobody looked at, or that was killed.
set -uo pipefail

reports=$1
shift
mkdir -p "$(dirname "$reports")"
rm -f "$reports".*
export TSAN_OPTIONS="${TSAN_OPTIONS:?}:log_path=$reports"

"$@"
code=$?
shopt -s nullglob
found=("$reports".*)
if [[ ${#found[@]} != 0 ]]; then
  cat "${found[@]}"
  echo "ThreadSanitizer reported: ${found[*]}"
  exit 66
fi
exit "$code"
