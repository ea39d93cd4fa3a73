# Everything a newcomer needs: `make demo`, `make test`. Python 3.11 or later is all that must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help install demo test lint coverage notebooks docs bench-accuracy bench-serving bench-tickets bench-retrieval bench-webhooks bench-chaos bench-fuzz bench-redaction bench-promise bench-live-promise bench-review-loop clean

help:  ## Show what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

# What the demo needs, and nothing of what only developers need
$(VENV)/.installed: pyproject.toml constraints.txt
	@echo "Setting up $(VENV) (once, about a minute) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.11")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install -c constraints.txt -e ".[training,serving]"
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	@echo "Adding what tests and checks need ..."
	@$(PIP) install -c constraints.txt -e ".[training,serving,dev]"
	@touch $@

install: $(VENV)/.installed  ## Set up the virtual environment

demo: install  ## Train on the sample tickets, score two, serve the API (ARGS=--once ends after the two)
	@$(BIN)/triage demo $(ARGS)

test: $(VENV)/.installed-dev lint  ## Run every check and test (ARGS is handed to pytest)
	@$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

coverage: $(VENV)/.installed-dev  ## Run the tests and demand 90 % of the three packages
	@$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=90 $(ARGS)

notebooks: $(VENV)/.installed-dev  ## Run the notebooks from top to bottom
	@$(BIN)/python -m pytest tests/test_notebooks.py $(ARGS)

docs: $(VENV)/.installed-dev  ## Check what the documents claim: commands, replies, tables, links
	@$(BIN)/python -m pytest tests/test_documentation.py $(ARGS)

bench-accuracy: $(VENV)/.installed-dev  ## Train ours and its rivals on the same public tickets, side by side (ARGS=--sets ...)
	@$(BIN)/python benchmarks/accuracy.py $(ARGS)

bench-serving: $(VENV)/.installed-dev  ## Time a ticket in process and over HTTP, beside MLflow's server
	@$(BIN)/python benchmarks/serving.py

bench-tickets: $(VENV)/.installed-dev  ## Measure training on real tickets beside a plain baseline
	@$(BIN)/python benchmarks/real_tickets.py

bench-retrieval: $(VENV)/.installed-dev  ## Measure article retrieval beside BM25
	@$(BIN)/python benchmarks/retrieval.py

bench-webhooks: $(VENV)/.installed-dev  ## Time webhooks and the writing back on PostgreSQL, 50 deliveries a second
	@$(BIN)/python benchmarks/webhook_latency.py $(ARGS)

bench-chaos: $(VENV)/.installed-dev  ## Kill server and workers at random: nothing lost, nothing written twice (ARGS=--database ...)
	@$(BIN)/python benchmarks/chaos.py $(ARGS)

bench-fuzz: $(VENV)/.installed-dev  ## Send 20,000 random bodies to each vendor's webhook (ARGS=--bodies ...)
	@$(BIN)/python benchmarks/fuzz.py $(ARGS)

bench-redaction: $(VENV)/.installed-dev  ## Recall and precision of redaction, for each kind of personal data
	@$(BIN)/python benchmarks/redaction.py $(ARGS)

bench-promise: $(VENV)/.installed-dev  ## Measure whether promises hold
	@$(BIN)/python benchmarks/promise.py $(ARGS)

bench-live-promise: $(VENV)/.installed-dev  ## Measure whether promises hold in live operation
	@$(BIN)/python benchmarks/live_promise.py $(ARGS)

bench-review-loop: $(VENV)/.installed-dev  ## Measure what corrections teach the next model
	@$(BIN)/python benchmarks/review_loop.py $(ARGS)

clean:  ## Remove the virtual environment and everything written at run time
	rm -rf $(VENV) var .pytest_cache .mypy_cache .ruff_cache .hypothesis
