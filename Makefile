# Everything runs in .venv, which the first target makes from the tested versions in constraints.txt.

PYTHON ?= python3
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := .venv/$(SCRIPTS)
KERNEL_TESTS := tests/kernels
PARALLEL := --numprocesses logical --maxprocesses 4 --dist loadfile
# With other versions a part of the tests shows what differs: each library that is used, and vectors in LLVM.
LOWEST_TESTS := tests/kernels/simd tests/io/test_files.py tests/io/test_ffmpeg.py tests/features/test_level.py \
	tests/classify/test_sklearn.py tests/report/test_plots.py tests/cli/test_main.py
SMOKE_TESTS := tests/kernels/simd tests/test_arrays.py tests/features/test_level.py tests/cli/test_main.py
LOWEST_SMOKE_TESTS := tests/kernels/simd tests/test_arrays.py
ARM_TESTS := --ignore tests/kernels/test_cache.py --ignore tests/kernels/test_guard_pages.py tests/kernels
RELEASE_TESTS := tests/test_arrays.py tests/test_compare.py tests/cli/test_main.py

.PHONY: demo test test-kernels test-data test-live test-long test-peers test-lowest test-others test-release test-arm \
	coverage lint docs bench clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade --constraint constraints.txt pip  # the one in Python is thrice as slow
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/ready
	$(BIN)/python examples/demo.py

# Files of tests are shared out over the cores. Live sound needs a quiet machine: it comes after them, by itself.
test: .venv/ready
	$(BIN)/python -m pytest $(PARALLEL) --durations 20 -m "not live"
	$(BIN)/python -m pytest -q -m live tests
	$(MAKE) test-kernels

# Without JIT and for a generic processor, side by side: each keeps one core busy. How kernels are kept on disk is the
# same for every processor, and tested in the main run.
test-kernels: .venv/ready
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q $(KERNEL_TESTS) & without_jit=$$!; \
	NUMBA_CPU_NAME=generic $(BIN)/python -m pytest -q --ignore tests/kernels/test_cache.py $(KERNEL_TESTS) && wait $$without_jit

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

# Not compiled once more: the bytecode of what is imported suffices, and the packages come out of pip's cache.
.venv-lowest/ready: .venv/ready constraints-lowest.txt
	$$(.ci/pythons 3.11) -m venv --without-pip .venv-lowest
	$(BIN)/python -m pip --python .venv-lowest install --quiet --no-compile --constraint constraints-lowest.txt \
		--editable '.[live,test]'
	touch $@

test-lowest: .venv-lowest/ready
	.venv-lowest/$(SCRIPTS)/python -m pytest -q $(LOWEST_TESTS)

.venv-3.%/ready: .venv/ready
	$$(.ci/pythons 3.$*) -m venv --without-pip .venv-3.$*
	$(BIN)/python -m pip --python .venv-3.$* install --quiet --no-compile --constraint constraints.txt \
		--editable '.[live,test]'
	touch $@

# The lowest NumPy and Numba for a version of Python, laid over the others.
.PRECIOUS: .venv-3.%/ready .venv-3.%/lowest
.venv-3.%/lowest: .venv-3.%/ready constraints-lowest.txt
	rm -rf $@
	grep -E '^(numba|numpy)==' constraints-lowest.txt > .venv-3.$*/lowest.txt
	$(BIN)/python -m pip --python .venv-3.$* install --quiet --no-compile --only-binary :all: --target $@ \
		--requirement .venv-3.$*/lowest.txt

test-on-3.%: .venv-3.%/ready .venv-3.%/lowest
	.venv-3.$*/$(SCRIPTS)/python -m pytest -q $(SMOKE_TESTS)
	PYTHONPATH=.venv-3.$*/lowest .venv-3.$*/$(SCRIPTS)/python -m pytest -q $(LOWEST_SMOKE_TESTS)

# The other tested versions of Python that this machine has.
test-others: .venv/ready
	main=$$($(BIN)/python -c "import sys; print('%d.%d' % sys.version_info[:2])"); \
	others=$$(.ci/pythons | cut -d= -f1 | grep -vx "$$main"); \
	echo "other versions of Python here: $${others:-none}"; \
	[ -z "$$others" ] || $(MAKE) $$(printf 'test-on-%s ' $$others)

test-release: .venv/ready
	.ci/test-release $(RELEASE_TESTS)

# Emulated: what compiles in a second takes one of minutes. Compiled kernels stay in .ci/arm64 for the next run.
test-arm: .venv/ready
	.ci/test-arm $(ARM_TESTS)

# Compiled code is not seen: the lines of kernels count where they run without JIT.
coverage: .venv/ready
	$(BIN)/python -m pytest -q $(PARALLEL) -m "not live" --cov --cov-report= --cov-fail-under=0
	$(BIN)/python -m pytest -q -m live --cov --cov-append --cov-report= --cov-fail-under=0 tests
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest -q --cov --cov-append --cov-report= --cov-fail-under=0 $(KERNEL_TESTS)
	$(BIN)/coverage report

lint: .venv/ready
	$(BIN)/python .ci/lowest.py --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# A warning is an error: a link within the site that leads nowhere, a docstring that cannot be read, a page nobody finds.
docs: .venv/ready
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d build/doctrees docs build/docs
	AUDIOCONV_SITE=build/docs $(BIN)/python -m pytest -q tests/test_site.py
	@echo "open build/docs/index.html"

bench: .venv/ready
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf .venv .venv-* .ci/arm64 .coverage build dist demo docs/examples docs/reference/api .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
