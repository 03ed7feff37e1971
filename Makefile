# Everything runs in .venv, which the first target makes from the tested versions in constraints.txt.

PYTHON ?= python3
BIN := .venv/bin
KERNEL_TESTS := tests/kernels

.PHONY: demo test test-kernels test-data test-live test-long test-peers lint bench clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/ready
	$(BIN)/python examples/demo.py

test: .venv/ready
	$(BIN)/python -m pytest
	$(MAKE) test-kernels

# Without JIT and for a generic processor, side by side: each keeps one core busy.
test-kernels: .venv/ready
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q $(KERNEL_TESTS) & without_jit=$$!; \
	NUMBA_CPU_NAME=generic $(BIN)/python -m pytest -q $(KERNEL_TESTS) && wait $$without_jit

test-data: .venv/ready
	@test -d "$(AUDIOCONV_DATA)" || { echo "set AUDIOCONV_DATA to a folder of recordings"; exit 2; }
	$(BIN)/python -m pytest -m data

test-live: .venv/ready
	$(BIN)/python -m pytest -m live

test-long: .venv/ready
	AUDIOCONV_LONG=1 $(BIN)/python -m pytest -m long

.venv/peers: .venv/ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,peers]'
	touch $@

test-peers: .venv/peers
	AUDIOCONV_PEERS=1 $(BIN)/python -m pytest tests/peers

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

bench: .venv/ready
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf .venv build dist demo .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
