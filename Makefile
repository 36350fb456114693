# The commands of this checkout: `make help` lists them. They need Python 3.11 or later, and nothing installed before.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
INSTALLED := .venv/.installed
CODE := src eventstore projections jobs ops tests

WORKERS ?= auto
ARGS ?=

.PHONY: help run test check format fuzz chaos bench bench-quick lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(INSTALLED) ## start everything here and print how to use it; Ctrl-C stops it (SIMULATE=0: no simulated devices)
	@exec $(BIN)/techdengue dev $(ARGS)

test: $(INSTALLED) ## run every test on servers of its own (ARGS="-k name" runs some, WORKERS=1 one after another)
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 $(ARGS)

check: $(INSTALLED) ## format, lint, types, import contracts, file sizes, locks
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy $(CODE)
	$(BIN)/lint-imports
	$(BIN)/python ops/check_file_sizes.py $(CODE)
	$(BIN)/python ops/check_locks.py

format: $(INSTALLED) ## rewrite the code as `make check` wants it
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

fuzz: $(INSTALLED) ## search the laws long and at random for a counterexample (ARGS="-k merge" for some)
	HYPOTHESIS_PROFILE=deep $(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 tests/resolver tests/domain tests/e2e/test_replay_of_history.py tests/e2e/test_stateful.py $(ARGS)

chaos: $(INSTALLED) ## break everything on purpose, about 10 minutes, and count what it costs (ARGS="--seconds 60", ARGS=--help)
	@exec $(BIN)/python -m tests.chaos $(ARGS)

bench: $(INSTALLED) ## measure how fast it is, about 25 minutes (ARGS="--only ingest,pull" some, ARGS=--full with 10 million events)
	@$(BIN)/python -m tests.bench $(ARGS)

bench-quick: $(INSTALLED) ## measure ingest and latency against the bare driver, about a minute
	@$(BIN)/python -m tests.bench.quick $(ARGS)

lock: $(INSTALLED) ## write requirements.lock and ops/bootstrap.lock anew from pyproject.toml and what the index offers
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		--extra embedded --extra reports --extra testing --group check --group test pyproject.toml --output-file requirements.lock
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
		ops/bootstrap.in --output-file ops/bootstrap.lock
	$(BIN)/python ops/check_locks.py

clean: ## remove .venv, caches and builds; the data of `make run` stays in .data
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache
	find $(CODE) -name __pycache__ -type d -prune -exec rm -rf {} +

$(INSTALLED): requirements.lock ops/bootstrap.lock ops/install.sh pyproject.toml
	@ops/install.sh
