# Two commands matter: `make demo` shows the main job, `make test` proves it. `make` alone lists the rest.
# Everything happens in .venv (made when missing, hash-checked from the lock files, quick the second time).
# ARGS goes to the program behind a target: make test ARGS='-k calendar', make demo ARGS='--once --json'.

.PHONY: help setup demo test lint bench soak lock clean starter-model
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
BIN := .venv/bin
ARGS ?=

help:
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "make %-14s %s\n", $$1, $$2 }'

setup: ## everything for development, in .venv
	@.ci/venv dev
	@echo "firstline: ready: $(BIN)/firstline --help"

demo: ## the main job on this machine: mails in, tickets, promises, acknowledgments out (Ctrl-C ends it)
	@.ci/venv run
	@exec $(BIN)/firstline demo $(ARGS)

test: ## the whole test suite
	@.ci/venv dev
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup -m "not soak" $(ARGS)

lint: ## ruff, formatting, types, import rules
	@.ci/venv dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: ## latency, throughput and memory, as tables
	@.ci/venv dev
	@$(BIN)/python -m benchmarks $(ARGS)

soak: ## the long form of the fault tests
	@.ci/venv dev
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup -m soak $(ARGS)

starter-model: ## train the model that ships with the project
	@.ci/venv run
	@$(BIN)/python -m classifier.starter $(ARGS)

# Pip requirement files that hold hashes and no address, so that any index or mirror serves them.
UV = $(or $(shell command -v uv),$(BIN)/uv)
COMPILE = $(UV) pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(ARGS)

lock: ## renew both lock files (ARGS=--upgrade takes newer versions)
	@.ci/venv dev
	@test -x "$(UV)" || $(BIN)/python -m pip install --quiet uv
	@$(COMPILE) --group build --output-file requirements.lock
	@$(COMPILE) --group build --group test --group lint --constraints requirements.lock --output-file requirements-dev.lock
	@! grep -n '://' requirements.lock requirements-dev.lock
	@.ci/venv dev

clean: ## remove .venv, caches and build output (never any state or mail)
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find daemon classifier tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
