# `make demo` and `make test` do all set-up by themselves; `make` lists the rest.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# One after the other, even with -j; only `checks` lets its own run side by side.
ifndef SIDE_BY_SIDE
.NOTPARALLEL:
endif
SHELL := /bin/bash

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
# As a variable of the environment the pins also hold where pip builds this package.
PIP_INSTALL = PIP_CONSTRAINT=$(CURDIR)/constraints.txt \
	$(BIN)/python -m pip install -qq --disable-pip-version-check

SERVICE_EXTRAS := service,cpu
ALL_EXTRAS := service,cpu,telemetry,train,export,docs,dev
# The last three are what commands in the guides and runbooks are made of.
SYSTEM_PACKAGES := redis-server buildah runc debootstrap promtool=prometheus prometheus=prometheus \
	kubectl=kubernetes-client|kubectl chromium=chromium caddy=caddy curl=curl jq=jq openssl=openssl \
	systemd-analyze=systemd

# Where everything is installed, the demo needs no second look.
SERVICE_INSTALLED := $(VENV)/.installed-service
ALL_INSTALLED := $(VENV)/.installed-all

TARGET ?= cpu
TAG ?= vreid:$(TARGET)

.PHONY: help demo demo-once test checks lint types unit docs system-packages environment image image-test airgap airgap-test \
	guides-long record-first-hour api-document lock clean bench-search bench-serve soak

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(SERVICE_INSTALLED) ## Search the sample gallery, then serve it until Ctrl-C; without a terminal, search and end; ARGS="--port 9000"
	@if [ -t 0 ] && [ -t 1 ]; then exec $(BIN)/vreid demo $(ARGS); else exec $(BIN)/vreid demo --once $(ARGS); fi

demo-once: $(SERVICE_INSTALLED) ## Search the sample gallery and end
	@$(BIN)/vreid demo --once $(ARGS)

test: system-packages environment checks unit ## Everything that CI runs

checks: lint ## Lint, then types, docs and image-test, two at a time; each says all at its end
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target SIDE_BY_SIDE=yes \
		image-test types docs

lint: $(ALL_INSTALLED) ## Lint and check the formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(ALL_INSTALLED) ## Check the types
	$(BIN)/mypy

# Three for two processors: many tests wait for a process, a disk or a clock. To collect all tests
# takes 20 s, so what runs alone is collected from its own files. A library that sets the locale C in
# one test would have later tests of the process read text as ASCII.
unit: export PYTHONUTF8 := 1
unit: $(ALL_INSTALLED) ## Run pytest, in three processes; or choose tests with ARGS="..."
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 3 \
		--dist loadfile --no-loadscope-reorder -m 'not alone'
	$(BIN)/python -m pytest -m alone $$(grep -rlF --include='*.py' mark.alone tests)
endif

docs: $(ALL_INSTALLED) ## Build the guides into build/docs; a link that leads nowhere is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

guides-long: $(ALL_INSTALLED) ## Run the commands of the guides that take minutes
	$(BIN)/python -m tests.docs.commands --long

record-first-hour: airgap ## Record the first hour in an empty Debian: docs/guides/first-hour-recording.md
	docs/recording/record.sh $(BIN)/python build/airgap/vreid-*.tar

api-document: $(ALL_INSTALLED) ## Write docs/openapi.json
	$(BIN)/python -m service.http.openapi_document

system-packages: ## Install the Debian packages that tests need, where they are absent
	@deploy/setup/system-packages.sh $(foreach package,$(SYSTEM_PACKAGES),'$(package)')

environment: $(ALL_INSTALLED) ## Install everything into .venv

$(BIN)/python:
	deploy/setup/environment.sh $(PYTHON) $(VENV)

$(SERVICE_INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing what the service needs into $(VENV): about 0.5 GB, a minute or more; pip says nothing meanwhile"
	$(PIP_INSTALL) --editable '.[$(SERVICE_EXTRAS)]'
	@touch $@

# Pip would compile in one process; some packages hold files that are no Python.
$(ALL_INSTALLED): pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing everything, training with torch too, into $(VENV): about 7 GB, some minutes; pip says nothing meanwhile"
	$(PIP_INSTALL) --no-compile --editable '.[$(ALL_EXTRAS)]'
	@$(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || true
	@touch $(SERVICE_INSTALLED) $@

image: ## Build the image TARGET (cpu, gpu) as TAG, with docker or else buildah
	deploy/image/build.sh $(TARGET) $(TAG)

image-test: system-packages $(ALL_INSTALLED) ## Run the compose file's service under its limits and search in it, without an engine or a registry
	deploy/image/test.sh $(BIN)/python

airgap: $(ALL_INSTALLED) ## Collect all that a machine without internet needs into build/airgap; IMAGE=no, EXTRAS="...", MODEL=DIR
	EXTRAS="$(EXTRAS)" MODEL="$(MODEL)" IMAGE="$(IMAGE)" deploy/airgap/make.sh $(BIN)/python

airgap-test: system-packages airgap ## Install that in a Debian without a network, search, upgrade, go back
	deploy/airgap/test.sh build/airgap/vreid-*.tar

lock: ## Resolve the newest versions into constraints.txt
	deploy/setup/lock.sh $(PYTHON)

bench-search: $(ALL_INSTALLED) ## Compare searches of many vectors; choose with ARGS="--set 1000000x2048"
	$(PIP_INSTALL) --editable '.[$(SERVICE_EXTRAS),bench]'
	$(BIN)/python -m benchmarks.search $(ARGS)

soak: $(ALL_INSTALLED) ## Abuse the service for as long as MINUTES="10" says, then send REQUESTS="50000" and look at memory
	ABUSE_SECONDS=$$((60 * $(or $(MINUTES),10))) SCHEMA_SECONDS=$$((60 * $(or $(MINUTES),10))) \
	FUZZ_INPUTS=$(or $(INPUTS),200000) FUZZ_REQUESTS=$(or $(FUZZ_REQUESTS),20000) \
	ABUSE_FIGURES=docs/measured/abuse.json $(BIN)/python -m pytest -s --timeout 14400 tests/abuse
	SOAK_REQUESTS=$(or $(REQUESTS),50000) $(BIN)/python -m pytest -s --timeout 7200 tests/e2e/test_memory_stays_flat.py

bench-serve: $(ALL_INSTALLED) build/peers/.installed ## Compare the service with its engine and other services; choose with ARGS="--only overload"
	$(BIN)/python -m benchmarks.serving $(ARGS)

# What the other services need conflicts with constraints.txt, so they have an environment of their own.
build/peers/.installed: benchmarks/serving/peers/requirements.txt | $(BIN)/python
	deploy/setup/environment.sh $(PYTHON) build/peers
	build/peers/bin/python -m pip install -qq --disable-pip-version-check --requirement $<
	@touch $@

clean: ## Remove the environment and everything built
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
