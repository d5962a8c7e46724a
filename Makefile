# Optiondesk: `make run` opens the desk, `make test` runs every test. Both set everything up first.
PYTHON ?= python3.11
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
PEERS  := .venv-peers/.installed
ARGS   ?=

.PHONY: run test check bench screenshots setup lock clean

run: setup
	@$(PY) main.py $(ARGS)

test: setup
	@QT_QPA_PLATFORM=offscreen $(PY) -m ui.preflight
	@QT_QPA_PLATFORM=offscreen $(PY) -m pytest -n 2 --dist worksteal $(ARGS)

check: setup
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(PY) -m mypy .
	QT_QPA_PLATFORM=offscreen $(PY) -m pytest -n 2 --dist worksteal $(ARGS)

bench: setup $(PEERS)
	@QT_QPA_PLATFORM=offscreen $(PY) -m benchmarks $(ARGS)

screenshots: setup
	@QT_QPA_PLATFORM=offscreen $(PY) main.py tour --out tour-out --pictures docs/pictures $(ARGS)

setup: $(STAMP)

# The lock file pins every package by version and hash; nothing else is installed.
$(STAMP): requirements.lock
	@$(PYTHON) .ci/bootstrap.py $(VENV) requirements.lock
	@touch $(STAMP)

# The libraries that the benchmarks race against, in an environment of their own.
$(PEERS): benchmarks/requirements-peers.lock
	@$(PYTHON) .ci/bootstrap.py .venv-peers benchmarks/requirements-peers.lock
	@touch $(PEERS)

# For maintainers, after changing pyproject.toml: needs `pip install uv`.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  --extra dev pyproject.toml -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header \
	  benchmarks/requirements-peers.in -o benchmarks/requirements-peers.lock

clean:
	rm -rf $(VENV) .venv-peers build tour-out
