#!/usr/bin/env bash
# Each installed header compiles alone, as C++17 and as C++20, without a warning, with every compiler. Generated ones
# are held to -Wall alone.
# headers.sh PREFIX WORK-FOLDER COMPILER...
set -euo pipefail

include=$1/include
work=$2
shift 2
launcher=()
if command -v ccache >/dev/null; then launcher=(ccache); fi
own=(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror)
failed=0
checked=0
generated=0
mkdir -p "$work"
for header in "$include"/tessera/*/*.h; do
  name=${header#"$include"/}
  flags=("${own[@]}")
  case $name in *.pb.h)
    flags=(-Wall -Werror)
    generated=$((generated + 1))
    ;;
  esac
  checked=$((checked + 1))
  source=$work/${name//\//_}.cc
  echo "#include \"$name\"" >"$source"
  if grep -nE 'absl *:: *string_view' "$header" | grep -vE '^[0-9]+: *//'; then
    echo "$name: absl::string_view is another type elsewhere"
    failed=$((failed + 1))
  fi
  for compiler in "$@"; do
    for standard in c++17 c++20; do
      "${launcher[@]}" "$compiler" "-std=$standard" "${flags[@]}" -I "$include" -c "$source" \
        -o "$source.o" || failed=$((failed + 1))
    done
  done
done
echo "$checked headers, $generated of them generated, $# compilers, $failed failures"
[[ $checked -gt $generated && $generated -gt 0 && $# -gt 0 && $failed == 0 ]]
