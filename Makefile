# `make help` lists what there is. The two that matter: `make demo` and `make test`.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVE ?= 1
DEMO_DIR ?= demo
STORES ?= 10
ITEMS ?= 200
DAYS ?= 1096
SEED ?= 7
PORT ?= 8787
NODE_PATH := PATH="$(CURDIR)/$(BIN):$$PATH"
WEB_SOURCES := $(shell find web/src web/public web/scripts -type f 2>/dev/null) $(wildcard web/*.json web/*.html web/*.ts web/.npmrc)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export UV_COMPILE_BYTECODE := 1

.DEFAULT_GOAL := help

##@ Use
.PHONY: demo
demo: $(VENV)/.app  ## set everything up, make a shop, run the whole cycle, open the app (SERVE=0: stop before serving)
	@$(MAKE) --no-print-directory -j2 web $(VENV)/.kernels
	@$(BIN)/shelfcast demo $(DEMO_DIR) --stores $(STORES) --items $(ITEMS) --days $(DAYS) --seed $(SEED) --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve,--serve)

.PHONY: setup
setup: $(VENV)/.app $(VENV)/.kernels  ## install Shelfcast into .venv, nothing else

.PHONY: web
web: $(VENV)/.app  ## build the web app; without it the server offers the API only
	@$(MAKE) --no-print-directory $(VENV)/.web || echo "The web app could not be built (see above); the server offers the API only. Try again: make web"

##@ Develop
.PHONY: test
test: $(VENV)/.dev $(VENV)/.web $(VENV)/.kernels $(VENV)/.emulator  ## run every test
	@$(NODE_PATH) npm --prefix web test --silent
	@$(BIN)/pytest -n $(shell nproc 2>/dev/null || echo 2) --dist loadfile --no-loadscope-reorder

.PHONY: aws-test
aws-test: $(VENV)/.dev $(VENV)/.kernels $(VENV)/.emulator  ## deploy the template to an emulator of AWS and run a shop's day there
	@SHELFCAST_AWS_TEST=full $(BIN)/pytest -n0 tests/aws

.PHONY: checkov
checkov: $(VENV)/.dev $(VENV)/.checkov  ## scan the templates in infra/ for what a reviewer would object to
	@$(BIN)/pytest -n0 tests/infra/test_linters.py -k "checkov or accepted"

.PHONY: spark-test
spark-test: $(VENV)/.spark  ## run the tests of the Spark engine (needs Java 17; on Debian also libxerial-sqlite-jdbc-java and -jni)
	@$(BIN)/pytest tests/spark tests/contract/test_engine.py

.PHONY: check
check: $(VENV)/.dev $(VENV)/.web  ## lint, types, import contracts
	@$(BIN)/ruff format --check src tests benchmarks docs
	@$(BIN)/ruff check src tests benchmarks docs
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(NODE_PATH) npm --prefix web run check --silent

.PHONY: format
format: $(VENV)/.dev  ## put code into shape
	@$(BIN)/ruff format src tests benchmarks docs
	@$(BIN)/ruff check --fix src tests benchmarks docs

.PHONY: docs
docs: $(VENV)/.dev  ## write the generated reference pages anew
	@$(BIN)/python docs/generate.py
	@$(BIN)/python docs/generate_aws.py

.PHONY: lock
lock: $(VENV)/bin/uv  ## resolve dependencies anew into requirements/*.txt (versions and hashes, no addresses)
	@$(BIN)/uv lock --quiet --upgrade
	@$(BIN)/uv export --quiet --locked --no-emit-project --no-header --no-annotate --all-extras --no-extra all --no-extra aws --no-extra spark --no-default-groups --group build --output-file requirements/app.txt >/dev/null
	@$(BIN)/uv export --quiet --locked --no-emit-project --no-header --no-annotate --all-extras --no-extra spark --no-default-groups --group dev --output-file requirements/dev.txt >/dev/null
	@$(BIN)/uv export --quiet --locked --no-emit-project --no-header --no-annotate --all-extras --no-default-groups --group dev --output-file requirements/spark.txt >/dev/null
	@$(BIN)/uv export --quiet --locked --no-emit-project --no-header --no-annotate --only-group web --output-file requirements/web.txt >/dev/null

.PHONY: clean
clean:  ## remove what was built and the demo shop (not .venv)
	rm -rf build dist $(DEMO_DIR) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

.PHONY: help
help:  ## this list
	@awk 'BEGIN {FS = ":.*##"; printf "usage: make TARGET [NAME=value ...]\n"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-zA-Z_-]+:.*?##/ {printf "  %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Set-up. A stamp file per set of packages, so a second call costs nothing.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if v >= (3, 11) else f"Shelfcast needs Python 3.11 or newer; {sys.executable} is {v[0]}.{v[1]}. Say which one to use: make PYTHON=/path/to/python3.11 ...")'
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }

$(VENV)/bin/uv: $(VENV)/bin/python requirements/uv.txt
	@echo "Installing uv ..."
	@$(BIN)/pip install --quiet --require-hashes -r requirements/uv.txt
	@touch $@

$(VENV)/.app: $(VENV)/bin/uv requirements/app.txt pyproject.toml
	@echo "Installing Shelfcast's packages ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/app.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@$(BIN)/python tools/openmp.py
	@touch $@

# Numba compiles each kernel on its first call and keeps it; a tiny shop through the whole cycle calls nearly all of them.
$(VENV)/.kernels: $(VENV)/.app
	@echo "Compiling the kernels, once (one to two minutes) ..."
	@folder=$$(mktemp -d) && $(BIN)/shelfcast demo "$$folder/lake" --stores 2 --items 12 --days 430 --no-serve >"$$folder/log" 2>&1 \
		|| tail -n 5 "$$folder/log"; rm -rf "$$folder"
	@touch $@

$(VENV)/.dev: $(VENV)/.app requirements/dev.txt
	@echo "Installing the development packages ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.txt
	@touch $@

# The emulator of AWS and the template scanner have environments of their own: their pins fight ours.
$(VENV)/.emulator: $(VENV)/bin/uv tools/emulator/requirements.txt
	@echo "Installing the emulator of AWS ..."
	@$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python $(VENV)/emulator
	@$(BIN)/uv pip install --quiet --python $(VENV)/emulator/bin/python --require-hashes -r tools/emulator/requirements.txt
	@touch $@

$(VENV)/.checkov: $(VENV)/bin/uv tools/checkov/requirements.txt
	@echo "Installing the scanner of templates ..."
	@$(BIN)/uv venv --quiet --clear tools/checkov/.venv
	@$(BIN)/uv pip install --quiet --python tools/checkov/.venv/bin/python --require-hashes -r tools/checkov/requirements.txt
	@touch $@

# Iceberg's runtime for Spark comes in a wheel made for another product: 1.0.2, and nothing it asks for.
$(VENV)/.spark: $(VENV)/.dev requirements/spark.txt requirements/spark-jars.txt
	@echo "Installing Spark ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/spark.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --no-deps -r requirements/spark-jars.txt
	@touch $@

$(VENV)/.node: $(VENV)/.app requirements/web.txt web/package-lock.json web/.npmrc
	@echo "Installing the web app's packages ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/web.txt
	@# not `npm ci`: it refuses a lock file without the optional packages of every other platform
	@$(NODE_PATH) npm --prefix web install --no-save --silent --no-fund --no-audit
	@touch $@

$(VENV)/.web: $(VENV)/.node $(WEB_SOURCES)
	@echo "Building the web app ..."
	@$(NODE_PATH) npm --prefix web run build --silent >/dev/null
	@touch $@
