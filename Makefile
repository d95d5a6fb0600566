# `make help` lists the targets. Needs Python 3.11+ and a package index; everything else is installed into .venv.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
APM    := .venv-apm
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help install demo test parts soak test-apm bench bench-quick check format lint types imports generate dashboards clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-11s %s\n", $$1, $$2}'

$(VENV)/.installed: pyproject.toml exporter/__init__.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "managed-auth-exporter needs Python 3.11 or later; name one with: make PYTHON=python3.12 ..." >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $@

install: $(VENV)/.installed ## install the exporter and its development tools into .venv

demo: install ## the exporter against a built-in simulator: flows, metrics and traces within seconds
	$(BIN)/managed-auth-exporter demo $(ARGS)

test: install parts ## all tests; real parts that cannot be had are skipped aloud
	$(BIN)/python -m pytest $(ARGS)

parts: ## Prometheus and Alertmanager for the tests, unpacked into .parts where they are missing
	@tests/real-parts.sh

soak: install parts ## the long form of the tests that everyday runs keep short: kills by the dozen, a thin rate limit
	SOAK=1 $(BIN)/python -m pytest tests/e2e/test_kills.py tests/e2e/test_thin_budget.py $(ARGS)

$(APM)/.installed: tests/apm/requirements.txt
	$(PYTHON) -m venv $(APM)
	$(APM)/bin/python -m pip install --quiet --requirement $<
	@touch $@

test-apm: install $(APM)/.installed ## flows as trace backends have them: mlflow (installed into .venv-apm), and Jaeger where it is found
	APM_MLFLOW=$(abspath $(APM)/bin/mlflow) REQUIRE_REAL_PARTS=$(abspath $(APM)/bin/mlflow) $(BIN)/python -m pytest tests/apm $(ARGS)

bench: install ## all benchmarks against their peers, one table; some of them: ARGS="core scrape"
	$(BIN)/python -m benchmarks $(ARGS)

bench-quick: install ## each benchmark in small: whether it runs, not how fast
	$(BIN)/python -m benchmarks --quick $(ARGS)

check: install lint types imports test ## everything that CI checks

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

imports: install
	$(BIN)/lint-imports

format: install ## format the code and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: install ## write anew what is generated: parts of README.md and docs/, rules, dashboards, transcripts
	$(BIN)/python -m tests.generated

dashboards: install ## write the rules and dashboards, with settings of your own: ARGS="--help"
	$(BIN)/python -m dashboards $(ARGS)

clean: ## remove everything that make made
	rm -rf $(VENV) $(APM) .parts .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist
