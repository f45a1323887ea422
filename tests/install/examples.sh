#!/usr/bin/env bash
# Builds the examples as an outside project does. examples.sh PREFIX SOURCE BUILD-FOLDER BUILD-TYPE
set -euo pipefail

launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake -S "$2" -B "$3" -G Ninja -DCMAKE_PREFIX_PATH="$1" -DCMAKE_BUILD_TYPE="$4" "${launcher[@]}"
cmake --build "$3"
"$3/orders_server" --help >/dev/null
"$3/orders_client" --help >/dev/null

# The guard brings neither the database nor the server's own parts.
if ldd "$3/orders_server" | grep -E 'soci|sqlite|mariadb|argon2|icu'; then
  echo "the example links what only tesserad needs" >&2
  exit 1
fi
