#!/usr/bin/env bash
# Builds and tests everything, or a part by name: tests/run.sh --help
set -euo pipefail

cd "$(dirname "$0")/.."
jobs=$(nproc)
test_jobs=$((jobs * 5 / 2)) # many tests wait: for a clock, a database, another process
summaries=()
failed=()
max_retried=3

usage() {
  cat <<'HELP'
Usage: tests/run.sh [PART...]

Without a part: all that has to pass before a commit lands (setup, dev, asan).

  setup   install the packages and npm modules that are missing
  dev     build the dev preset, and run every test: rooms, lint, end to end, install
  asan    the same tests of programs under AddressSanitizer and UndefinedBehaviorSanitizer (clang)
  tsan    the same tests under ThreadSanitizer (clang): tests/tsan/README.md; not part of all
  unit    the dev preset's rooms alone: no lint, no end to end
  lint    layering, buf, clang-format, clang-tidy, shellcheck, links
  e2e     whole programs: C++, JavaScript, quickstart
  install the installed libraries and the Debian packages as an outside project meets them; the code in the pages
  bench   the benchmarks, in a Release build of their own, with their own options: tests/run.sh bench --help
  drills  outages of the database, 100 kill -9 of server and database under clients' ledgers, keys rotated each second for
          a minute; not part of all
  galera  the ledgers on a cluster of three nodes: one killed, frozen, late, alone; not part of all
  tidy    clang-tidy on every source file, not only the changed ones (long); not part of all
  ROOM    one room's tests: base token guard caller cli storage config lanes auth user rpc ...

Environment: TESSERA_BASE  the commit that `changed files` are counted from.
HELP
}

step() { printf '\n=== %s\n' "$*"; }

setup() {
  step "setup"
  deploy/install_packages.sh build package test
  if ! cmp -s tests/package-lock.json tests/node_modules/.tessera-lock; then
    (cd tests && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
    cp tests/package-lock.json tests/node_modules/.tessera-lock
  fi
}

# build PRESET [TARGET...]
build() {
  local preset=$1
  shift
  step "build $preset"
  mkdir -p "build/$preset"
  cmake --preset "$preset" >"build/$preset/configure.log" 2>&1 || {
    cat "build/$preset/configure.log"
    exit 1
  }
  cmake --build --preset "$preset" -j "$jobs" ${1:+--target "$@"}
}

# alone PRESET: the last run's failed tests again, one at a time, if they are few. One that passes now was held up by the machine:
# it is named, and it is a defect of that test. More than a few, or one that fails again, fails the run; so does whatever a
# sanitizer found, however seldom.
alone() {
  local preset=$1
  local list=build/$preset/Testing/Temporary/LastTestsFailed.log
  local names
  if [[ $preset != dev || ! -s $list ]] || (($(wc -l <"$list") > max_retried)); then return 1; fi
  names=$(cut -d: -f2 "$list" | paste -sd' ')
  step "again, alone: $names"
  ctest --preset "$preset" -j 1 --rerun-failed --output-on-failure || return 1
  summaries+=("$preset: UNSTABLE, passed only alone: $names")
}

# run PRESET CTEST-ARGUMENT...: keeps the closing lines, goes on after a failure.
run() {
  local preset=$1
  shift
  step "test $preset $*"
  local log=build/$preset/ctest.log
  local code=0
  ctest --preset "$preset" -j "$test_jobs" --no-tests=error --output-on-failure "$@" >"$log" 2>&1 ||
    code=$?
  grep -v -E '^ *(Start +[0-9]+:|[0-9]+/[0-9]+ .* Passed )' "$log" || true
  summaries+=("$preset $*: $(grep -E '^[0-9]+% tests passed' "$log" || echo "no test ran")")
  if [[ $code != 0 ]] && ! alone "$preset"; then failed+=("$preset $*"); fi
}

sanitizer_options() {
  export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:check_initialization_order=1
  export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
  export ASAN_SYMBOLIZER_PATH=/usr/bin/llvm-symbolizer-14
}

# drill NAME PROGRAM: in the foreground, for it shows how far it has come.
drill() {
  step "$1"
  if "$2" --gtest_brief=1; then
    summaries+=("$1: passed")
  else
    summaries+=("$1: failed")
    failed+=("$1")
  fi
}

# test_dev CTEST-ARGUMENT...
test_dev() {
  build dev
  run dev "$@"
}

part() {
  case $1 in
    setup) setup ;;
    dev) test_dev ;;
    unit) test_dev -LE '^(lint|e2e|install|drills)$' ;;
    lint | e2e | install) test_dev -L "^$1\$" ;;
    drills)
      build dev drills_test
      TESSERA_DRILL_KILLS=${TESSERA_DRILL_KILLS:-100} TESSERA_DRILL_SECONDS=${TESSERA_DRILL_SECONDS:-60} \
        drill drills build/dev/bin/drills_test
      ;;
    galera)
      deploy/install_packages.sh build test cluster
      tests/drills/galera/state_transfer.sh build/galera
      build dev galera_test
      PATH=$PWD/build/galera/usr/bin:$PATH:/usr/sbin drill galera build/dev/bin/galera_test
      ;;
    tidy)
      build dev
      TESSERA_TIDY=all tests/lint/lint.sh tidy build/dev
      ;;
    asan)
      build asan
      sanitizer_options
      run asan
      ;;
    tsan)
      build tsan
      run tsan
      ;;
    all)
      part setup
      part dev
      part asan
      ;;
    *)
      build dev "$1_test"
      run dev -L "^$1\$"
      ;;
  esac
}

if [[ ${1:-} == --help || ${1:-} == -h ]]; then
  usage
  exit 0
fi
if [[ ${1:-} == bench ]]; then
  shift
  exec tests/bench/run.sh "$@"
fi
started=$SECONDS
for name in "${@:-all}"; do part "$name"; done

if [[ ${#summaries[@]} == 0 ]]; then exit 0; fi
step "$((SECONDS - started)) s"
printf '%s\n' "${summaries[@]}"
if [[ ${#failed[@]} != 0 ]]; then
  printf 'FAILED: %s\n' "${failed[@]}"
  exit 1
fi
