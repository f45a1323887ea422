#!/usr/bin/env bash
# Installs the packages of packages.txt that are missing. Usage: install_packages.sh SECTION...
set -euo pipefail

list=$(dirname "$0")/packages.txt

# The lines of one section, without comments: `package` or `package|command`.
section() {
  awk -v want="[$1]" '/^\[/ {inside = ($1 == want); next} inside && $1 !~ /^#/ && NF {print $1}' \
    "$list"
}

is_present() {
  local package=${1%%|*} command=${1#*|}
  if [[ $1 == *'|'* ]] && command -v "$command" >/dev/null; then return 0; fi
  [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) == ii* ]]
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "Packages are missing, and this is neither root nor is sudo installed. As root, run:" >&2
    echo "  $*" >&2
    exit 1
  fi
}

missing=()
for name in "$@"; do
  for entry in $(section "$name"); do
    is_present "$entry" || missing+=("${entry%%|*}")
  done
done
if [[ ${#missing[@]} == 0 ]]; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "This needs Debian 12 or the like of: ${missing[*]}" >&2
  exit 1
fi
echo "Installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
as_root apt-get -o DPkg::Lock::Timeout=500 -qq update
as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=500 -qq install -y \
  --no-install-recommends "${missing[@]}" >/dev/null
