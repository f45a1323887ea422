#!/usr/bin/env bash
# Each installed header compiles alone as C++17 without a warning. headers.sh PREFIX COMPILER
set -euo pipefail

include=$1/include
compiler=$2
failed=0
checked=0
for header in "$include"/tessera/*/*.h; do
  case $header in */v1/*) continue ;; esac
  checked=$((checked + 1))
  echo "#include \"${header#"$include"/}\"" |
    "$compiler" -std=c++17 -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror \
      -I "$include" -x c++ - || failed=$((failed + 1))
done
echo "$checked headers, $failed failed"
[[ $checked -gt 0 && $failed == 0 ]]
