#!/bin/sh
# Writes the lock files: versions and hashes, no address of an index. The later files keep the earlier ones' versions.
set -eu
uv=$1
compile() { "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header "$@"; }
compile pyproject.toml requirements/build.in --extra worker --extra web --extra embedded --output-file requirements/run.lock
compile pyproject.toml requirements/build.in --extra worker --extra web --extra embedded --extra heic --extra parquet --extra s3 --extra scrapy --extra zst --group dev --constraint requirements/run.lock --output-file requirements/dev.lock
compile pyproject.toml requirements/build.in --extra worker --extra web --extra embedded --extra heic --extra parquet --extra s3 --extra scrapy --extra zst --extra bench --group dev --constraint requirements/dev.lock --output-file requirements/bench.lock
