# make serve    the mock on its bundled scripts, in the foreground, on port 7777
# make test     the whole suite, a real AgentOS 2.5.6 included
# make help     the rest

PYTHON ?= python3.11
VENV := .venv
AGENTOS := .venv-agentos
AGNO3 := .venv-agno3
AGNO3_VERSION := 3.1.10
PORT ?= 7777
# Two to a processor: half of its time a test waits for a server that waits.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 * len(os.sched_getaffinity(0)))' 2>/dev/null || echo 4)
ARGS ?=

INSTALLED := $(VENV)/.installed
AGENTOS_INSTALLED := $(AGENTOS)/.installed

# Other Pythons that the wheel runs on, where they are installed: on the path, or pyenv's.
other-python = $(or \
	$(shell python$(1) -c 'import sys; print(sys.executable)' 2>/dev/null), \
	$(lastword $(sort $(wildcard $(HOME)/.pyenv/versions/$(1).*/bin/python$(1)))))
OTHERS = $(foreach version,3.12 3.13,$(if $(call other-python,$(version)),.venv-$(version)/.installed))

# pip-install ENVIRONMENT WHAT: by uv, in seconds; where uv reaches no index, by pip.
pip-install = $(VENV)/bin/uv pip install --quiet --python $(1)/bin/python $(2) || \
	$(VENV)/bin/pip --python $(1)/bin/python install --quiet $(2)

# Hundreds of processes are to come: each would compile the kit anew.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# As pip does it.
export UV_COMPILE_BYTECODE := 1

# Node.js, npm and Chromium, for the package in js/ and the pages' tests. System packages: apt-get
# has them.
NODE_INSTALLED := js/node_modules/.installed
apt-install = (apt-get install -y -q $(1) >/dev/null 2>&1 || \
	(apt-get update -q >/dev/null 2>&1 && apt-get install -y -q $(1) >/dev/null 2>&1))

.PHONY: browser js
browser:
	@command -v npm >/dev/null || $(call apt-install,nodejs npm) || \
		echo "Node.js could not be installed (apt-get): the tests of js/ are skipped"
	@test -x /usr/bin/chromium || $(call apt-install,chromium) || \
		echo "Chromium could not be installed (apt-get): the tests of pages are skipped"

$(NODE_INSTALLED): js/package-lock.json | browser
	@if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then \
		cd js && npm ci --silent --no-audit --no-fund && touch node_modules/.installed; \
	else echo "Node.js 20 or later and npm are needed for the tests of js/: they are skipped"; fi

# The package in js/: types, build, tests in Node, and the example and the mock's page in Chromium.
js: install $(NODE_INSTALLED)
	@if test -e $(NODE_INSTALLED); then cd js && export AGENTOS_MOCK_COMMAND=$(CURDIR)/$(VENV)/bin/agentos-mock && \
		npm run --silent check && npm run --silent build && npm run --silent test && \
		{ test ! -x /usr/bin/chromium || npm run --silent test:browser; }; fi

.PHONY: docs docs-serve help install install-others agentos redis shells gateways serve test test-binary fast differential drift-agno3 drift-data matrix compositions lint format bench soak lock clean

help:
	@echo "make install  .venv with the commands mockserver and contract-tests"
	@echo "make install-others  environments of Python 3.12 and 3.13, where they are, for the wheel's test"
	@echo "make serve    the mock on its bundled scripts (PORT=7777, ARGS=...)"
	@echo "make test     the whole suite"
	@echo "make test-binary  builds the binary and tries it in an empty environment"
	@echo "make fast     the suite without a real AgentOS and the matrix"
	@echo "make differential  a thousand drawn workflows by a real AgentOS and by the mock (ARGS='--trees N --seed S')"
	@echo "make matrix   docs/self-proof.md anew: what the contract tests find of each deviation"
	@echo "make compositions  200 random sets of deviations and variations (N=200)"
	@echo "make lint     ruff, mypy, import-linter, bandit"
	@echo "make docs     the docs as a site, in build/site; make docs-serve shows it while you write"
	@echo "make js       the npm package in js/: types, build, tests in Node and Chromium"
	@echo "make browser  Node.js, npm and Chromium, system packages, where they are missing (make js calls it)"
	@echo "make binary   dist/agentos-mock, one file that needs no Python (and dist/contract-tests, its second name)"
	@echo "make bench    the benchmarks, as ratios"
	@echo "make soak     what an hour of everything at once leaves behind (ARGS='--seconds 60')"
	@echo "make drift-agno3   contract-tests drift on a real AgentOS 3.1.10, installed in .venv-agno3"
	@echo "make drift-data    what drift starts from (AgentOS 2.5.6) and is tried on (3.1.10), anew"
	@echo "make agentos  .venv-agentos with a real AgentOS 2.5.6 (make test calls it)"
	@echo "make redis    redis-server, a system package, where it is missing (make test calls it)"
	@echo "make shells   zsh and fish, system packages, where they are missing (make test calls it)"
	@echo "make gateways  nginx and HAProxy, system packages, where they are missing (make test calls it)"
	@echo "make lock     requirements.lock and that of the Action and the image, with hashes, anew from pyproject.toml"

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/# via/p' requirements.lock >$(VENV)/uv.lock
	$(VENV)/bin/pip install --quiet --require-hashes -r $(VENV)/uv.lock
	$(call pip-install,$(VENV),-r requirements.lock)
	$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(AGENTOS_INSTALLED): scripted_agentos/requirements.txt | $(INSTALLED)
	$(PYTHON) -m venv --without-pip $(AGENTOS)
	$(call pip-install,$(AGENTOS),-r scripted_agentos/requirements.txt)
	touch $@

.venv-3.%/.installed: requirements.lock | $(INSTALLED)
	$(call other-python,3.$*) -m venv --without-pip $(@D)
	$(call pip-install,$(@D),-r requirements.lock)
	touch $@

# A real redis-server, for what several machines share. A system package: apt-get has it.
redis:
	@command -v redis-server >/dev/null || \
		(apt-get install -y -q redis-server >/dev/null 2>&1 || \
		(apt-get update -q >/dev/null 2>&1 && apt-get install -y -q redis-server >/dev/null 2>&1)) || \
		echo "redis-server could not be installed (apt-get): its tests are skipped"

# Shells that the commands' completion is tried in. System packages: apt-get has them.
shells:
	@for shell in zsh fish; do command -v $$shell >/dev/null || $(call apt-install,$$shell) || \
		echo "$$shell could not be installed (apt-get): its tests are skipped"; done

# Gateways that the contract tests are tried behind. System packages: apt-get has them.
gateways:
	@command -v nginx >/dev/null || test -x /usr/sbin/nginx || $(call apt-install,nginx-light) || \
		echo "nginx could not be installed (apt-get): the tests behind it are skipped"
	@command -v haproxy >/dev/null || test -x /usr/sbin/haproxy || $(call apt-install,haproxy) || \
		echo "HAProxy could not be installed (apt-get): the tests behind it are skipped"

install: $(INSTALLED)
install-others: $(OTHERS)
agentos: $(AGENTOS_INSTALLED)

serve: install
	$(VENV)/bin/mockserver serve --port $(PORT) $(ARGS)

# What js/ has is tried beside the rest, which waits for servers half of its time; it is said last.
# Not $(MAKE), by which make -n would run all of it.
JS_LOG := $(VENV)/js.log
test: install install-others agentos redis shells gateways $(NODE_INSTALLED)
	@make --no-print-directory js >$(JS_LOG) 2>&1 & js=$$!; \
	make --no-print-directory lint || { kill $$js; exit 1; }; \
	$(VENV)/bin/pytest -n $(WORKERS) --dist worksteal -m "not binary" $(ARGS); code=$$?; \
	wait $$js || code=$$?; cat $(JS_LOG); exit $$code

# The binary, built and tried in an empty environment: minutes that `make test` does not have.
test-binary: install
	$(VENV)/bin/pytest -m binary $(ARGS)

fast: install install-others
	$(VENV)/bin/pytest -n $(WORKERS) --dist worksteal -m "not agentos and not slow" $(ARGS)

# A newer AgentOS, on demand: `make test` has it as it was recorded.
$(AGNO3)/.installed: scripted_agentos/requirements.in | $(INSTALLED)
	$(PYTHON) -m venv --without-pip $(AGNO3)
	sed 's/^agno.*/agno[os]==$(AGNO3_VERSION)/' $< > $(AGNO3)/requirements.in
	$(call pip-install,$(AGNO3),-r $(AGNO3)/requirements.in)
	touch $@

drift-agno3: install $(AGNO3)/.installed
	AGNO3_PYTHON=$(AGNO3)/bin/python $(VENV)/bin/pytest -q tests/contract_tests/drift/test_drift_agno.py \
		-k 3_1_10 $(ARGS)

drift-data: install agentos $(AGNO3)/.installed
	$(VENV)/bin/python -m tests.drift_data baseline contract_tests/drift/baselines/agno-2.5.6.json
	$(VENV)/bin/python -m tests.drift_data recording $(AGNO3)/bin/python fixtures/drift agno-$(AGNO3_VERSION)

differential: install agentos
	$(VENV)/bin/python -m tests.differential $(ARGS)

matrix: install
	$(VENV)/bin/python -m tests.self_proof $(ARGS)

compositions: install
	COMPOSITIONS=$(or $(N),200) $(VENV)/bin/pytest -q -n auto --timeout 0 tests/self_proof/test_composition.py $(ARGS)

lint: install
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(VENV)/bin/bandit --quiet --recursive --configfile pyproject.toml \
		agentos_contract mockserver contract_tests scripted_agentos 2>$(VENV)/bandit.log || \
		{ cat $(VENV)/bandit.log; false; }

format: install
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# One file that needs no Python, on the system that it is built on. contract-tests is its second
# name: what it does goes by the name that it is called by.
BINARY := dist/agentos-mock
BINARY_OF := deploy/binary.py deploy/binary.spec $(shell find agentos_contract mockserver contract_tests \
	openapi fixtures/workflows -type f -not -name '*.pyc')

binary: $(BINARY)

$(BINARY): $(BINARY_OF) | $(INSTALLED)
	$(VENV)/bin/pyinstaller --noconfirm --log-level ERROR --distpath dist --workpath build/binary deploy/binary.spec
	ln -sf $(@F) dist/contract-tests

# MkDocs' theme tells of its successor at every start: docs/dependencies.md has it.
docs docs-serve: export NO_MKDOCS_2_WARNING := 1
docs: install
	$(VENV)/bin/mkdocs build --strict --quiet
	@echo "build/site/index.html"

docs-serve: install
	$(VENV)/bin/mkdocs serve --livereload $(ARGS)

# Other mocks to measure beside this one, where Node.js is: aimock, Prism.
PEERS_INSTALLED := benchmarks/peers/node_modules/.installed
$(PEERS_INSTALLED): benchmarks/peers/package-lock.json
	@if command -v npm >/dev/null; then cd benchmarks/peers && npm ci --silent --no-audit --no-fund && touch node_modules/.installed; \
	else echo "without Node.js aimock and Prism are not measured"; fi

bench: install agentos $(PEERS_INSTALLED)
	$(VENV)/bin/python -m benchmarks.throughput $(ARGS)

# What an hour of everything at once leaves behind; shorter by ARGS='--seconds 60'.
soak: install
	$(VENV)/bin/python -m benchmarks.soak $(ARGS)

lock: install
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header \
		--generate-hashes --group dev --output-file requirements.lock pyproject.toml
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
		--generate-hashes --group build --extra redis --constraints requirements.lock \
		--output-file .github/actions/contract-tests/requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .venv-3.* $(AGENTOS) $(AGNO3) .mypy_cache .ruff_cache .pytest_cache build dist
