#!/usr/bin/env bash
# The checks of text: lint.sh buf|format|tidy|shell|words|lock BUILD-FOLDER
set -euo pipefail

cd "$(dirname "$0")/../.."
build=$(realpath --relative-to=. "${2:-build/dev}")
max_tidy=24   # files in one run; a commit that changes more is checked by `tests/run.sh tidy`

# Files of the work tree that git knows or would add, by pattern.
files() { git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do
  if [[ -f $file ]]; then echo "$file"; fi
done; }

check_buf() {
  local buf=tests/node_modules/.bin/buf
  if [[ ! -x $buf ]]; then
    echo "no $buf: run tests/run.sh setup"
    return 1
  fi
  "$buf" lint
  "$buf" format --diff --exit-code
}

check_format() {
  files '*.cc' '*.h' | xargs clang-format-14 --dry-run --Werror
}

check_shell() {
  { files '*.sh' && echo .ci/run; } | xargs shellcheck
}

# Unfinished work says so in an issue, not in the source.
check_words() {
  if files '*.cc' '*.h' '*.proto' '*.sh' '*.py' '*.mjs' '*.txt' '*.cmake' '*.md' ':!tests/lint' |
    xargs grep -nE '\b(TODO|FIXME|XXX|HACK)\b'; then
    return 1
  fi
}

# The lock file must hold for every registry, and every package must have its hash.
check_lock() {
  local lock=tests/package-lock.json
  if grep -nE '"resolved"' "$lock"; then return 1; fi
  node --input-type=module -e '
    import { readFileSync } from "node:fs";
    const packages = JSON.parse(readFileSync("'"$lock"'")).packages;
    const bare = Object.keys(packages).filter((name) => name && !packages[name].integrity);
    if (bare.length) { console.log("without integrity:", bare); process.exit(1); }
    const wanted = Object.values(packages[""].dependencies);
    if (!wanted.every((version) => /^\d+\.\d+\.\d+$/.test(version))) {
      console.log("versions must be exact:", wanted); process.exit(1); }'
}

# What changed since TESSERA_BASE, or since the branch left origin/main, or in the last commit.
changed_sources() {
  local base=${TESSERA_BASE:-}
  if [[ -z $base ]]; then base=$(git merge-base HEAD origin/main 2>/dev/null || true); fi
  if [[ -z $base || $base == "$(git rev-parse HEAD)" ]]; then
    base=$(git rev-parse -q --verify HEAD~1 || true)
  fi
  if [[ -z $base ]]; then return 0; fi
  {
    git diff --name-only --diff-filter=d "$base" -- '*.cc'
    git ls-files --others --exclude-standard -- '*.cc'
  } | sort -u
}

# A file that passed is not looked at again until it, a header, a proto or the checks change.
tidy_one() {
  local file=$1 common=$2 stamp
  stamp=$build/tidy/$({ echo "$common" && sha256sum "$file"; } | sha256sum | cut -c1-32)
  if [[ -e $stamp ]]; then return 0; fi
  clang-tidy-14 --quiet -p "$build" "$file" 2>/dev/null && touch "$stamp"
}

check_tidy() {
  local sources common
  mkdir -p "$build/tidy"
  if [[ ${TESSERA_TIDY:-} == all ]]; then
    sources=$(files '*.cc')
  else
    sources=$(changed_sources | head -n "$max_tidy")
  fi
  # Only what this build compiles has a command line.
  sources=$(for file in $sources; do
    if grep -q "/$file\"" "$build/compile_commands.json"; then echo "$file"; fi
  done)
  if [[ -z $sources ]]; then
    echo "no changed source file: nothing to check"
    return 0
  fi
  common=$(files '*.h' '*.proto' .clang-tidy | xargs sha256sum | sha256sum)
  echo "$sources" | xargs -P "$(nproc)" -I{} tests/lint/lint.sh tidy_one "$build" {} "$common"
}

case $1 in
  tidy_one) tidy_one "$3" "$4" ;;
  buf | format | tidy | shell | words | lock) "check_$1" ;;
  *)
    echo "unknown check: $1" >&2
    exit 2
    ;;
esac
