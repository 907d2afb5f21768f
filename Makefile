# Everything runs in .venv, which the first target that needs it creates: Python 3.11+, git and make are enough.
#   make PYTHON=python3.12 test      another interpreter (for a new .venv)
#   make test ARGS="-k outbox"       more arguments for pytest, or for the benchmarks
#   make test PROCESSES=0            one process, for a debugger

PYTHON ?= python3
PROCESSES ?= 2
ARGS ?=

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: help demo test test-slow test-long test-oldest test-dbt test-airflow test-cloud test-datahub test-orchestrators check bench

help: ## show this list (default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: .venv/.demo ## build a small warehouse with lineage, and ask questions of it
	$(BIN)/lineage demo

test: .venv/.all ## run the tests, but for the slow ones
	$(BIN)/python -m pytest -q -n $(PROCESSES) $(ARGS)

test-slow: .venv/.all ## run the slow tests only
	$(BIN)/python -m pytest -q -m "slow and not long" -n $(PROCESSES) --dist worksteal $(ARGS)

test-long: .venv/.all ## run slow tests at their full length (200 kills, 10,000 queries, a million events)
	$(BIN)/python -m pytest -q -m long -n $(PROCESSES) --dist worksteal $(ARGS)

# Not again what no dependency has a part in: SQLite's half of the contract, code of the standard library alone,
# and what the command and the server go through as well.
test-oldest: .venv-oldest/.all ## run the tests with the oldest dependencies we accept
	.venv-oldest/bin/python -m pytest -q -n $(PROCESSES) -k 'not [sqlite' --ignore=tests/lineage/context \
		--ignore=tests/graph/ingest --ignore=tests/graph/queries/diagnosis --ignore-glob='tests/lineage/test_redaction*' $(ARGS)

test-dbt: .venv/.all .venv-dbt/.all ## run the tests that need a real dbt
	DBT_BIN=$(CURDIR)/.venv-dbt/bin $(BIN)/python -m pytest -q -m dbt $(ARGS)

test-cloud: .venv-cloud/.all ## run the tests that need the clients of clouds
	.venv-cloud/bin/python -m pytest -q -m cloud $(ARGS)

test-airflow: .venv/.all .venv-airflow/.all ## run the tests that need a real Airflow
	AIRFLOW_BIN=$(CURDIR)/.venv-airflow/bin $(BIN)/python -m pytest -q -m airflow $(ARGS)

test-datahub: .venv-datahub/.all ## run the tests that need DataHub's client
	.venv-datahub/bin/python -m pytest -q -m datahub tests/graph/exports/datahub $(ARGS)

test-orchestrators: .venv-orchestrators/.all ## run the tests that need Dagster and Prefect
	.venv-orchestrators/bin/python -m pytest -q -m orchestrators $(ARGS)

check: .venv/.all ## lint, formatting, types, import layers, spelling
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

bench: .venv/.bench ## run the benchmarks (ARGS=--quick for a short round)
	$(BIN)/python -m benchmarks $(ARGS)

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv --clear .venv

.venv/.demo: pyproject.toml | .venv/bin/python
	$(PIP) install --quiet --editable '.[demo]'
	touch $@

.venv-oldest/.all: pyproject.toml tests/oldest.txt
	$(PYTHON) -m venv --clear .venv-oldest
	.venv-oldest/bin/python -m pip --disable-pip-version-check install --quiet --upgrade 'pip>=25.1'
	.venv-oldest/bin/python -m pip --disable-pip-version-check install --quiet --constraint tests/oldest.txt \
		--editable '.[all]' --group tests
	touch $@

# dbt 1.12 fetches a part of itself from GitHub while it is installed.
DBT ?= 'dbt-core<1.12' dbt-duckdb openlineage-dbt

.venv-dbt/.all: pyproject.toml
	$(PYTHON) -m venv --clear .venv-dbt
	.venv-dbt/bin/python -m pip --disable-pip-version-check install --quiet --editable . $(DBT)
	touch $@

CLOUD ?= aiobotocore azure-storage-blob boto3 gcp-storage-emulator google-cloud-bigquery \
	'moto[kinesis,s3,server,sns,sqs]>=5' google-cloud-pubsub google-cloud-storage s3fs snowflake-connector-python

.venv-cloud/.all: pyproject.toml
	$(PYTHON) -m venv --clear .venv-cloud
	.venv-cloud/bin/python -m pip --disable-pip-version-check install --quiet --upgrade 'pip>=25.1'
	.venv-cloud/bin/python -m pip --disable-pip-version-check install --quiet --editable '.[all]' --group tests $(CLOUD)
	touch $@

# Another version: make test-airflow AIRFLOW="'apache-airflow==2.10.5' apache-airflow-providers-postgres 'pandas<2.2'".
AIRFLOW ?= apache-airflow apache-airflow-providers-openlineage apache-airflow-providers-postgres pandas

.venv-airflow/.all: pyproject.toml
	$(PYTHON) -m venv --clear .venv-airflow
	.venv-airflow/bin/python -m pip --disable-pip-version-check install --quiet --editable '.[airflow]' $(AIRFLOW)
	touch $@

DATAHUB ?= acryl-datahub

.venv-datahub/.all: pyproject.toml
	$(PYTHON) -m venv --clear .venv-datahub
	.venv-datahub/bin/python -m pip --disable-pip-version-check install --quiet --editable '.[postgres]' '$(DATAHUB)' \
		hypothesis jsonschema pytest pytest-timeout referencing rfc3339-validator
	touch $@

# Prefect before 3.9 takes any FastAPI, and does not start with the newest.
ORCHESTRATORS ?= dagster prefect 'fastapi<0.151'

.venv-orchestrators/.all: pyproject.toml
	$(PYTHON) -m venv --clear .venv-orchestrators
	.venv-orchestrators/bin/python -m pip --disable-pip-version-check install --quiet --upgrade 'pip>=25.1'
	.venv-orchestrators/bin/python -m pip --disable-pip-version-check install --quiet --editable '.[all]' --group tests \
		$(ORCHESTRATORS)
	touch $@

# A peer that the benchmarks leave out where it cannot be installed.
.venv/.bench: .venv/.all
	-$(PIP) install --quiet --group bench
	touch $@

# pip learned --group in 25.1.
.venv/.all: pyproject.toml | .venv/bin/python
	$(PIP) install --quiet --upgrade 'pip>=25.1'
	$(PIP) install --quiet --editable '.[all]' --group tests --group checks
	touch .venv/.demo $@
