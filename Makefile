# Optiondesk: `make run` opens the desk, `make test` runs every test. Both set everything up first.
PYTHON ?= python3.11
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
PEERS  := .venv-peers/.installed
# The other Interactive Brokers library has an environment of its own: both install a package `eventkit`.
IB_ASYNC := .venv-ib-async/.installed
# The brokers' official client, whose only use is to prove the simulator.
CLIENTS  := .venv-clients/ibapi-10.19/.installed .venv-clients/ibapi-10.30/.installed
IB_TESTS := tests/execution/brokers/ibkr tests/simulators/tws tests/test_main_ibkr.py
ARGS   ?=

.PHONY: run run-ib-async test pytest check bench screenshots setup lock clean

run: setup
	@$(PY) main.py $(ARGS)

# The desk with ib_async, the maintained library, for Interactive Brokers.
run-ib-async: $(IB_ASYNC)
	@.venv-ib-async/bin/python main.py $(ARGS)

test: pytest

# Everything once with ib_insync, then what concerns Interactive Brokers with ib_async.
pytest: setup $(IB_ASYNC) $(CLIENTS)
	@QT_QPA_PLATFORM=offscreen $(PY) -m ui.preflight
	@QT_QPA_PLATFORM=offscreen $(PY) -m pytest -n 2 --dist worksteal $(ARGS)
	@QT_QPA_PLATFORM=offscreen .venv-ib-async/bin/python -m pytest -n 2 --dist worksteal $(IB_TESTS) $(ARGS)

check: setup
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy .
	@$(MAKE) --no-print-directory pytest

bench: setup $(PEERS)
	@QT_QPA_PLATFORM=offscreen $(PY) -m benchmarks $(ARGS)

screenshots: setup
	@QT_QPA_PLATFORM=offscreen $(PY) main.py tour --out tour-out --pictures docs/pictures $(ARGS)

setup: $(STAMP)

# The lock file pins every package by version and hash; nothing else is installed.
$(STAMP): requirements.lock
	@$(PYTHON) .ci/bootstrap.py $(VENV) requirements.lock
	@touch $(STAMP)

$(IB_ASYNC): requirements-ib-async.lock
	@$(PYTHON) .ci/bootstrap.py .venv-ib-async requirements-ib-async.lock
	@touch $(IB_ASYNC)

.venv-clients/%/.installed: .ci/%.lock $(STAMP)
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
	  --upgrade --target .venv-clients/$* --requirement .ci/$*.lock
	@touch $@

# The libraries that the benchmarks race against, in an environment of their own.
$(PEERS): benchmarks/requirements-peers.lock
	@$(PYTHON) .ci/bootstrap.py .venv-peers benchmarks/requirements-peers.lock
	@touch $(PEERS)

# For maintainers, after changing pyproject.toml: needs `pip install uv`.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --extra dev --extra ib-insync pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --extra dev --extra ib-async pyproject.toml -o requirements-ib-async.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  benchmarks/requirements-peers.in -o benchmarks/requirements-peers.lock

clean:
	rm -rf $(VENV) .venv-peers .venv-ib-async .venv-clients build tour-out
