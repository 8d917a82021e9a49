# Everything a developer or a new user needs. `make help` lists it.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& { echo "$$p"; break; }; done)
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup assets run test check format lock docs clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Outdial needs Python 3.11 or 3.12 with venv and pip; none was found on PATH."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

assets: $(STAMP) ## Fetch what the pages are made of, unless it is there
	@$(BIN)/python frontend/build.py

setup: $(STAMP) assets ## Install Outdial into .venv, with what its pages need

run: setup ## Start everything on this machine and dial the sample campaign through the simulator
	@exec $(BIN)/outdial up --sample

test: setup ## Pass the whole test suite (real PostgreSQL, Redis and Celery, all bundled)
	# First what needs no whole stack; then whole stacks beside each other, those before a browser in
	# one process; then alone those in which time matters. Bytecode is kept, or each of their many
	# processes would compile the product anew.
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 -m "not e2e"
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 2 --dist loadgroup -m "e2e and beside" tests/browser tests/e2e
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -m "e2e and not beside" tests/browser tests/e2e

check: setup ## Lint, format, types, import rule, generated pages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m campaigns.settings_page --check docs/settings.md
	$(BIN)/python -m campaigns.openapi_page --check docs/openapi.json

format: setup ## Format the code and sort its imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup ## Write the generated pages again
	$(BIN)/python -m campaigns.settings_page docs/settings.md
	$(BIN)/python -m campaigns.openapi_page docs/openapi.json

lock: ## Resolve requirements.lock again (needs uv)
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-annotate --no-header \
		--python-version 3.11 --group dev pyproject.toml -o requirements.lock

clean: ## Remove the environment and the local data
	rm -rf $(VENV) .outdial frontend/node_modules campaigns/web/static/vendor
