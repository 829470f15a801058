# Every target creates what it needs and may be run again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := include:plugins
CORPUS ?= tickets
Q ?= money back for a cracked screen

.PHONY: help test lint types check servers stop clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(VENV)/installed: requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements.lock
	touch $@

test: $(VENV)/installed ## Run every test, against a real OpenSearch that is started and stopped
	$(BIN)/python -m pytest

lint: $(VENV)/installed ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed ## Check types
	$(BIN)/mypy include/sparse_index include/local_cluster

check: lint types test ## What CI runs

stop: $(VENV)/installed ## Stop the servers that were started here; their data are kept
	$(BIN)/python -m local_cluster down

clean: stop ## Remove everything that was created here, downloads excepted
	rm -rf $(VENV) .local
