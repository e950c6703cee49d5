# One command each: run, test, check, demo, openapi. All set up what they need; all are quick the second time.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
MODEL := models/default
# What is imported is compiled then; all of it at once would take a minute, most of it for nothing.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

# ONNX Runtime reports to its maker unless told otherwise.
export ORT_DISABLE_TELEMETRY := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run test check demo openapi profile lock format clean

run: $(VENV)/export.stamp model
	exec swerve serve

# Two processes share the files of tests: half of a test's time is often waiting, for a disk or another process. Each has
# one OpenMP thread: threads that share a core wait for one another in a spin, which takes three times as long.
test: $(VENV)/development.stamp model
	OMP_NUM_THREADS=1 pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder $(TESTS)

check: $(VENV)/development.stamp
	ruff check
	ruff format --check
	mypy

# One household's year of shopping through the running service, and a picture of it.
demo: $(VENV)/development.stamp model
	python -m bench.household --out demo.png

# The document that is served, and the client made from it.
openapi: $(VENV)/development.stamp
	swerve openapi --out openapi/openapi.json
	cd openapi && openapi-python-client generate --path openapi.json --config config.yaml --output-path client --meta setup --overwrite

# The profile that ships with the default model. TEXTS is a CSV file with the columns text and topic.
profile: $(VENV)/development.stamp model
	python -m scripts.make_profile $(TEXTS) --model $(MODEL) --out service/profiles/default.safetensors

lock:
	requirements/lock.sh

format: $(VENV)/development.stamp
	ruff check --fix
	ruff format

clean:
	rm -rf $(VENV) models data

.PHONY: model
model: $(VENV)/export.stamp
	@python -m onnx_export --if-missing --out $(MODEL)

# The very steps of the Dockerfile: what the service needs, with hashes; then what the export needs; then the rest.
$(VENV)/runtime.stamp: requirements/runtime.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PIP) --requirement requirements/runtime.txt
	$(PIP) --requirement requirements/build.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/export.stamp: $(VENV)/runtime.stamp requirements/export.txt
	$(PIP) --requirement requirements/export.txt
	@touch $@

$(VENV)/development.stamp: $(VENV)/export.stamp requirements/development.txt
	$(PIP) --requirement requirements/development.txt
	$(PIP) --no-deps --no-build-isolation --editable openapi/client
	@touch $@
