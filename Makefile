# Two targets do the work: `make demo` and `make test`. Both need Python and make, nothing else:
# they create a virtual environment and install the tested versions into it.
PYTHON ?= python3
VENV ?= .venv
# Tests run one process a core of the smallest machine that they are run on.
JOBS ?= 2
# Further arguments: `make test ARGS="tests/packaging -x"`, `make demo ARGS="--seed 1"`.
ARGS ?=
# Of the experiments: smoke takes minutes, small about an hour; fig2 to beyond have the paper's too.
SCALE ?= smoke

BIN := $(VENV)/bin
PY := $(BIN)/python
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help venv demo leaderboard train fig2 fig5 table1 beyond argon adk test test-slow test-thorough bench lint format typecheck contracts clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## / {n = split($$1, names, " "); \
	  for (i = 1; i <= n; i++) printf "%-16s%s\n", names[i], $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## create the environment that all the others use

# Entry points and dependencies are read at installation: a change of either file reinstalls.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
	  echo "error: no '$(PYTHON)' on the path; name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	  echo "error: eqnorm needs Python 3.10 or newer, '$(PYTHON)' is $$($(PYTHON) --version 2>&1);" \
	    "name a newer one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || { \
	  echo "error: '$(PYTHON)' cannot create virtual environments (on Debian: apt install python3-venv)" >&2; exit 1; }
	@# An interrupted creation leaves an environment without pip: begin again.
	@$(PY) -m pip --version >/dev/null 2>&1 || { \
	  echo "creating $(VENV) with $$($(PYTHON) --version)"; $(PYTHON) -m venv --clear $(VENV); }
	@echo "installing eqnorm-zoo[dev] into $(VENV): a minute where torch is on the disk, a few to download it"
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP) ## simulate, train, check the symmetries and write an HTML report
	$(PY) -m examples.demo $(ARGS)

leaderboard: $(STAMP) ## train the velocity-EGNN with every norm and rank them; resumes
	$(PY) -m examples.leaderboard $(ARGS)

argon adk: $(STAMP) ## norms on molecular dynamics (SCALE=smoke or small); resumes
	$(PY) -m examples.nbody.real $@ --scale $(SCALE) $(ARGS)

fig2 fig5 table1 beyond: $(STAMP) ## reproduce the paper, and go beyond it; SCALE=smoke|small|paper; resumes
	$(PY) -m examples.nbody.reproduce $@ --scale $(SCALE) $(ARGS)

train: $(STAMP) ## one run, or a sweep, of examples/nbody: make train ARGS="norm=geonorm data.n=50"
	$(PY) -m examples.nbody.train $(ARGS)

test: $(STAMP) ## the default tests, doctests included
	$(PY) -m pytest -n $(JOBS) $(ARGS)

test-slow: $(STAMP) ## the tests marked slow
	$(PY) -m pytest -n $(JOBS) -m slow $(ARGS)

test-thorough: $(STAMP) ## all tests, with many more Hypothesis examples
	HYPOTHESIS_PROFILE=thorough $(PY) -m pytest -n $(JOBS) -m "slow or not slow" --timeout 3600 $(ARGS)

# In one process: a second one would disturb the timings.
bench: $(STAMP) ## timings, by pytest-benchmark
	$(PY) -m pytest tests/benchmarks --benchmark-enable --benchmark-only -m "slow or not slow" $(ARGS)

lint: $(STAMP) ## ruff, and the format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

format: $(STAMP) ## apply what lint asks for
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

typecheck: $(STAMP) ## mypy, strict
	$(PY) -m mypy

contracts: $(STAMP) ## which module may import which
	$(BIN)/lint-imports

clean: ## remove the environment, caches and builds; keeps data and reports
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .benchmarks
	find eqnorm adapters tests examples -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
