#!/bin/sh
# Runs a verb of `lookalike`. Where LOOKALIKE_USER is set, the server's URL is made of it, of LOOKALIKE_SERVER
# (host:port) and of the password in a file, so that the password stands in no compose file and no `docker inspect`.
set -eu
if [ -n "${LOOKALIKE_USER:-}" ]; then
    password=$(tr -d '\n' <"${LOOKALIKE_SECRETS:-/run/secrets}/${LOOKALIKE_USER}_password")
    case $password in
    '' | *[!A-Za-z0-9._~-]*)
        echo "the password of $LOOKALIKE_USER must be letters, digits and . _ ~ - alone: it becomes part of a URL" >&2
        exit 78
        ;;
    esac
    export LOOKALIKE_REDIS_URL="redis://$LOOKALIKE_USER:$password@$LOOKALIKE_SERVER/0"
fi
exec lookalike "$@"
