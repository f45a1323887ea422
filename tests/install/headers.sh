#!/usr/bin/env bash
# Each installed header compiles alone as C++17 without a warning, and all together as C++20, as which each is built
# alone already. headers.sh PREFIX COMPILER
set -euo pipefail

include=$1/include
compiler=$2
failed=0
headers=()
for header in "$include"/tessera/*/*.h; do
  case $header in */v1/*) continue ;; esac
  headers+=("#include \"${header#"$include"/}\"")
done

# compile STANDARD INCLUDE...
compile() {
  local standard=$1
  shift
  printf '%s\n' "$@" | "$compiler" "-std=$standard" -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow \
    -Wconversion -Werror -I "$include" -x c++ - || failed=$((failed + 1))
}

for header in "${headers[@]}"; do compile c++17 "$header"; done
compile c++20 "${headers[@]}"
echo "${#headers[@]} headers, $failed failed"
[[ ${#headers[@]} -gt 0 && $failed == 0 ]]
