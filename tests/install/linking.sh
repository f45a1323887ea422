#!/usr/bin/env bash
# What the installed libraries bring into a program, and what they do not. linking.sh PREFIX BUILD-FOLDER COMPILER
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
prefix=$1
build=$2
compiler=$3
launcher=()
if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
cmake_build() {
  cmake -S "$1" -B "$2" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$compiler" \
    -DCMAKE_BUILD_TYPE=Debug "${launcher[@]}"
  cmake --build "$2"
}
fail() {
  echo "linking: $*" >&2
  exit 1
}

# All of both libraries in one program, and each in a shared library of its own.
cmake_build "$here/linking" "$build/both"
"$build/both/registered_files"
"$build/both/two_libraries"

# Nothing of the server and its database is needed, nor is there anything of it.
foreign='soci|sqlite|mysql|mariadb|argon2|icu|curl|prometheus|spdlog|tessera_(server|storage|auth|cli)'
for program in registered_files two_libraries; do
  if ldd "$build/both/$program" | grep -iE "$foreign"; then fail "$program links the server's"; fi
done
for name in base token proto guard caller; do
  archive=$(find "$prefix" -name "libtessera_$name.a")
  [[ -n $archive ]] || fail "no libtessera_$name.a"
  if nm -C --undefined-only "$archive" 2>/dev/null |
    grep -E '\b(soci::|sqlite3_|mysql_|argon2|curl_|prometheus::|spdlog::)|tessera::Sql'; then
    fail "libtessera_$name.a asks for the server's"
  fi
done

# Tokens alone: without gRPC and Protocol Buffers, by CMake and by pkg-config.
cmake_build "$here/token_only" "$build/token_only"
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name tessera-token.pc)")
export PKG_CONFIG_PATH
read -ra flags < <(pkg-config --cflags --libs tessera-token)
"$compiler" -std=c++17 "$here/token_only/token_only.cc" "${flags[@]}" -o "$build/token_only/by_pkg_config"
for program in token_only by_pkg_config; do
  "$build/token_only/$program" || fail "$program failed"
  if ldd "$build/token_only/$program" | grep -E 'grpc|protobuf'; then fail "$program links gRPC"; fi
done

# A component that there is not is an error that says so.
if cmake -S "$here/token_only" -B "$build/unknown" -DCMAKE_PREFIX_PATH="$prefix" \
  -DTESSERA_COMPONENT=no_such_library >"$build/unknown.log" 2>&1; then
  fail "an unknown component was found"
fi
grep -q no_such_library "$build/unknown.log" || fail "the error does not name the component"
