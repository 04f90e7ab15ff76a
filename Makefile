# Everything runs in .venv, which the first command makes. Python 3.11 or newer, pip and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
BENCH_STAMP := $(VENV)/.installed-bench
# Tests mostly wait for processes, so there are more at a time than cores; those of one file share what they start. In their
# own order: sorted by their number, the few that take longest would come last, and alone.
PYTEST := $(BIN)/python -m pytest -n 4 --dist loadfile --no-loadscope-reorder
FLOOR ?= redis-server
# Downloads, decoders, the page's looks and guards: no other server changes what these tests see.
WITHOUT_SERVER := $(addprefix integration/test_,fetch*.py downloads.py tls.py limits.py guarded_hashing.py \
	decoder_process.py trials.py) $(addprefix e2e/test_,completion.py early_interrupt.py systemd.py) \
	$(addprefix web/,browser test_schema.py test_guard.py test_hostile_search.py test_openapi.py test_problems.py \
	test_reference.py test_static.py test_thumbnails_s3.py)
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the verbs
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is %s" % sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): requirements/run.lock pyproject.toml | $(BIN)/python
	@echo "installing into $(VENV): a minute or less, once"
	@$(PIP) install --require-hashes --requirement requirements/run.lock
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): requirements/dev.lock $(RUN_STAMP)
	@$(PIP) install --require-hashes --requirement requirements/dev.lock
	@touch $@

$(BENCH_STAMP): requirements/bench.lock $(DEV_STAMP)
	@$(PIP) install --require-hashes --requirement requirements/bench.lock
	@touch $@

.PHONY: install
install: $(DEV_STAMP) ## Make .venv with pinned dependencies, those of the tests included

.PHONY: demo
demo: $(RUN_STAMP) ## Send the demo images through the real service on an embedded server
	@$(BIN)/lookalike demo

.PHONY: test
test: $(DEV_STAMP) ## Run the whole suite; it starts what it needs itself
	@$(PYTEST)

.PHONY: test-floor
test-floor: $(DEV_STAMP) ## Run the tests in which a server has a part on an installed Redis: 7.0 is the oldest that will do
	@command -v $(FLOOR) || { echo "test-floor: install redis-server, or say FLOOR=/path/to/redis-server" >&2; exit 1; }
	@$(FLOOR) --version
	@LOOKALIKE_SERVER_BINARY=$(FLOOR) $(PYTEST) tests/contract tests/integration tests/faults tests/e2e tests/web \
		$(addprefix --ignore-glob=tests/,$(WITHOUT_SERVER))

.PHONY: bench
bench: $(BENCH_STAMP) ## Run the short forms of the benchmarks: a few minutes
	@$(BIN)/python benchmarks/pipeline.py --count 500 --preload 1e5 --rounds 1 --naive-count 10 --json
	@$(BIN)/python benchmarks/pipeline.py --count 4000 --preload 1e5 --alerts 20 --memory 1e5 --enqueue 1e5 --json

.PHONY: format
format: $(DEV_STAMP) ## Format the code
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

.PHONY: lint
lint: $(DEV_STAMP) ## Check format, lint, types and import contracts
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: check
check: lint test demo ## The one definition of green

.PHONY: check-all
check-all: check test-floor ## The same, and the oldest server that is supported

.PHONY: man
man: $(DEV_STAMP) ## Write the manual pages from the help of each command
	@$(BIN)/python -m worker.manual docs/man

.PHONY: lock
lock: $(DEV_STAMP) ## Resolve the dependencies again and write the lock files
	$(PIP) install uv
	@sh requirements/lock.sh $(BIN)/uv

.PHONY: clean
clean: ## Delete the environment and all caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
