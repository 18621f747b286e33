# canario: make demo, make test, make lint, make bench, make bench-verdict, make words. Each sets up all that it needs, once.

PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.synced-$(UV_VERSION)
PYTEST_FLAGS ?= -n auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench bench-verdict words format clean

help:
	@echo 'make demo    play a release on the local simulator'
	@echo 'make test    run the tests'
	@echo 'make lint    check format, style, types and the direction of imports'
	@echo 'make bench   measure how fast keys, commands, the first paint and the judge of SQL are'
	@echo 'make bench-verdict    hold the judge against its peers, and its bars (some 6 minutes)'
	@echo 'make words   bring the Spanish catalogue up to date and compile it'

# The stamp is newer than the lock: nothing to do, and make does nothing.
$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "canario needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@$(BIN)/uv --version 2>/dev/null | grep -q '^uv $(UV_VERSION)' || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv==$(UV_VERSION)'
	@$(BIN)/uv sync --quiet --frozen --inexact --compile-bytecode --python $(BIN)/python
	@touch $@

demo: $(STAMP)
	@$(BIN)/canario demo --scenario bad-canary --auto-headless

test: $(STAMP)
	@$(BIN)/python -m pytest $(PYTEST_FLAGS)

lint: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP)
	@$(BIN)/python -m bench

bench-verdict: $(STAMP)
	@$(BIN)/python -m bench.verdict --write

words: $(STAMP)
	@$(BIN)/python .ci/words.py
	@$(BIN)/python -m pytest -q tests/test_words.py

format: $(STAMP)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
