# Every target creates what it needs and may be run again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONPATH := include:plugins
CORPUS ?= tickets
ROWS ?= 100000
# Two workers, each with servers of its own; a file's tests stay together, the dear folders come first.
# WORKERS= runs one test after another.
WORKERS ?= -n 2 --dist loadfile --no-loadscope-reorder

PIP_HINT = The packages could not be installed: what pip said stands above. Behind a company's own certificate authority name the \
file with its certificate in PIP_CERT; PIP_INDEX_URL names a mirror, PIP_PROXY a proxy. Then run the same command again.

.PHONY: help demo cluster-demo search try corpus test coverage chaos bench bench-quick lint types check stop clean
.DEFAULT_GOAL := help

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(VENV)/installed: requirements.lock
	@$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("Python 3.11, 3.12 or 3.13 is needed, $(PYTHON) is %s. Name one: make PYTHON=python3.12 demo" % sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --requirement requirements.lock || { printf '\n%s\n' "$(PIP_HINT)" >&2; exit 1; }
	touch $@

demo: $(VENV)/installed ## The main job: a real Airflow makes a corpus searchable in a real OpenSearch
	$(BIN)/python -m demo.story up

search: Q ?= water damage
search: $(VENV)/installed ## Search the demo's tickets, BM25 beside sparse and dense: make search Q="..."
	$(BIN)/python -m demo.story search "$(Q)"

cluster-demo: $(VENV)/installed ## Airflow with Celery, PostgreSQL, Redis, an S3 store and three workers, all killed in mid-run (first time: long)
	$(BIN)/python -m many_workers.story up

try: $(VENV)/installed ## Make your own Parquet file searchable: make try FILE=my.parquet [ID=column] [TEXT="{title}. {body}"] [Q="..."]
	@test -n "$(FILE)" || { echo 'Name the Parquet file, a folder or a glob: make try FILE=my.parquet' >&2; exit 2; }
	$(BIN)/python -m demo.try_out "$(FILE)" --id "$(ID)" --text "$(TEXT)" --query "$(Q)"

corpus: $(VENV)/installed ## Write a demo corpus of any size: make corpus CORPUS=news ROWS=10000000
	$(BIN)/python -m demo generate --corpus $(CORPUS) --rows $(ROWS) --out .local/corpora/$(CORPUS)

test: $(VENV)/installed ## Run every test but the long form of `make chaos`, against a real OpenSearch that is started and stopped
	$(BIN)/python -m pytest $(WORKERS)

coverage: $(VENV)/installed ## Run the same tests and measure which branches of the core they reach; fails below the floor in pyproject.toml
	@mkdir -p .local/coverage
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(WORKERS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

chaos: $(VENV)/installed ## Kill, stall and break everything on purpose; the table goes to .local/chaos.md
	SPARSE_INDEX_CHAOS=whole $(BIN)/python -m pytest $(wildcard tests/chaos tests/dags/live tests/integration/test_feeds.py)

bench: $(VENV)/installed ## Measure this package beside what one would use instead, and write docs/performance.md anew (an hour)
	$(BIN)/python bench/bulk.py
	$(BIN)/python bench/bulk.py --settings
	$(BIN)/python bench/rebuild.py
	$(BIN)/python bench/first_load.py
	$(BIN)/python bench/first_load.py --settings
	$(BIN)/python -m demo.real_models --out .local/models
	$(BIN)/python bench/first_load.py --model .local/models/splade --rows 500
	$(BIN)/python bench/first_load.py --model .local/models/splade --rows 500 --settings
	$(BIN)/python bench/scan.py
	$(BIN)/python bench/day.py --shares 0.01
	$(BIN)/python bench/day.py --rows 5000 --rounds 2 --shares 0.01 --model .local/models/splade --max-tokens 256
	$(BIN)/python bench/idle_day.py
	$(BIN)/python bench/switching.py
	$(BIN)/python bench/report.py

bench-quick: $(VENV)/installed ## Fail when a ratio of these has fallen beyond its spread (two minutes)
	$(BIN)/python bench/quick.py

lint: $(VENV)/installed ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed ## Check types
	$(BIN)/mypy include/sparse_index include/local_cluster include/local_airflow include/demo include/many_workers plugins dags bench tests

check: lint types test bench-quick ## What CI runs

# Without what they were started with there are none: it installs nothing.
stop: ## Stop the servers that were started here; their data are kept
	@test ! -e $(VENV)/installed || { $(BIN)/python -m demo.story down && $(BIN)/python -m many_workers.story down; }

clean: stop ## Remove everything that was created here, downloads excepted
	rm -rf $(VENV) .local
