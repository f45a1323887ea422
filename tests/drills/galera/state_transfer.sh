#!/usr/bin/env bash
# Puts the scripts by which a node takes over another's state (wsrep_sst_*) into FOLDER/usr/bin. They come with
# mariadb-server, which is unpacked and not installed: installing it would start a server on this machine.
# Usage: state_transfer.sh FOLDER
set -euo pipefail

folder=$1
if [[ -x $folder/usr/bin/wsrep_sst_rsync ]]; then exit 0; fi
package=mariadb-server=$(dpkg-query -W -f '${Version}' mariadb-server-core)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && apt-get -qq download "$package") || {
  echo "Cannot fetch $package; perhaps apt-get update has to come first." >&2
  exit 1
}
mkdir -p "$folder"
dpkg-deb -x "$work"/mariadb-server_*.deb "$folder"
