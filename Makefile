# Two commands matter: `make demo` and `make test`. Both make .venv first; a second run does not install again.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
RUN ?= pytest
UV := $(shell command -v uv 2>/dev/null)
.DEFAULT_GOAL := help

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(VENV)/.installed ## test the WriteCareNotes estate, started on this machine; reports in reports/
	@$(BIN)/pytest --sysint suites; code=$$?; \
	 echo; echo "Reports: file://$(CURDIR)/reports/sysint.html"; echo "         $(CURDIR)/reports/sysint.json"; exit $$code

test: $(VENV)/.installed-dev ## the tests of the plugin itself
	$(BIN)/$(RUN)

check: $(VENV)/.installed-dev ## lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

coverage: $(VENV)/.installed-dev ## the tests with branch coverage, held to the gate
	$(BIN)/coverage erase
	$(MAKE) test RUN="coverage run -m pytest"
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

bench: $(VENV)/.installed-dev ## the benchmarks: each prints a ratio against a peer of the same run
	@for each in benchmarks/bench_*.py; do echo "== $$each"; $(BIN)/python $$each || exit 1; done

clean: ## remove what was built and installed
	rm -rf $(VENV) .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "pytest-sysint needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Try: make PYTHON=python3.12 ..."; exit 1; }
ifdef UV
	uv venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" $(VENV)
else
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
endif

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(INSTALL) -e '.[all]' --group estate
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(INSTALL) -e '.[all]' --group dev
	@touch $@ $(VENV)/.installed

ifdef UV
INSTALL = uv pip install --quiet --python $(BIN)/python
else
INSTALL = $(BIN)/python -m pip install --quiet
endif

.PHONY: help demo test check coverage bench clean
