# Every target sets up what it needs in .venv; the second call finds it done.
# Needs Python >= 3.11, git and make. Pick another interpreter with: make demo PYTHON=/path/to/python

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-annotate --custom-compile-command "make lock"
BUILD := setuptools>=77

.DEFAULT_GOAL := help
.PHONY: help demo sample test slow bench lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 16

demo: .venv/core ## the embedded sample through the whole chain, every answer proved: report.html in build/demo
	$(BIN)/bopask generate src/bopask/data/sample --split train --out build/demo --overwrite --workers 2
	$(BIN)/bopask verify build/demo --all --workers 2

sample: .venv/dev ## make the embedded sample anew: needs OpenGL (docs/synth_pictures.md)
	$(BIN)/bopask synth src/bopask/data/sample --layouts 4 --views 5 --objects 6:9 --clutter 0.8:1 --kinds 24 --seed 1 --overwrite

test: .venv/dev ## lint, format, types, floors, tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -m 'not slow' -n 2 --dist loadfile

slow: .venv/dev ## the proofs over all the data
	$(BIN)/pytest -m slow -n 2 --dist loadfile

bench: .venv/core ## speed against the paper's recipe and raw libraries, growth: make bench FOLDER=ycbv SPLIT=train_real
	@mkdir -p build
	$(BIN)/python bench/speed.py $(FOLDER) $(if $(SPLIT),--split $(SPLIT)) --picture build/growth.png

lock: .venv/core ## bring both lock files up to date with pyproject.toml (asks the package index)
	$(PIP) install uv
	echo '$(BUILD)' | $(COMPILE) pyproject.toml - --extra verify -o requirements.lock
	echo '$(BUILD)' | $(COMPILE) pyproject.toml - --extra dev -c requirements.lock -o requirements-dev.lock

clean: ## remove the environment, outputs and caches
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache src/*.egg-info

.venv/core: requirements.lock pyproject.toml
	@echo "Setting up .venv (once) ..."
	@test -n "$(PYTHON)" || { echo "No Python >= 3.11 found: install one, or pass PYTHON=/path/to/python"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv || { rm -rf .venv; exit 1; }
	$(PIP) install -r requirements.lock
	$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev: .venv/core requirements-dev.lock
	$(PIP) install -r requirements-dev.lock
	@touch $@
