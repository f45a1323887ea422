#!/usr/bin/env bash
# Gives an account of accounts.sql a new random password, unlocks it, and writes the password to a file
# of mode 0600 for `storage.password_file`.
#
#   set_password.sh ACCOUNT HOST FILE CLIENT...
#   set_password.sh tessera '%' /etc/tessera/db-password mariadb --user=root
#
# CLIENT is the command that runs statements as the database's administrator (mariadb or mysql). The
# password is in no command line, shell history or log of the server: MariaDB, whose binary log keeps
# such statements as they came, is only told the hash; MySQL writes hashes to its logs by itself.
# For another password do the same again, then restart the replicas one by one.
set -euo pipefail
umask 077

if [[ $# -lt 4 ]]; then
  sed -n '2,11s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
account=$1 host=$2 file=$3
shift 3
if [[ ! $account =~ ^[A-Za-z0-9_]+$ || ! $host =~ ^[A-Za-z0-9_.:%/-]+$ ]]; then
  echo "set_password.sh: an account of letters, digits and _, and a host, are expected" >&2
  exit 2
fi

# The hash that mysql_native_password stores. Of 256 random bits, so nobody finds them from it.
native_hash() { openssl dgst -sha1 -binary | openssl dgst -sha1 -r | cut -c1-40 | tr a-f A-F; }

version=$("$@" --skip-column-names --batch --execute='SELECT VERSION()')
fresh=$(mktemp "$file.XXXXXX")
trap 'rm -f "$fresh"' EXIT
openssl rand -base64 32 >"$fresh"
if [[ $version == *MariaDB* ]]; then
  identified="BY PASSWORD '*$(tr -d '\n' <"$fresh" | native_hash)'"
else
  identified="BY '$(<"$fresh")'"
fi
printf "ALTER USER '%s'@'%s' IDENTIFIED %s ACCOUNT UNLOCK;\n" "$account" "$host" "$identified" | "$@"
mv -f "$fresh" "$file"
trap - EXIT
echo "$file holds the password of '$account'@'$host'"
