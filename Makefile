# Everything runs in .venv, made from the lock file. `make demo` and `make test` are all that a fresh machine needs.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo studio test test-fast slow lint types docs bench gpu-check campaign lock clean

.venv/made: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

.PHONY: venv
venv: .venv/made

demo: venv
	rm -rf demo
	$(BIN)/energan train ebgan-pt-mnist --out demo
	@echo "open demo/report.html in a browser"

# The studio on this folder's runs, the demo's too.
studio: venv
	$(BIN)/energan studio --runs .

# Where bytecode is not to be written, each of the many processes would compile all again.
TEST := PYTHONDONTWRITEBYTECODE= OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

test: venv
	$(TEST) -m "not slow"

# The mathematics alone, in about a minute: no runs, no commands, nothing compiled, no processes of several ranks.
LIBRARY := $(addprefix tests/,engine games losses networks samplers metrics data)

test-fast: venv
	$(TEST) -m "not slow and not compiles" $(LIBRARY) --ignore tests/engine/test_distributed.py

slow: venv
	$(BIN)/python -m pytest -m slow

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-logo --no-cache

types: venv
	$(BIN)/mypy

# The site in site/, with the API reference. A broken link fails.
docs: venv
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "open site/index.html in a browser"

bench: venv
	$(BIN)/python -m benchmarks

# Whether all is right on this machine's GPU: a table, and every item in gpu-check.json. A fault fails.
gpu-check: venv
	$(BIN)/python -m benchmarks.gpu check --json gpu-check.json

# The long reproductions, in pieces: `make campaign FLAGS="--minutes 9"`; again, and it goes on.
campaign: venv
	$(BIN)/python -m reproductions.campaign $(FLAGS)

# The lock file is what a fresh environment with all development extras resolves to.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet torch==2.13.0 -e '.[dev]'
	{ sed -n '/^#/p' requirements.lock; .venv-lock/bin/python -m pip freeze --exclude-editable --exclude energan | sed 's/+cpu$$//'; } > requirements.new
	mv requirements.new requirements.lock && rm -rf .venv-lock

clean:
	rm -rf .venv demo runs site
