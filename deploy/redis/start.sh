#!/bin/sh
# Starts the server with the users of users.acl, whose passwords come from files: only their hashes reach the server.
# Arguments: the server's program, then options for it.
set -eu
config=${LOOKALIKE_SERVER_CONFIG:-/etc/lookalike}
secrets=${LOOKALIKE_SECRETS:-/run/secrets}
users=${LOOKALIKE_USERS:-/tmp/users.acl}

umask 077
cp "$config/users.acl" "$users"
for name in admin producer worker consumer page; do
    hash=$(tr -d '\n' <"$secrets/${name}_password" | sha256sum | cut -d ' ' -f 1)
    upper=$(printf %s "$name" | tr '[:lower:]' '[:upper:]')
    sed "s/#$upper /#$hash /" "$users" >"$users.new"
    mv "$users.new" "$users"
done

program=$1
shift
exec "$program" "$config/server.conf" --aclfile "$users" "$@"
