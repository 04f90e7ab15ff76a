#!/bin/sh
# Writes the lock files: versions and hashes, no address of an index. The later files keep the earlier ones' versions.
# run: a service; full: with every optional format and store; dev: with the tools; bench: with what is measured against.
set -eu
uv=$1
compile() { "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header "$@"; }
lock() {
    file=requirements/$1.lock
    shift
    compile pyproject.toml requirements/build.in --extra worker --extra web --extra embedded --extra zst "$@" --output-file "$file"
}
every="--extra heic --extra parquet --extra s3"
# shellcheck disable=SC2086  # several words each
{
    lock run
    lock full $every --constraint requirements/run.lock
    lock dev $every --extra scrapy --group dev --constraint requirements/full.lock
    lock bench $every --extra scrapy --extra bench --group dev --constraint requirements/dev.lock
}
