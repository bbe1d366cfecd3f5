# make run    serve in the foreground, with a first user, from nothing but a fresh clone
# make test   run all tests          make lint   style and types
# make bench  measure this server beside the official one, in under five minutes
# make bench-full   the same with more rounds and larger loads; takes about an hour
# make lock   write requirements/ anew, with the newest versions that pyproject.toml allows
# make addons build the add-ons for Anki into dist/
# make deploy-files   write deploy/ and supervisor/ anew from the package's templates

VENV := .venv
PYTHON := python3
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CONFIG := production.ini

LOCK := uv pip compile --quiet --universal --python-version 3.10 --no-header --upgrade
OUR_FILES := pyproject.toml README.md LICENSE \
	$(shell find syncserver -type f -not -path '*/__pycache__/*')

.PHONY: run install test lint bench bench-full lock addons deploy-files

run: install $(CONFIG)
	@$(BIN)/syncserver-ctl first-user --config $(CONFIG)
	@exec $(BIN)/syncserver-ctl debug --config $(CONFIG)

install: $(VENV)/installed

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest $(TESTS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

addons:
	@$(PYTHON) addons/build.py

deploy-files: $(VENV)/installed
	@$(BIN)/python -m syncserver.deploy .

bench: $(VENV)/installed-dev
	$(BIN)/python -m bench run

bench-full: $(VENV)/installed-dev
	$(BIN)/python -m bench run --full

lock: $(VENV)/made
	$(PIP) install uv
	$(BIN)/$(LOCK) --extra postgresql --extra s3 --output-file requirements/runtime.txt pyproject.toml
	$(BIN)/$(LOCK) --extra postgresql --extra s3 --group dev --constraints requirements/runtime.txt \
		--output-file requirements/dev.txt pyproject.toml

$(CONFIG):
	cp example.ini $(CONFIG)

# Stamps: what has not changed since is not installed again.
$(VENV)/made:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/made requirements/runtime.txt $(OUR_FILES)
	$(PIP) install --constraint requirements/runtime.txt .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements/dev.txt
	$(PIP) install --requirement requirements/dev.txt
	@touch $@
