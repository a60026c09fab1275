# syntax=docker/dockerfile:1
# Plumbline's image: every role is a command of it. Built from pyproject.toml and constraints.txt alone.
ARG PYTHON=3.12-slim

FROM python:${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/plumbline
WORKDIR /source
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY records records
COPY signals signals
COPY detectors detectors
COPY alerts alerts
COPY streams streams
COPY monitor monitor
# Whole seconds: numba knows its cache by the time of the source, and a layer keeps no fractions of one.
RUN /opt/plumbline/bin/pip install --no-compile --constraint constraints.txt '.[evaluation,postgresql]' \
    && find /opt/plumbline -name '*.py' -exec touch --date=@1700000000 {} + \
    && /opt/plumbline/bin/python -m compileall -q -j 0 /opt/plumbline/lib

FROM python:${PYTHON}
LABEL org.opencontainers.image.title="Plumbline" \
    org.opencontainers.image.description="Streaming monitoring and drift detection for LLM applications" \
    org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --user-group --home-dir /var/lib/plumbline --create-home plumbline \
    && install --directory --owner=plumbline --group=plumbline /var/cache/plumbline
COPY --from=build /opt/plumbline /opt/plumbline
# HEALTH_PORT is 4001 for a worker; the numba cache stays writable, so that another kind of processor compiles its own.
# With an arena of memory for each thread, what one thread gave back is of no use to another, and a worker grows for long.
ENV PATH=/opt/plumbline/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/var/cache/plumbline \
    MALLOC_ARENA_MAX=2 \
    HEALTH_PORT=4000
USER plumbline
WORKDIR /var/lib/plumbline
VOLUME /var/lib/plumbline
# A service that begins to compile with its first records would be late by half a minute: the image has done it once.
RUN <<'EOF'
set -eu
cd "$(mktemp -d)"
trap 'rm -r "$PWD"' EXIT
python - <<'ROWS'
import json, pathlib
for name, answer in (("reference", "It is on its way."), ("current", "No.\n- 12 items\n- **bold**")):
    rows = [{"id": f"{i}", "timestamp": 1700000000 + i, "prompt": f"Where is order {i}?", "response": answer,
             "reference_answer": "On its way", "context": ["It is on its way."], "duration": 0.5 + i / 100} for i in range(50)]
    pathlib.Path(f"{name}.jsonl").write_text("\n".join(map(json.dumps, rows)))
ROWS
plumbline check current.jsonl --reference reference.jsonl --evaluate groundedness >/dev/null || test $? = 1
plumbline demo --port 0 --duration 20s >/dev/null
python -c 'import polars; from streams.partitioner import partitions; partitions(polars.Series(["a"]), 4)'
EOF
EXPOSE 4000 4001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['HEALTH_PORT']}/healthz\", timeout=4)"]
ENTRYPOINT ["plumbline"]
CMD ["--help"]
