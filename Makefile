# Everything a newcomer needs is a make target; `make` alone lists them.
# A machine with Python 3.11 or later, make and pip is enough: the targets make their own
# environments, and install again only when pyproject.toml or the pins have changed.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test coverage test-fast lint test-heavy test-lowest sanitize bench bench-tabular bench-stack bench-verdicts bench-mnist bench-search bench-recipes docs docs-outputs docs-version news release format hooks clean distclean

OLDEST := (3, 11)
IS_NEW_ENOUGH := import sys; sys.exit(sys.version_info < $(OLDEST))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$python -c '$(IS_NEW_ENOUGH)' 2>/dev/null && echo $$python && break; done)

VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
LOWEST_VENV := .venv-lowest
# What an installation is made of: it is made again when one of these changes.
STEP := setup.py $(wildcard src/wellfit/training/native/*.cpp src/wellfit/training/native/*.h)
RELEASE_VENV := .venv-release
WORKERS ?= 2

# The suite's networks are tiny: one thread for each of the workers beats two that wait.
# Compiled files are kept, whatever the shell says: tests start hundreds of processes.
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=
pytest = $(ONE_THREAD) $(1)/python -m pytest
# The laws of the engine and the units below the estimators.
FAST := $(addprefix tests/,augment core nn optim preprocessing testing training test_old_files.py)

VERSION := $(shell sed -n 's/^version = "\([0-9]*\.[0-9]*\).*/\1/p' pyproject.toml)
TORCH := $(shell sed -n 's/^torch==//p' constraints.txt)
TORCH_CPU_INDEX := https://download.pytorch.org/whl/cpu

DEMO := wellfit train digits --batch-norm --dropout 0.3 --no-early-stopping

help:  ## List the targets
	@echo "wellfit: feed-forward networks, well fit"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  make PYTHON=python3.12 …   uses that interpreter for new environments"

demo: $(VENV)/.installed  ## Train on handwritten digits and draw the learning curve
	@$(BIN)/$(DEMO) --run runs/demo --overwrite
	@echo "The demo's model, metrics and pictures are in runs/demo."

test: lint  ## Check style, types and floors; run every test and doctest
	@echo "tests …"
	@$(call pytest,$(BIN)) -n $(WORKERS) --dist worksteal

coverage: $(VENV)/.installed-test  ## Run every test, and list the lines that none of them reaches
	@$(call pytest,$(BIN)) -n $(WORKERS) --dist worksteal --cov --cov-report=term:skip-covered

test-fast: $(VENV)/.installed-test  ## Run the laws and units only, in a minute or so
	@$(call pytest,$(BIN)) -n $(WORKERS) --dist worksteal $(FAST)

lint: $(VENV)/.installed-test  ## Check style, types and floors only
	@echo "style …"
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet || { echo "not formatted; run: make format"; exit 1; }
	@echo "types …"
	@$(BIN)/mypy
	@echo "floors …"
	@$(BIN)/lint-imports --no-logo --no-cache

test-heavy: $(VENV)/.installed-test  ## Run the long checks that `make test` leaves out
	@$(call pytest,$(BIN)) -m "heavy or hypothesis" --hypothesis-profile thorough

# With the sanitizers' allocator beneath Python, whose own leaks aren't ours.
sanitize: $(VENV)/.installed-test  ## Run the compiled step's tests under address and undefined-behaviour sanitizers
	@mkdir -p build
	@g++ -std=c++17 -O1 -g -fPIC -shared -pthread -fno-math-errno -fno-trapping-math -ffp-contract=fast \
		-fsanitize=address,undefined -fno-sanitize-recover=undefined \
		-o build/step.sanitized.so src/wellfit/training/native/step.cpp
	@LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libubsan.so)" \
		ASAN_OPTIONS=detect_leaks=0 WELLFIT_NATIVE=build/step.sanitized.so \
		$(call pytest,$(BIN)) tests/training/test_native.py tests/training/test_native_judge.py

test-lowest: $(LOWEST_VENV)/.installed  ## Run every test on the oldest versions allowed
	@$(call pytest,$(LOWEST_VENV)/bin) -n $(WORKERS) --dist worksteal

bench: $(BENCH_VENV)/.installed  ## Time wellfit against its peers, each in its own process
	@$(BENCH_VENV)/bin/python -m benchmarks.bench --out runs/bench/epochs.json

bench-tabular: $(BENCH_VENV)/.installed  ## Compare with seven peers on 15 tables; hours, may be interrupted
	@$(BENCH_VENV)/bin/python -m benchmarks.tabular --out runs/bench/tabular.json --picture runs/bench/tabular.png

bench-mnist: $(VENV)/.installed  ## Measure on MNIST what the methods reach and cost
	@$(BIN)/python -m benchmarks.mnist

bench-search: $(BENCH_VENV)/.installed  ## Time searches by stacks against those of other libraries
	@$(BENCH_VENV)/bin/python -m benchmarks.searches --out runs/bench/searches.json

bench-recipes: $(BENCH_VENV)/.installed  ## Time the sources' recipes in Keras, and ours to their accuracy
	@$(BENCH_VENV)/bin/python -m benchmarks.recipes --out runs/bench/recipes.json

bench-stack: $(VENV)/.installed  ## Time 32 networks in one stack against 32 alone
	@$(BIN)/python -m benchmarks.stack

bench-verdicts: $(VENV)/.installed  ## Compare verdicts with an expert's, on ill and healthy trainings
	@$(BIN)/python -m benchmarks.illnesses --jobs $(WORKERS) --out benchmarks/results/illnesses.md

docs-outputs: $(VENV)/.installed-test  ## Write below each example of the pages what it prints
	@$(ONE_THREAD) $(BIN)/python docs/outputs.py --write

# mike looks for mkdocs on the path.
docs-version: export PATH := $(CURDIR)/$(BIN):$(PATH)
docs-version: $(VENV)/.installed-docs  ## Add this version's pages to the branch gh-pages, as the latest
	@NO_MKDOCS_2_WARNING=1 mike --quiet deploy --update-aliases $(VERSION) latest
	@NO_MKDOCS_2_WARNING=1 mike set-default latest
	@echo "The pages are on the branch gh-pages; publish them by: git push origin gh-pages"

docs: $(VENV)/.installed-docs  ## Build the documentation into site/
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "The documentation is in site/index.html."

news: $(VENV)/.installed-release  ## Show what the next release's changelog says so far
	@$(BIN)/python -m towncrier build --draft 2>/dev/null

# The wheel, not the checkout, is what users get: a file that it lacks shows only elsewhere.
# PyPI takes wheels for Linux by the oldest glibc that they run on, which auditwheel finds from the
# symbols of the compiled step. Elsewhere the wheel has its tag already.
release: $(VENV)/.installed-release  ## Build sdist and wheel, and run the demo from the wheel
	@rm -rf dist $(RELEASE_VENV)
	@$(BIN)/python -m build --quiet --outdir dist
	@if ls dist/*-linux_*.whl >/dev/null 2>&1; then \
		PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/auditwheel repair --wheel-dir dist dist/*-linux_*.whl \
		&& rm dist/*-linux_*.whl; fi
	@$(MAKE) --no-print-directory $(RELEASE_VENV)/bin/python
	$(call cpu_torch,$(RELEASE_VENV)/bin)
	@$(call pip,$(RELEASE_VENV)/bin) --constraint constraints.txt dist/*.whl
	@folder="$$(mktemp -d)" && cd "$$folder" \
		&& "$(CURDIR)/$(RELEASE_VENV)/bin/"$(DEMO) --run demo --quiet \
		&& rm -rf "$$folder"
	@echo "Ready to upload:" dist/*

format: $(VENV)/.installed-test  ## Sort imports, fix what can be fixed, format
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format

hooks: $(VENV)/.installed-test  ## Check style and types before every commit (pre-commit)
	@$(call pip,$(BIN)) --constraint constraints.txt pre-commit
	@$(BIN)/pre-commit install

clean:  ## Remove caches, coverage and built documentation
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	rm -rf .coverage .coverage.* coverage.xml htmlcov build dist site
	find src tests benchmarks docs -name __pycache__ -type d -exec rm -rf {} +

distclean: clean  ## Remove the environments as well
	rm -rf $(VENV) $(BENCH_VENV) $(LOWEST_VENV) $(RELEASE_VENV)

# --- environments ---------------------------------------------------------------------------

pip = $(1)/python -m pip install -qq --disable-pip-version-check

# Linux's default build of torch brings gigabytes of CUDA along. Where there is no NVIDIA GPU, try
# the CPU build: from pip's configured sources, then from PyTorch's own. Neither there? Go on.
define cpu_torch
	@if [ "$$(uname -s)" = Linux ] && ! command -v nvidia-smi >/dev/null; then \
		$(call pip,$(1)) --no-deps "torch==$(TORCH)+cpu" 2>/dev/null \
		|| $(call pip,$(1)) --no-deps --retries 1 --timeout 15 \
			--index-url $(TORCH_CPU_INDEX) "torch==$(TORCH)+cpu" 2>/dev/null \
		|| true; fi
endef

# $(call install,environment's bin,extras,pins)
define install
	@echo "installing wellfit-nn$(2) (the first time takes a minute or more) …"
	$(call cpu_torch,$(1))
	@$(call pip,$(1)) --constraint $(3) --editable ".$(2)"
endef

$(VENV)/.installed: pyproject.toml constraints.txt $(STEP) | $(BIN)/python
	$(call install,$(BIN),,constraints.txt)
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt $(STEP) | $(BIN)/python
	$(call install,$(BIN),[test],constraints.txt)
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,$(BIN),[docs],constraints.txt)
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-release: pyproject.toml constraints.txt | $(BIN)/python
	$(call install,$(BIN),[release],constraints.txt)
	@touch $@ $(VENV)/.installed

$(BENCH_VENV)/.installed: pyproject.toml benchmarks/constraints.txt $(STEP) | $(BENCH_VENV)/bin/python
	$(call install,$(BENCH_VENV)/bin,[bench],benchmarks/constraints.txt)
	@touch $@

$(LOWEST_VENV)/lowest.txt: pyproject.toml | $(LOWEST_VENV)/bin/python
	@$(LOWEST_VENV)/bin/python -c 'import tomllib; \
		project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
		print(*(line.replace(">=", "==") for line in project["dependencies"]), sep="\n")' > $@

$(LOWEST_VENV)/.installed: $(LOWEST_VENV)/lowest.txt
	$(call install,$(LOWEST_VENV)/bin,[test],$<)
	@touch $@

# Some systems ship Python without ensurepip: an environment is then made without pip, and the
# pip that there is puts one in.
%/bin/python:
	@$(if $(PYTHON),,echo "wellfit needs Python 3.11 or later, and none was found on the PATH." \
		"Install one, or name it: make PYTHON=/path/to/python3.11"; exit 1)
	@$(PYTHON) -c '$(IS_NEW_ENOUGH)' || { echo "wellfit needs Python 3.11 or later;" \
		"$(PYTHON) is $$($(PYTHON) --version 2>&1). Name a newer one:" \
		"make PYTHON=/path/to/python3.11"; exit 1; }
	@echo "making $* with $$($(PYTHON) --version) …"
	@$(PYTHON) -m venv $* >/dev/null 2>&1 \
		|| { $(PYTHON) -m venv --clear --without-pip $* \
			&& $(PYTHON) -m pip --python $@ install -qq pip; } \
		|| { rm -rf $*; exit 1; }
