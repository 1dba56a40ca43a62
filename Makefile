# Everything a checkout needs: Python 3.11 and make. `make help` lists the targets.

VENV := .venv
BIN := $(VENV)/bin
# Tried in this order; `make PYTHON=/path/to/python` overrides.
PYTHON = $(firstword $(foreach name,python3.11 python3 python,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && command -v $(name))))

.DEFAULT_GOAL := help
.PHONY: help demo test test-postgres serve train chaos fuzz clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: $(VENV)/.installed ## the whole product once, then keep serving (CLIP=path ONCE=1)
	@$(BIN)/python manage.py demo $(if $(CLIP),--clip "$(CLIP)") $(if $(ONCE),--once)

serve: $(VENV)/.installed ## run the site on this machine (PORT=8000 WORKERS=1)
	@$(BIN)/python manage.py serve --port $(or $(PORT),8000) --workers $(or $(WORKERS),1)

train: $(VENV)/.installed ## train the network (ARGS="…"; see docs/training.md)
	@$(BIN)/python -m inference.engine train $(ARGS)

test: $(VENV)/.installed-dev ## every check and every test
	@$(MAKE) --no-print-directory checks

chaos: $(VENV)/.installed-dev ## kill every part of a running site at random (ARGS="--jobs 200")
	@$(BIN)/python -m tests.chaos $(ARGS)

fuzz: $(VENV)/.installed-dev ## upload and decode damaged videos (ARGS="--count 2000 --seed 1 --keep FOLDER")
	@nice $(BIN)/python -m tests.fuzz $(ARGS)

test-postgres: export SLOMO_DATA_DIR := $(CURDIR)/build/checks-postgres
test-postgres: export OMP_NUM_THREADS ?= 1
test-postgres: $(VENV)/.installed-dev ## the tests on a PostgreSQL and a Redis of their own (ARGS="tests/site")
	@rm -rf "$(SLOMO_DATA_DIR)"
	@$(BIN)/python -m tests.services $(BIN)/python -m pytest $(ARGS)

clean: ## remove what make made, except var/ with its videos and accounts
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# The checks keep their data in build/ and never touch var/.
.PHONY: checks
checks: export SLOMO_DATA_DIR := $(CURDIR)/build/checks
checks: export OMP_NUM_THREADS ?= 1
checks:
	@rm -rf "$(SLOMO_DATA_DIR)"
	@echo "== ruff check";           $(BIN)/ruff check .
	@echo "== ruff format";          $(BIN)/ruff format --check .
	@echo "== mypy";                 $(BIN)/mypy inference accounts videos slomo_site
	@echo "== import contracts";     $(BIN)/lint-imports
	@echo "== migrations";           $(BIN)/python manage.py makemigrations --check --dry-run
	@echo "== check --deploy";       SLOMO_HTTPS=1 $(BIN)/python manage.py check --deploy --fail-level WARNING
	@echo "== pytest";               $(BIN)/python -m pytest $(ARGS)

# Set-up. Runs again when pyproject.toml has changed.

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "Installing what Slomo needs (some minutes the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo "Installing what Slomo and its tests need (some minutes the first time) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Slomo needs Python 3.11: install it, or say where it is with PYTHON=/path/to/python3.11." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module did not work (on Debian: apt install python3.11-venv)." >&2; exit 1; }
