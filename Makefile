# Everything that anyone must know is here; `make` lists it. What needs more than a line is in tools/.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help run test lint-deploy compose-env lint format types walls check lock clean kafka kafka-stop cluster cluster-stop cluster-test references faults bench

help: ## Say what can be done here
	@$(PYTHON) tools/help.py $(firstword $(MAKEFILE_LIST))

run: $(READY) ## Start Merit with its sample data; Ctrl-C ends it, MERIT_HOME and MERIT_PORT move it
	@$(BIN)/merit up

test: $(READY) ## Run every test
	@$(BIN)/pytest

lint: $(READY) ## Check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(READY) ## Mend style and formatting where a tool can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(READY) ## Check the types
	@$(BIN)/mypy

walls: $(READY) ## Check who may import whom
	@$(BIN)/lint-imports

check: lint types walls test ## All of the above

lint-deploy: $(READY) ## Check Dockerfile, docker-compose.yml and deploy/ without a container engine
	@$(BIN)/python tools/lint_deploy/lint.py

compose-env: ## Write the secrets that docker-compose.yml asks for to .env
	@$(PYTHON) tools/compose_env.py

lock: $(READY) ## Pin the newest versions that pyproject.toml allows, with their hashes
	@$(BIN)/python tools/lock.py

kafka: ## Start Apache Kafka on loopback (fetched by Maven, runs on Java 17); MERIT_KAFKA_HOME and MERIT_KAFKA_PORT move it
	@$(PYTHON) tools/kafka/kafka.py start

kafka-stop: ## Stop it; its data stays
	@$(PYTHON) tools/kafka/kafka.py stop

cluster: $(READY) ## Start Merit as a cluster: Kafka, PostgreSQL, and a process per service and role (variables: tools/cluster/place.py)
	@$(BIN)/python -m tools.cluster start

cluster-stop: $(READY) ## Stop it in order; its data stays
	@$(BIN)/python -m tools.cluster stop

cluster-test: $(READY) ## Tell clusters the awkward histories of the journeys, and compare every figure (takes minutes)
	@MERIT_REQUIRE_KAFKA=1 $(BIN)/pytest tests/cluster/generated_history.py

references: $(READY) ## Compare every published figure of the seven data sets, the largest too (minutes; MERIT_DATA_SETS says where they are)
	@MERIT_LARGE_SETS=1 $(BIN)/pytest tests/reference/test_sets.py tests/merit/mappings/test_online_retail.py

faults: $(READY) ## Kill it at every point, 20 seeds each on both logs (an hour or two); MERIT_FAULT_SEEDS, MERIT_FAULT_LOGS and MERIT_FAULT_TABLE (faults.tsv) change that
	@$(BIN)/python tools/faults.py

bench: $(READY) ## Measure Merit beside its ceilings and peers, STAGE=… one stage of it (variables: benchmarks/settings.py)
	@$(BIN)/python -m benchmarks $(STAGE)

clean: ## Remove what was made here (not your data: that is in .merit)
	@$(PYTHON) tools/clean.py

$(READY): requirements.lock tools/uv.lock tools/make_venv.py pyproject.toml
	@$(PYTHON) tools/check_python.py
	@$(PYTHON) tools/make_venv.py
