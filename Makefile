# The commands of this project. Only GNU make and Python 3.11 or newer have to be there; each
# target installs what it needs into .venv, pinned and checked by hash, and not twice.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

LISTEN ?= 127.0.0.1:10912
UPSTREAM ?=
ARGS ?=
CASES ?= 300
N ?= 5000
SEED ?=
HOURS ?= 24

SHELL := /bin/sh
.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run demo test unit check format fuzz soak bench bench-peers bench-growth bench-workers reliability coverage requirements wheel clean FORCE

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  Settings: LISTEN=$(LISTEN)  PYTHON=$(PYTHON)  ARGS='more flags for thanoxy or pytest'"

# ── start it ────────────────────────────────────────────────────────────────────────────────

run: $(VENV)/.run ## the proxy in front of UPSTREAM=http://…; without it, of a synthetic upstream
	exec $(PY) -m proxy --http-address=$(LISTEN) \
	  $(if $(UPSTREAM),--query-frontend.downstream-url=$(UPSTREAM),--demo) $(ARGS)

demo: $(VENV)/.test ## the proxy in front of a real Thanos with a few days of sample data
	$(PY) scripts/real_servers.py thanos
	exec $(PY) -m scripts.demo --exec -- \
	  $(PY) -m proxy --query-frontend.downstream-url={url} --http-address=$(LISTEN) $(ARGS)

# ── judge it ────────────────────────────────────────────────────────────────────────────────

test: $(VENV)/.test ## all tests, against a real Thanos (built once, then kept in the cache folder)
	$(PY) scripts/real_servers.py thanos prometheus memcached redis chromium helm
	$(PY) -m pytest --cases=$(CASES) $(if $(SEED),--seed=$(SEED)) $(ARGS)

unit: $(VENV)/.test ## the tests that need no Thanos and no Prometheus
	$(PY) scripts/real_servers.py memcached redis chromium helm
	$(PY) -m pytest -m "not thanos" $(ARGS)

check: $(VENV)/.check ## format, lint, types, layers, generated code; says all that is wrong
	@failed=; \
	for step in "ruff format --check --quiet" "ruff check" mypy lint-imports "python scripts/generate_pb.py --check" "python -m scripts.settings_table --check" "python -m scripts.monitoring_files --check"; do \
	  echo "── $$step"; $(VENV)/bin/$$step || failed="$$failed  $$step\n"; \
	done; \
	test -z "$$failed" || { printf "make check: failed:\n$$failed"; exit 1; }

format: $(VENV)/.check ## rewrite the code in the one format, and mend what ruff can
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

fuzz: $(VENV)/.test ## N=5000 random queries, thanoxy against Thanos; SEED=… repeats a run
	$(PY) scripts/real_servers.py thanos prometheus
	$(PY) -m pytest tests/differential --cases=$(N) \
	  --seed=$(or $(SEED),$(shell date +%s)) --hypothesis-profile=deep -o faulthandler_timeout=0 $(ARGS)

soak: $(VENV)/.test ## HOURS=24 simulated hours of dashboards with faults, in minutes; SEED=… repeats a run
	$(PY) -m tests.soak --hours $(HOURS) --seed $(or $(SEED),$(shell date +%s)) $(ARGS)

bench: $(VENV)/.test ## every stage by itself, in ns a point; saved, COMPARE=0001 shows what changed
	$(PY) -m pytest benchmarks/stages -o faulthandler_timeout=0 --benchmark-autosave \
	  $(if $(COMPARE),--benchmark-compare=$(COMPARE),--benchmark-quiet) $(ARGS)
	$(PY) -m benchmarks.table $(if $(COMPARE),--against=$(COMPARE))

bench-peers: $(VENV)/.test ## thanoxy and its peers in turns on a real Thanos; a short run: ARGS=--quick
	$(PY) scripts/real_servers.py thanos cortex prometheus shim
	$(PY) -m benchmarks.peers $(ARGS)

bench-growth: $(VENV)/.test ## how costs grow with points, clients and the cache; ARGS=--quick
	$(PY) -m benchmarks.growth $(ARGS)

bench-workers: $(VENV)/.test ## several workers beside one process: hits, memory, restarts; ARGS=--quick
	$(PY) scripts/real_servers.py thanos
	$(PY) -m benchmarks.workers $(ARGS)

reliability: $(VENV)/.test ## what clients see while upstreams fail: some ten minutes, writes docs/reliability.md
	$(PY) scripts/real_servers.py thanos
	$(PY) -m tests.reliability.table $(ARGS)

coverage: $(VENV)/.test ## all tests, with the lines and branches that none of them reached
	$(PY) scripts/real_servers.py thanos prometheus memcached redis chromium helm
	$(PY) -m coverage run -m pytest $(ARGS)
	$(PY) -m coverage report

# ── pack it, tidy up ────────────────────────────────────────────────────────────────────────

wheel: $(VENV)/.build ## dist/thanoxy-….whl
	$(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf build thanoxy.egg-info

clean: ## remove all that these targets made here (not the servers in the cache folder)
	rm -rf $(VENV) .venv-lock build dist thanoxy.egg-info .benchmarks .coverage .hypothesis
	rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ── what the targets above stand on ─────────────────────────────────────────────────────────

# A stamp in .venv says which requirements it holds. Packages come as wheels: nothing compiles.
INSTALL = -m pip install --quiet --disable-pip-version-check --only-binary=:all: --require-hashes

$(VENV)/.run $(VENV)/.test $(VENV)/.check $(VENV)/.build: $(VENV)/.%: requirements/%.txt $(VENV)/.made
	@echo "installing requirements/$*.txt into $(VENV)"
	@$(PY) $(INSTALL) -r $<
	@touch $@

# The interpreter behind an old .venv may be gone: then it is made anew.
$(VENV)/.made: $(if $(shell $(PY) -c 'print(1)' 2>/dev/null),,FORCE)
	@command -v $(PYTHON) >/dev/null || { \
	  echo "There is no '$(PYTHON)' here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed, '$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@touch $@

FORCE:

# Resolved with the oldest Python that is supported; its pins and hashes serve the newer ones too.
# No address and no path is written. UPGRADE=1 asks for the newest versions that the .in files allow.
requirements: ## write requirements/*.txt from requirements/*.in (with Python 3.11)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { \
	  echo "The pins are resolved with Python 3.11: make requirements PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv --clear .venv-lock
	.venv-lock/bin/python $(INSTALL) -r requirements/lock.txt
	for name in run test check build lock; do \
	  env -u PIP_FIND_LINKS CUSTOM_COMPILE_COMMAND="make requirements" \
	    .venv-lock/bin/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	    $(if $(UPGRADE),--upgrade) --output-file requirements/$$name.txt requirements/$$name.in || exit 1; \
	done
	rm -rf .venv-lock
