#!/usr/bin/env bash
# Takes the figures: builds the bench preset (Release) and runs every benchmark. tests/bench/run.sh --help
set -euo pipefail

cd "$(dirname "$0")/../.."

usage() {
  cat <<'HELP'
Usage: tests/bench/run.sh [OPTION...]

Builds the bench preset and prints a table of figures, each with its baseline of the same run.
Nothing else should be running on the machine.

  --short        a first look: under a minute
  --only NAME    this benchmark alone; may be given again
  --expired-sessions N
                 how many sessions `drain` removes, 100,000 unless told
  --json FILE    write every figure to FILE
  --markdown     print the table as Markdown
  --list         name the benchmarks

The figures go to standard output, what happens meanwhile to standard error.
HELP
}

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
  usage
  exit 0
fi
mkdir -p build/bench
{
  cmake --preset bench && cmake --build --preset bench -j "$(nproc)" --target bench
} >build/bench/build.log 2>&1 || {
  cat build/bench/build.log >&2
  exit 1
}
exec build/bench/bin/bench "$@"
