#!/usr/bin/env bash
# Makes the Debian packages of this build, installs them into an empty root, runs the server and the command line from
# there, builds the example against it by CMake and by pkg-config, and removes them. packages.sh BUILD-FOLDER COMPILER
set -euo pipefail

build=$1
work=$build/packages
compiler=$2
root=$work/root
server=
fail() {
  echo "packages: $*" >&2
  exit 1
}
stop() {
  if [[ -z $server ]]; then return; fi
  kill "$server" 2>/dev/null || true
  wait "$server" || true
  server=
}
trap stop EXIT

make_packages() {
  cpack --config "$build/CPackConfig.cmake" -G DEB -B "$work" >"$work/cpack.log" 2>&1 || {
    tail -n 30 "$work/cpack.log" >&2
    fail "cpack failed"
  }
  rm -rf "$work/_CPack_Packages"
}

field() { dpkg-deb --field "$work/$1"_*.deb "$2"; }

# contents PACKAGE: paths of its files, without folders
contents() { dpkg-deb --contents "$work/$1"_*.deb | awk '$1 !~ /^d/ {print $6}'; }

check_fields() {
  [[ $(field tesserad Depends) == *libgrpc++1.51* ]] || fail "tesserad does not depend on gRPC"
  [[ $(field tessera-cli Depends) == *libqrencode4* ]] || fail "tessera-cli lacks what it links"
  [[ $(field libtessera-dev Depends) == *libgrpc++-dev* ]] || fail "libtessera-dev lacks gRPC"
  for package in libtessera-dev tesserad tessera-cli; do
    [[ $(field "$package" Version) == *-1 && -n $(field "$package" Description) ]] ||
      fail "$package: version or description"
    contents "$package" | grep "^./usr/share/doc/$package/copyright$" >/dev/null || fail "$package: copyright"
    if dpkg-deb --contents "$work/${package}"_*.deb | grep -vE ' root/root '; then
      fail "$package: not root's"
    fi
  done
  # Each file in its place, and in one package alone: the guard brings nothing of the server.
  if contents libtessera-dev | grep -vE '^./usr/(include|lib|share)/'; then fail "libtessera-dev"; fi
  if contents libtessera-dev | grep -E '/(bin|systemd)/'; then fail "libtessera-dev: a program"; fi
  [[ $(contents tessera-cli | grep -vE '/share/(doc|man)/') == ./usr/bin/tessera ]] || fail "tessera-cli"
  if contents tesserad | grep -vE '^./(usr/(bin/tesserad|lib/(systemd|sysusers.d|tmpfiles.d)/|share/(doc|man)/)|etc/tessera/tesserad.toml)'; then
    fail "tesserad"
  fi
}

# With the packages' own scripts, where this may change owners; those of other packages are this machine's.
install_packages() {
  rm -rf "$root"
  mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates" "$root/etc"
  touch "$root/var/lib/dpkg/status"
  if [[ $(id -u) != 0 ]]; then
    for package in "$work"/*.deb; do dpkg-deb --extract "$package" "$root"; done
    return
  fi
  into_root --install "$work"/*.deb
  [[ $(stat -c '%a %u' "$root/etc/tessera") == "750 0" ]] || fail "/etc/tessera is open to others"
  local group
  group=$(awk -F: '$1 == "tessera" {print $3}' "$root/etc/group")
  [[ $(stat -c %g "$root/etc/tessera") == "$group" ]] || fail "/etc/tessera is not the server's"
  [[ $(awk -F: '$1 == "tessera" {print $7}' "$root/etc/passwd") == */nologin ]] || fail "a user who can log in"
}

into_root() {
  dpkg --root="$root" --log=/dev/null --force-depends --force-script-chrootless "$@" \
    >"$work/dpkg.log" 2>&1 || {
    cat "$work/dpkg.log" >&2
    fail "dpkg $1 failed"
  }
}

check_unit() {
  local unit=$root/usr/lib/systemd/system/tesserad.service
  [[ -s $unit ]] || fail "no unit"
  if ! command -v systemd-analyze >/dev/null; then return; fi
  systemd-analyze security --offline=true --threshold=20 "$unit" >"$work/security.log" 2>&1 || {
    cat "$work/security.log" >&2
    fail "the unit leaves the server more than it needs"
  }
}

make_secrets() {
  rm -rf "$work/state"
  mkdir -p "$work/state"
  (
    cd "$work/state"
    umask 077
    echo "m1:$(openssl rand -base64 32)" >master.key
    openssl rand -base64 18 >admin-password
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=localhost" \
      -addext "subjectAltName=IP:127.0.0.1,DNS:localhost" -keyout tls.key -out tls.crt 2>openssl.log
  ) || fail "openssl failed"
}

# The packaged configuration, its files elsewhere.
run_server() {
  local state=$work/state
  TESSERA_SERVER_LISTEN=127.0.0.1:0 TESSERA_SERVER_TLS_CERTIFICATE=$state/tls.crt \
    TESSERA_SERVER_TLS_KEY=$state/tls.key TESSERA_STORAGE_URL=sqlite:$state/tessera.db \
    TESSERA_KEYS_MASTER_KEY_FILE=$state/master.key \
    TESSERA_BOOTSTRAP_ADMIN_PASSWORD_FILE=$state/admin-password \
    "$root/usr/bin/tesserad" --config "$root/etc/tessera/tesserad.toml" >"$work/tesserad.log" 2>&1 &
  server=$!
  for _ in $(seq 600); do
    if grep -q 'server.ready address=' "$work/tesserad.log"; then return; fi
    kill -0 "$server" 2>/dev/null || break
    sleep 0.1
  done
  cat "$work/tesserad.log" >&2
  fail "the packaged server did not start"
}

log_in() {
  local address
  address=$(sed -n 's/.*server.ready address=\([^ ]*\).*/\1/p' "$work/tesserad.log")
  export TESSERACTL_SERVER=$address TESSERACTL_CA=$work/state/tls.crt
  export TESSERACTL_CONFIG_DIR=$work/state/cli
  "$root/usr/bin/tessera" login --username admin --password-file "$work/state/admin-password" ||
    fail "the packaged command line cannot log in"
  "$root/usr/bin/tessera" whoami | grep admin >/dev/null || fail "nobody is logged in"
  "$root/usr/bin/tessera" logout >/dev/null || fail "it cannot log out"
}

# The example that the package brings, outside the tree.
build_by_cmake() {
  local launcher=()
  if command -v ccache >/dev/null; then launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
  cmake -S "$example" -B "$work/by_cmake" -G Ninja -DCMAKE_PREFIX_PATH="$root/usr" \
    -DCMAKE_CXX_COMPILER="$compiler" "${launcher[@]}"
  cmake --build "$work/by_cmake"
  "$work/by_cmake/orders_server" --help >/dev/null
}

build_by_pkg_config() {
  local out=$work/by_pkg_config objects=() file cc=("$compiler" -std=c++17) compile link
  if command -v ccache >/dev/null; then cc=(ccache "${cc[@]}"); fi
  mkdir -p "$out"
  PKG_CONFIG_PATH=$(dirname "$(find "$root/usr" -name tessera-guard.pc)")
  export PKG_CONFIG_PATH
  protoc -I"$example" -I"$(pkg-config --variable=protodir tessera-proto)" --cpp_out="$out" \
    --grpc_out="$out" --plugin=protoc-gen-grpc="$(command -v grpc_cpp_plugin)" orders.proto
  read -ra compile < <(pkg-config --cflags tessera-guard tessera-caller)
  read -ra link < <(pkg-config --libs tessera-guard tessera-caller)
  for file in "$example"/{orders_server,order_book,connection}.cc "$out"/orders{,.grpc}.pb.cc; do
    "${cc[@]}" -I"$out" -I"$example" "${compile[@]}" -c "$file" -o "$out/$(basename "$file").o"
    objects+=("$out/$(basename "$file").o")
  done
  "$compiler" "${objects[@]}" "${link[@]}" -o "$out/orders_server"
  "$out/orders_server" --help >/dev/null
}

remove_packages() {
  if [[ $(id -u) != 0 ]]; then return; fi
  touch "$root/etc/tessera/master.key"
  into_root --purge tesserad
  [[ -e $root/etc/tessera/master.key ]] || fail "a purge took the master key"
  [[ ! -e $root/etc/tessera/tesserad.toml && ! -e $root/usr/bin/tesserad ]] || fail "a purge left files"
}

mkdir -p "$work"
rm -f "$work"/*.deb
make_packages
check_fields
install_packages
check_unit
make_secrets
run_server
log_in
stop
example=$root/usr/share/doc/libtessera-dev/examples
build_by_cmake
build_by_pkg_config
remove_packages
rm -rf "$root" "$work"/*.deb "$work/state"
