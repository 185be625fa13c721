# Everything a person or CI runs. `make demo` and `make test` work on a machine with only Python, pip and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test test-fast check format docs texts clean

demo: $(STAMP)
	$(BIN)/sidestep demo

# Three workers for two cores: tests of screens, and those that wait for a process or the disk, leave a core free for
# half of their time.
test: tests $(STAMP)
	$(BIN)/python -m pytest -n 3 --dist worksteal

test-fast: tests $(STAMP)
	$(BIN)/python -m pytest -n 3 --dist worksteal -m "not slow"

# A folder of the repository, which a source archive does not have.
tests:
	@echo "The tests are in the repository alone: this source archive is an eighth of it without them." >&2
	@false

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $(STAMP)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

docs: $(STAMP)
	$(BIN)/python -m tools.promises
	$(BIN)/sidestep docs

texts: $(STAMP)
	$(BIN)/python -m tools.texts
