#!/usr/bin/env bash
# A race made on purpose must fail a test; what is not one must pass: planted_test.sh WATCH REPORTS PROGRAM KIND WANTED
# WANTED is the function that the report has to name, or `silence`.
set -uo pipefail

watch=$1 reports=$2 program=$3 kind=$4 wanted=$5
output=$("$watch" "$reports" "$program" "$kind" 2>&1)
code=$?
rm -f "$reports".*

fail() {
  printf '%s\n' "$output" "planted_test.sh $kind: $1"
  exit 1
}

if [[ $wanted == silence ]]; then
  [[ $code == 0 ]] || fail "code $code where all is in order"
  exit 0
fi
[[ $code == 66 ]] || fail "code $code, so the race went unseen"
grep -q "SUMMARY: ThreadSanitizer: data race" <<<"$output" || fail "no report of a data race"
grep -q "$wanted" <<<"$output" || fail "the report does not name $wanted"
