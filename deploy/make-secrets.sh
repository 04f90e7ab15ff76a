#!/bin/sh
# Writes a password for each user, and a token for the page, into deploy/secrets, those that are not there yet. The folder is closed to others;
# the files are not, since a container reads them as another user.
set -eu
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"
chmod 700 "$folder"
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
for name in admin producer worker consumer page; do
    file="$folder/${name}_password"
    [ -s "$file" ] || random >"$file"
    chmod 644 "$file"
done
[ -s "$folder/api_tokens" ] || echo "admin $(random)" >"$folder/api_tokens"
chmod 644 "$folder/api_tokens"
