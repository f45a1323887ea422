#!/usr/bin/env bash
# Builds the Debian packages libtessera-dev, tesserad and tessera-cli. Usage: packages.sh [FOLDER]
# They lie in FOLDER (build/package/debian) afterwards. SOURCE_DATE_EPOCH, if set, is the date in them.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
output=${1:-build/package/debian}
deploy/install_packages.sh build package
cmake --preset package
cmake --build --preset package
mkdir -p "$output"
cpack --config build/package/CPackConfig.cmake -G DEB -B "$output"
rm -rf "$output/_CPack_Packages"
ls -l "$output"/*.deb
