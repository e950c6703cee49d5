# syntax=docker/dockerfile:1
# Two images from one file: `docker build --target cpu .` and `docker build --target gpu .`
# The steps are the very ones that make runs, with the same lock files.

FROM python:3.11-slim AS python
WORKDIR /app
# ONNX Runtime reports to its maker unless told otherwise before it is imported.
ENV ORT_DISABLE_TELEMETRY=1

# What the service needs: no torch, no transformers.
FROM python AS runtime-packages
RUN python -m venv .venv
COPY requirements/runtime.txt requirements/build.txt requirements/
RUN .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes --requirement requirements/runtime.txt
RUN .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --requirement requirements/build.txt

FROM runtime-packages AS service
COPY pyproject.toml README.md ./
COPY service service
COPY onnx_export onnx_export
COPY migrations migrations
RUN .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --no-build-isolation .

# The model, exported with torch and transformers, which stay behind in this stage.
FROM service AS export
COPY requirements/export.txt requirements/
RUN .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --requirement requirements/export.txt
RUN .venv/bin/python -m onnx_export --if-missing --out models/default

# CUDA and cuDNN as Python packages, in the versions that this ONNX Runtime was built for and with hashes: a base image
# with CUDA in it would have to be kept in step by hand.
FROM service AS service-gpu
COPY requirements/gpu.txt requirements/
RUN .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-cache-dir --require-hashes --requirement requirements/gpu.txt

FROM python AS base
# Not root: the embedded Postgres refuses to run as root and would open the folders above its data for another user.
RUN useradd --uid 10001 --create-home swerve && mkdir data && chown swerve data
COPY --from=export /app/models/default models/default
ENV PATH=/app/.venv/bin:$PATH SWERVE_HOST=0.0.0.0 SWERVE_PORT=8000 SWERVE_DATA_DIR=/app/data SWERVE_MODEL_DIR=/app/models/default
EXPOSE 8000
VOLUME /app/data
# By number, so that an orchestrator can see without the image's list of users that it is not root.
USER 10001
# Without urllib, which would ask a proxy set in the environment.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['SWERVE_PORT']), timeout=4); c.request('GET', '/readyz'); sys.exit(c.getresponse().status != 200)"]
# The exec form, so that SIGTERM reaches the service, which then drains: give it 45 s, `docker stop --timeout 45`.
# It is reached from outside of the container, so it does not start before a key was made, on the same database:
# `docker run ... keys create --name NAME --scope ingest --scope read`.
ENTRYPOINT ["swerve"]
CMD ["serve"]

FROM base AS gpu
# Has the container refused, with the reason, where the driver is too old for these libraries.
ENV NVIDIA_REQUIRE_CUDA=cuda>=13.0
COPY --from=service-gpu /app/.venv .venv

FROM base AS cpu
COPY --from=service /app/.venv .venv
ENV SWERVE_FORCE_CPU=true
