# make demo   run the example (sets up everything it needs in .venv)
# make test   run the tests       make check  what CI runs: format, lint, types, layers, tests
# make fix    format and repair   make bench  the benchmarks
# make parity FILES="a.json"      make golden FILES="a.json"
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SHARED ?= ../shared

.DELETE_ON_ERROR:
.PHONY: demo test check lint fix bench parity golden lock clean

demo: $(VENV)/.installed
	$(BIN)/jobset run examples/rendezvous.yaml

test: $(VENV)/.tools
	$(BIN)/python -m pytest -n 2 --cov=jobset --cov-report= $(ARGS)
	$(BIN)/coverage report --include='src/jobset/core/*,src/jobset/admission/*' --show-missing --skip-covered --fail-under=100

check: lint test

lint: $(VENV)/.tools
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fix: $(VENV)/.tools
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.tools
	$(BIN)/python -m bench $(ARGS)

parity: $(VENV)/.tools
	$(BIN)/python -m tests.parity $(if $(FILES),$(FILES),$(SHARED)/parity/admission.json $(SHARED)/parity/logic.json)

golden: $(VENV)/.tools
	$(BIN)/python -m tests.golden $(if $(FILES),$(FILES),$(SHARED)/golden/jobs.json $(SHARED)/golden/jobsets.json $(SHARED)/golden/requests.json)

lock: $(VENV)/.tools
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --no-header --no-emit-index-url --output-file=requirements/dev.txt requirements/dev.in pyproject.toml

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "jobset needs Python 3.11 or later; found: $$($(PYTHON) --version). Say which with: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements/dev.txt --editable .
	@touch $@

$(VENV)/.tools: $(VENV)/.installed requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements/dev.txt
	@touch $@

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
