# make demo   run the example (sets up everything it needs in .venv)
# make test   run the tests       make check  what CI runs: format, lint, types, layers, tests
# make fix    format and repair   make bench  the benchmarks
# make parity FILES="a.json"      make golden FILES="a.json" [ARGS="--against real"]
# make manifests           write the definition of JobSets anew from the code, where kustomize and Helm find it
# make release-manifests   write manifests.yaml, prometheus.yaml and what `jobset install` applies anew from config/
# make control-plane       build etcd, Kubernetes and Helm for the tests that want real ones (needs Go; minutes, once)
#                          KUBERNETES=1.34.4: another version; make test KUBEBUILDER_ASSETS=FOLDER runs on that
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
SHARED ?= ../shared

.DELETE_ON_ERROR:
.PHONY: demo test check lint fix bench parity golden control-plane manifests release-manifests lock clean

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
	$(BIN)/python -m tests.golden $(if $(FILES),$(FILES),$(SHARED)/golden/jobs.json $(SHARED)/golden/jobsets.json $(SHARED)/golden/requests.json) $(ARGS)

control-plane: $(VENV)/.tools
	$(BIN)/python -m tests.control_plane.build $(KUBERNETES)
	$(BIN)/python -m tests.installation.tools

manifests: $(VENV)/.tools
	$(BIN)/python -m jobset.manifests.crd > config/crd/bases/jobset.x-k8s.io_jobsets.yaml
	cp config/crd/bases/jobset.x-k8s.io_jobsets.yaml charts/jobset/crds/

release-manifests: manifests
	$(BIN)/python -m tests.installation.rendering default > manifests.yaml
	$(BIN)/python -m tests.installation.rendering prometheus > prometheus.yaml
	$(BIN)/python -m tests.installation.rendering default --without-definition > src/jobset/installation/objects.yaml

lock: $(VENV)/.tools
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --no-header --no-emit-index-url --no-emit-find-links --output-file=requirements/dev.txt requirements/dev.in pyproject.toml

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
