# The image of every service but the server: `lookalike` with the worker's side.
FROM python:3.13-slim-trixie AS build
# `run`, or `full`: with S3, Parquet and HEIC, 240 MB more.
ARG LOCK=run
WORKDIR /build
COPY requirements/run.lock requirements/full.lock requirements/
RUN python -m venv /opt/lookalike \
    && /opt/lookalike/bin/pip install --no-cache-dir --require-hashes --requirement "requirements/$LOCK.lock"
COPY pyproject.toml README.md LICENSE ./
COPY producer producer
COPY worker worker
COPY demo demo
COPY docs/man docs/man
RUN /opt/lookalike/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim-trixie
RUN useradd --system --uid 10001 --home-dir /var/lib/lookalike --create-home lookalike \
    && install --directory --owner=lookalike /var/lib/lookalike/state /var/lib/lookalike/cache
COPY --from=build /opt/lookalike /opt/lookalike
COPY deploy/start.sh deploy/healthy.py /opt/lookalike/deploy/
ENV PATH=/opt/lookalike/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    LOOKALIKE_STATE_DIR=/var/lib/lookalike/state \
    LOOKALIKE_CACHE_DIR=/var/lib/lookalike/cache
USER 10001
WORKDIR /var/lib/lookalike
VOLUME ["/var/lib/lookalike/state", "/var/lib/lookalike/cache"]
ENTRYPOINT ["/opt/lookalike/deploy/start.sh"]
CMD ["worker"]
