#!/bin/sh
# Writes a password for each user into deploy/secrets, those that are not there yet. The folder is closed to others;
# the files are not, since a container reads them as another user.
set -eu
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"
for name in admin producer worker consumer page; do
    file="$folder/${name}_password"
    [ -s "$file" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$file"
    chmod 644 "$file"
done
