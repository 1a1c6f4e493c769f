# Everything a person does with the project. `make` alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup run watch daily answer health report backup restore releases rollback prune alert \
    elementary-report test check soak bench lint lint-python lint-rest lint-sql lint-changed \
    docs dictionary questions errors-eval pricing clean ready

# What is given with `make answer Q=…` is data: make expands nothing in it, and recipes take it from the environment, where
# no shell reads it either.
$(foreach name,$(.VARIABLES),$(if $(filter command,$(origin $(name))),\
    $(eval override $(name) := $$(value $(name)))$(eval export $(name))))

# The first of these that starts. `make setup PYTHON=/path/to/python` names another.
FIRST_PYTHON = for python in python3.11 python3; do $$python -c '' 2>/dev/null && echo $$python && break; done
IS_OUR_PYTHON := -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))'

BIN := .venv/bin
PACKAGES := ingest opencode_warehouse dev/bench
INGEST := $(BIN)/python -m ingest
COMMAND := $(BIN)/python -m opencode_warehouse
# What dbt writes (its log, its results, the write-ahead log beside the warehouse) is as private as what it reads.
PRIVATELY := sh -c 'umask 077; exec "$$0" "$$@"'
DBT := $(PRIVATELY) $(BIN)/dbt --no-use-colors
SHORTENED := $(BIN)/python -m opencode_warehouse.build.dbt_output
WAREHOUSE := $${OPENCODE_WAREHOUSE:-warehouse/opencode.duckdb}
# sqlfluff compiles the models against a warehouse: an empty one, so that nobody's own is locked.
LINT_WAREHOUSE := target/lint/opencode.duckdb
LINTED := models tests analyses
SQLFLUFF := $(INGEST) init --warehouse $(LINT_WAREHOUSE) > /dev/null && \
    OPENCODE_WAREHOUSE=$(LINT_WAREHOUSE) DBT_TARGET_PATH=target/lint/dbt $(BIN)/sqlfluff lint
# What the answers in docs/questions.md come from.
SAMPLE_WAREHOUSE := target/sample/opencode.duckdb
# The results of these runs are not of the user's warehouse.
ON_SAMPLE := OPENCODE_WAREHOUSE=$(SAMPLE_WAREHOUSE) DBT_TARGET_PATH=target/sample/dbt

# The project's own profile is the one that counts, and nobody is told of its use.
export DBT_PROFILES_DIR := $(CURDIR)
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export DO_NOT_TRACK := 1
# Its debug log takes dbt a sixth of its time; the SQL of every node is in target/ anyhow.
export DBT_LOG_LEVEL_FILE := info
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## List what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' Makefile

setup: ready ## Install everything into .venv, get the dbt packages, create an empty warehouse
	@echo "Set-up is complete. Next: make run"

run: ready ## Load OpenCode's history (else the sample), build, test, judge and release the warehouse, report
	@$(COMMAND) run --fallback sample

watch: ready ## Load, and land what changes until you end it: make watch BUILD_EVERY=900 to build as well
	@$(COMMAND) watch $${BUILD_EVERY:+--build-every="$$BUILD_EVERY"}

# Whether or not the run failed: then an alert is needed most.
daily: ready ## What a scheduled job does: run, then alert where a channel is set (docs/operations.md)
	@failed=0; $(MAKE) --no-print-directory run || failed=1; \
	    if [ -z "$$OPENCODE_ALERTS_SLACK_URL$$OPENCODE_ALERTS_WEBHOOK_URL$$OPENCODE_ALERTS_SMTP_URL" ]; then \
	        echo "Nobody is alerted, as no channel is set: docs/operations.md says how."; \
	    else \
	        $(COMMAND) alert || failed=1; \
	    fi; \
	    exit $$failed

health: ready ## Make the health checks anew on the tables as they are, and show them
	@set -o pipefail; $(DBT) run --select tag:quality | $(SHORTENED)
	@$(COMMAND) health

answer: ready ## Answer a question of docs/questions.md from your warehouse: make answer Q=cost_by_model
	@$(COMMAND) answer --warehouse "$(WAREHOUSE)" -- "$$Q"

report: ready ## Write the report pages (HTML and Markdown) beside the warehouse: make report PAGE=cost for one
	@$(COMMAND) report --warehouse "$(WAREHOUSE)" -- $${PAGE:+"$$PAGE"}

backup: ready ## Make a verified copy of the warehouse in backups/ beside it: make backup TO=/mnt/disk for elsewhere
	@$(COMMAND) backup $${TO:+--to="$$TO"}

restore: ready ## Put a backup in the warehouse's place: make restore FROM=…, by default the newest
	@$(COMMAND) restore -- $${FROM:+"$$FROM"}

releases: ready ## List the releases, and which one readers are given
	@$(COMMAND) releases

rollback: ready ## Give readers the release before the present one: make rollback TO=… for another
	@$(COMMAND) rollback $${TO:+--to="$$TO"}

prune: ready ## Remove texts older than so many days, keep every figure: make prune DAYS=90
	@$(COMMAND) prune --older-than="$$DAYS"

alert: ready ## Tell Slack, a webhook or e-mail what began to fail and what is over, once each
	@$(COMMAND) alert

test: lint ## All checks: lint, then every test with coverage
	@echo "Tests: pytest with coverage, on two processes"
	@$(BIN)/pytest --cov --numprocesses 2 --durations 15 --durations-min 10

soak: ready ## Let everything go wrong that can for 30 minutes, then compare every document: make soak MINUTES=5
	@[[ "$${MINUTES:=30}" =~ ^[0-9]{1,4}$$ ]] || { echo "error: MINUTES is a whole number." >&2; exit 2; }
	@mkdir -p target && rm -f target/soak.json
	@echo "Soak: $${MINUTES:-30} minutes of kills and damage; the figures will be in target/soak.json"
	@SOAK_SECONDS=$$(( 60 * 10#$${MINUTES:-30} )) SOAK_REPORT=target/soak.json $(BIN)/pytest -q -m faults tests/faults
	@cat target/soak.json

# What it grows stays in its own folder for the next run: BENCH_CACHE, by default below ~/.cache.
bench: ready ## Measure loads, builds, queries against their targets: make bench SIZE=small, ONLY=load,size, REPEAT=1
	@$(BIN)/python -m dev.bench --size="$${SIZE:-full}" $${ONLY:+--only="$$ONLY"} $${REPEAT:+--repeat="$$REPEAT"}

check: ready ## The quick part of `make test`, while you work: style, types, SQL that changed, tests without a build
	@$(MAKE) --no-print-directory lint-python lint-changed
	@echo "Check: the tests that are not slow"
	@$(BIN)/pytest --quiet --numprocesses 2 -m "not slow"

lint-changed: ready
	@changed="$$(git diff --name-only --diff-filter=d HEAD -- $(LINTED:%='%/*.sql'); \
	    git ls-files --others --exclude-standard -- $(LINTED:%='%/*.sql'))"; \
	    test -z "$$changed" || { echo "Lint: sqlfluff on what changed"; $(SQLFLUFF) $$changed; }

# Python and documents beside SQL, as each takes minutes on one processor.
lint: ready ## Check style and types of Python, YAML and SQL, and that docs/ is current
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=line lint-sql lint-rest

lint-python: ready
	@echo "Lint: ruff check"
	@$(BIN)/ruff check
	@echo "Lint: ruff format"
	@$(BIN)/ruff format --check
	@echo "Lint: mypy"
	@$(BIN)/mypy --strict $(PACKAGES) tests offline_packages dev/tools

lint-rest: lint-python
	@echo "Lint: yamllint"
	@$(BIN)/yamllint --strict .
	@echo "Lint: data dictionary, ER diagram, validation rules and licences"
	@$(DBT) --quiet parse
	@$(BIN)/python dev/tools/data_dictionary.py --check
	@$(BIN)/python dev/tools/validation_rules.py --check
	@$(BIN)/python dev/tools/licences.py --check

lint-sql: ready
	@echo "Lint: sqlfluff (it compiles every model first)"
	@$(SQLFLUFF) $(LINTED)

docs: ready ## Write dbt's documentation of all tables as one page
	@echo "Docs: dbt docs generate"
	@set -o pipefail; $(DBT) docs generate --static | $(SHORTENED)
	@echo "Open target/static_index.html in a browser."

elementary-report: ready ## Write Elementary's page of models, tests, runs and lineage
	@test -e "$${DBT_TARGET_PATH:-target}/manifest.json" || $(DBT) --quiet parse
	@$(COMMAND) elementary

dictionary: ready ## Write data dictionary, ER diagram, validation rules (from YAML and seed) and licences (docs/)
	@$(DBT) --quiet parse
	@$(BIN)/python dev/tools/data_dictionary.py
	@$(BIN)/python dev/tools/validation_rules.py
	@$(BIN)/python dev/tools/licences.py

questions: ready ## Write docs/questions.md anew, from analyses/ and the bundled sample
	@$(INGEST) load --store sample --warehouse $(SAMPLE_WAREHOUSE)
	@set -o pipefail; $(ON_SAMPLE) $(DBT) seed | $(SHORTENED)
	@set -o pipefail; $(ON_SAMPLE) $(DBT) run | $(SHORTENED)
	@$(BIN)/python dev/tools/questions.py --warehouse $(SAMPLE_WAREHOUSE)

errors-eval: ready ## Say how well errors are classified, by a file of labelled ones (FILE=…)
	@$(BIN)/python dev/tools/errors_eval.py -- $${FILE:+"$$FILE"}

pricing: ready ## Write seeds/model_pricing.csv anew, from the releases on PyPI that it names
	@$(BIN)/python dev/tools/model_pricing.py

clean: ## Remove what builds and checks made; .venv and the warehouse stay
	rm -rf target logs dbt_packages build edr_target .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f .coverage .coverage.* .user.yml package-lock.yml
	find $(PACKAGES) tests offline_packages dev/tools -name __pycache__ -type d -prune -exec rm -rf {} +

# What every other target stands on. Where all is in place this only looks.
ready: .venv/.ready
	@$(BIN)/python offline_packages/install.py --keep
	@test -e "$(WAREHOUSE)" || { \
	    echo "Set-up: an empty warehouse, so that dbt has something to read"; $(INGEST) init; }

.venv/.ready: requirements.lock pyproject.toml
	@python="$${PYTHON:-$$($(FIRST_PYTHON))}"; "$$python" $(IS_OUR_PYTHON) 2>/dev/null || { \
	    echo "error: Python 3.11, 3.12 or 3.13 is needed, and '$$python' is none of them." >&2; \
	    echo "Install one, or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "Set-up 1/3: a Python environment in .venv"
	@$(BIN)/python $(IS_OUR_PYTHON) 2>/dev/null || "$${PYTHON:-$$($(FIRST_PYTHON))}" -m venv --clear .venv
	@echo "Set-up 2/3: what loader, warehouse and checks need (DuckDB, dbt, pytest), each file by its hash"
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement requirements.lock
	@echo "Set-up 3/3: the project itself"
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip check --quiet
	@touch $@
