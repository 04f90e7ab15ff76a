#!/bin/sh
# Writes the archive, as it is now, to standard output, a tar file; the server goes on meanwhile:
#
#   docker compose exec -T server sh /etc/lookalike/backup.sh >lookalike.tar
#
# Until it is copied the append-only file is not rewritten. An entry at its end that is there by half is left out when
# a server reads it.
set -eu
data=${LOOKALIKE_DATA:-/data}
REDISCLI_AUTH=$(tr -d '\n' <"${LOOKALIKE_SECRETS:-/run/secrets}/admin_password")
export REDISCLI_AUTH VALKEYCLI_AUTH="$REDISCLI_AUTH"
program=$(command -v valkey-cli || command -v redis-cli)
ask() { "$program" -e -p "${LOOKALIKE_PORT:-6379}" --user admin --no-auth-warning "$@"; }

before=$(ask config get auto-aof-rewrite-percentage | tail -n 1)
trap 'ask config set auto-aof-rewrite-percentage "$before" >/dev/null' EXIT
trap 'exit 1' HUP INT TERM
ask config set auto-aof-rewrite-percentage 0 >/dev/null
tries=600
while ask info persistence | grep -q '^aof_rewrite_\(in_progress\|scheduled\):1'; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || { echo "the append-only file is still being rewritten" >&2; exit 75; }
    sleep 1
done
# GNU tar ends with 1 where a file grew meanwhile.
tar -C "$data" -cf - appendonlydir || [ $? -eq 1 ]
