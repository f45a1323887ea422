#!/usr/bin/env bash
# Each installed header compiles alone, as C++17 and as C++20, without a warning.
# headers.sh PREFIX COMPILER WORK-FOLDER
set -euo pipefail

include=$1/include
compiler=("$2")
work=$3
if command -v ccache >/dev/null; then compiler=(ccache "$2"); fi
flags=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
failed=0
checked=0
mkdir -p "$work"
for header in "$include"/tessera/*/*.h; do
  name=${header#"$include"/}
  case $name in tessera/v1/*) continue ;; esac
  checked=$((checked + 1))
  source=$work/${name//\//_}.cc
  echo "#include \"$name\"" >"$source"
  for standard in c++17 c++20; do
    "${compiler[@]}" "-std=$standard" "${flags[@]}" -I "$include" -c "$source" -o "$source.o" ||
      failed=$((failed + 1))
  done
done
echo "$checked headers, $failed failures"
[[ $checked -gt 0 && $failed == 0 ]]
