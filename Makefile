# Every task of the project. `make` alone lists them; a line's words after ## are its help.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
SETUP := PYTHON=$(PYTHON) scripts/setup.sh
ARGS ?=
CONFIG ?=
MINUTES ?= 5
SEED ?=
DATABASE ?=
OWED ?=
# Two more than there are cores: many tests wait for a server, a browser or a clock. Four more are no quicker.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 2)))

# Where it is set, as in many containers, each of the hundreds of processes that tests start would compile all anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test coverage check conformance chaos simulate outage bench docs serve lock clean

help:  ## List the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## Make .venv with the locked packages; every target does this by itself
	@$(SETUP) python

demo:  ## Gateway, pretend M-Pesa and a shop, ready to pay in the browser; ONCE=1 pays one order and ends
	@$(SETUP) python
	@$(BIN)/wakala demo $(if $(ONCE),--once) $(ARGS)

test:  ## Run all tests, on SQLite, PostgreSQL and in a browser; ARGS="tests/rules" for a part
	@$(SETUP) python postgresql chromium networks
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

coverage:  ## The same, and which lines and branches they reached; takes longer
	@$(MAKE) test ARGS="--cov --cov-report=term $(ARGS)"

check:  ## Lint, formatting, strict types and the table of who may import whom
	@$(SETUP) python
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	MYPYPATH=benchmarks $(BIN)/mypy --strict --exclude peers benchmarks  # has a run.py too, so by itself
	$(BIN)/python -m pytest tests/test_import_table.py

conformance:  ## Run suites and clients that others wrote against the simulator and through the gateway
	@$(SETUP) python node
	@$(BIN)/python conformance/run.py $(ARGS)

chaos:  ## Kill and break real processes under load; MINUTES=5 SEED=7 DATABASE=sqlite or postgresql (default both)
	@$(SETUP) python postgresql networks
	@$(BIN)/python chaos/run.py --minutes $(MINUTES) $(if $(SEED),--seed $(SEED)) $(if $(DATABASE),--database $(DATABASE)) $(ARGS)

simulate:  ## Run the gateway's real code in SEEDS=1000 worlds on a virtual clock; ARGS="--seed 123 --trace" tells one
	@$(SETUP) python
	@$(BIN)/python chaos/simulate.py --seeds $(or $(SEEDS),1000) $(ARGS)

outage:  ## A merchant is down for an hour of virtual time while OWED=100000 payments come in, and is back; SEED=1
	@$(SETUP) python
	@$(BIN)/python chaos/hour.py $(if $(OWED),--owed $(OWED)) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench:  ## Measure this machine's ceiling and Wakala against it; QUICK=1 for under two minutes
	@$(SETUP) python postgresql
	@$(BIN)/python benchmarks/run.py $(if $(QUICK),--quick) $(ARGS)

docs:  ## Draw the diagrams from the code and build the documentation into build/site
	@$(SETUP) python docs
	@for script in scripts/draw_*.py; do if [ -e "$$script" ]; then echo "$$script"; $(BIN)/python "$$script"; fi; done
	@$(BIN)/zensical build --clean --strict
	@$(BIN)/python scripts/show_tests.py
	@rm -rf .cache

serve:  ## Run the gateway; CONFIG=DIR/wakala.toml names its settings
	@$(SETUP) python
	@$(BIN)/wakala $(if $(CONFIG),--config $(CONFIG)) serve $(ARGS)

lock:  ## Write the lock files anew from pyproject.toml; ARGS=--upgrade to take newer versions
	@$(SETUP) python
	@scripts/lock.sh $(ARGS)

clean:  ## Remove what the other targets made
	rm -rf .venv .cache build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.*
	find src tests benchmarks chaos scripts -name __pycache__ -prune -exec rm -rf {} +
