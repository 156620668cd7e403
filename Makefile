.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ALONE := $(VENV)/.installed-alone
STAMP := $(VENV)/.installed
REAL := $(VENV)/.installed-real
SERVICES := $(VENV)/.installed-services
PICTURES := $(VENV)/.installed-pictures
DOCS := $(VENV)/.installed-docs
BENCH := $(VENV)/.installed-bench
FUZZ := $(VENV)/.installed-fuzz
DIST := $(VENV)/.installed-dist
AUDIT := $(VENV)/.installed-audit
MUTATION := $(VENV)/.installed-mutation
LOWEST_PYTHON ?= python3.10
LOWEST := build/lowest
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check

.PHONY: help demo test test-more test-again test-web test-real test-gpu test-services test-lowest lock audit sbom install-real docs man dist wheelhouse pictures lint types check bench soak fuzz mutation corpus public-logs detection detection-logs detection-real format clean

help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(ALONE): pyproject.toml
	@echo 'Installing runwatch into $(VENV), once: about 25 MB to download, half a minute if pip has them already'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -e .
	@touch $@

# LOCKED=1 takes exactly the versions of supply_chain/locks, by their hashes, where there is a file for this Python.
$(STAMP): pyproject.toml
	@echo 'Installing runwatch and what its tests need into $(VENV), once: a minute or two'
	$(PYTHON) -m venv $(VENV)
ifdef LOCKED
	path=$$($(BIN)/python -m supply_chain.lock --path) && $(INSTALL) --require-hashes --only-binary :all: -r $$path
	$(INSTALL) --no-deps --no-build-isolation -e .
else
	$(INSTALL) -e '.[dev,wandb]'
endif
	@touch $@ $(ALONE)

demo: $(ALONE)  ## Train a small real model for half a minute and watch it
	$(BIN)/runwatch demo

test: $(STAMP)  ## Run the tests
	$(BIN)/python -m pytest -n 4 --dist worksteal

test-more: $(STAMP)  ## Run the longer tests: every size, view and cut, all examples
	RUNWATCH_DEEP=1 $(BIN)/python -m pytest -n 3 --dist worksteal -m 'deep or hypothesis'

test-lowest: $(STAMP)  ## Run the quick tests with the lowest Python and versions that are allowed: [TESTS=tests/parsers]
	@mkdir -p build
	$(BIN)/python -m supply_chain.lowest > build/lowest.txt
	$(LOWEST_PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -c build/lowest.txt \
		-e '.[dev,apprise,figures,parquet,stacks,wandb,web]'
	$(LOWEST)/bin/python -m pytest -n 2 --dist worksteal $(TESTS)

test-again: $(STAMP)  ## Rerun the tests that failed last, one by one
	RUNWATCH_DEEP=1 $(BIN)/python -m pytest -v --last-failed --last-failed-no-failures none -m 'not services and not browser and not gpu'

$(REAL): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,wandb,real]'
	@touch $@

# Where pip would take torch with CUDA, PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu gives the CPU build.
install-real: $(REAL)

test-real: $(REAL)  ## Run the tests with real training libraries and readers
	$(BIN)/python -m pytest -m real tests/real tests/export

# Takes the torch that is installed; with an older driver: pip install torch from an index of its CUDA first.
test-gpu:  ## Compare with a real NVIDIA card and provoke its rules; skipped where there is none
	@if nvidia-smi -L > /dev/null 2>&1; then $(MAKE) $(REAL) && $(BIN)/python -m pytest -rs -s -m gpu tests/gpu; \
	else echo 'skipped: no NVIDIA card here (nvidia-smi -L lists none)'; fi

$(SERVICES): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,wandb,services]'
	@touch $@

# Taken from the path: apt-get install prometheus prometheus-alertmanager victoria-metrics openssh-server, or
# ALERTMANAGER=/where/it/is PROMETHEUS_BIN=/folder/of/the/others
test-services: $(SERVICES)  ## Test with real services: SMTP, Prometheus, Alertmanager, a strict Slack, sshd; 200 kills
	$(BIN)/python -m pytest -m services tests/services

$(DOCS): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,wandb,docs]'
	@touch $@

docs: $(DOCS)  ## Build the documentation site in build/site; broken links fail
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo open build/site/index.html

man: $(ALONE)  ## Make the manual pages in build/man; wheels contain them
	$(BIN)/python -m runwatch.cli.manual build/man

$(DIST): $(STAMP)
	$(INSTALL) --quiet -e '.[dev,wandb,dist]'
	@touch $@

dist: $(DIST)  ## Build the wheel and the sdist in dist, and check them
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	@! grep -q '^source = .*\.example"' pyproject.toml || \
		echo 'not ready for a package index: set the public address of the repository in pyproject.toml (source)'

lock:  ## Lock what CI installs with LOCKED=1, by version and hash, for PYTHON on this platform
	$(PYTHON) -m supply_chain.lock

$(AUDIT): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,wandb,audit]'
	@touch $@

# Asks pypi.org, also where pip takes packages from a mirror. Strict: what cannot be looked up is not called safe.
audit: $(AUDIT)  ## Look for known vulnerabilities in the locked versions; needs pypi.org
	$(BIN)/pip-audit --strict --disable-pip --require-hashes -r $$($(BIN)/python -m supply_chain.lock --path)

sbom: $(STAMP)  ## Write a bill of materials of what users install to build/sbom.json, and docs/dependencies.md
	@mkdir -p build
	$(BIN)/python -m supply_chain.sbom > build/sbom.json
	$(BIN)/python -m supply_chain.sbom --page > docs/dependencies.md

wheelhouse: $(ALONE)  ## Collect runwatch and all it needs for a machine without a network: [EXTRAS=wandb,web]
	rm -rf build/wheelhouse
	$(BIN)/python -m pip wheel --disable-pip-version-check --wheel-dir build/wheelhouse '.$(if $(EXTRAS),[$(EXTRAS)])'
	@echo "copy build/wheelhouse to a machine with $$($(BIN)/python -V | sed 's/\.[0-9]*$$//') and install it there:"
	@echo "  python3 -m pip install --no-index --find-links wheelhouse 'runwatch$(if $(EXTRAS),[$(EXTRAS)])'"

lint: $(STAMP)  ## Check style and the module layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: $(STAMP)  ## Check types (mypy, strict)
	$(BIN)/mypy

check: lint types test test-more  ## Lint, types and all tests that need nothing else

$(BENCH): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,wandb,bench]'
	@touch $@

bench: $(BENCH)  ## Measure every performance claim next to its baseline: [WRITE=1] writes docs/performance.md, [ONLY="reading screen"]
	$(BIN)/python -m benchmarks $(if $(WRITE),--write) $(if $(QUICK),--quick) $(ONLY)

soak: $(STAMP)  ## Kill a daemon over 50 changing logs for minutes: SECONDS=240 RUNS=50
	$(BIN)/python -m tests.soak $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED))

$(FUZZ): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,wandb,fuzz]'
	@touch $@

# What it finds, and inputs that reach new code, are in build/fuzz. KEEP=1 adds a few of those to tests/fuzz/seeds.
fuzz: $(FUZZ)  ## Try changed inputs on all that reads bytes of others: [SECONDS=300] [ONLY="pieces tail"] [JOBS=2]
	$(BIN)/python -m tests.fuzz $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ONLY),--only "$(ONLY)") \
		$(if $(JOBS),--jobs $(JOBS)) $(if $(KEEP),--keep)

$(MUTATION): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,wandb,mutation]'
	@touch $@

mutation: $(MUTATION)  ## Change the code in one place at a time: do tests fail? [ONLY="rules tailer"] [SAMPLE=100] [SEED=1]
	$(BIN)/python -m benchmarks.mutation $(ONLY) --sample $(or $(SAMPLE),100) --seed $(or $(SEED),1) $(if $(KINDS),--kinds $(KINDS)) $(if $(MINUTES),--minutes $(MINUTES))

$(PICTURES): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,wandb,pictures]'
	@touch $@

# Needs DejaVu Sans Mono: apt-get install fonts-dejavu-core, or PICTURE_FONTS=/its/folder
pictures: $(PICTURES)  ## Take pictures of every view of runs made here: [KEPT=1] [ONLY="nan fleet"] [SIZES="80x24"]
	$(BIN)/python -m benchmarks.pictures.make $(if $(KEPT),--kept) $(if $(ONLY),--only "$(ONLY)") $(if $(SIZES),--sizes "$(SIZES)")

corpus: $(STAMP)  ## Read a corpus of logs and compare with its labels: CORPUS=DIR [INDEX=FILE]
	@test -n "$(CORPUS)" || { echo 'usage: make corpus CORPUS=DIR [INDEX=FILE] [JOBS=N]'; exit 2; }
	$(BIN)/python benchmarks/corpus.py "$(CORPUS)" $(if $(INDEX),--index "$(INDEX)") $(if $(JOBS),--jobs $(JOBS))

public-logs: $(STAMP)  ## Compare with public logs that were labeled blind: DIR=DIR [INDEX=FILE] [ONLY=text]
	@test -n "$(DIR)" || { echo 'usage: make public-logs DIR=DIR [INDEX=FILE] [ONLY=text] [JOBS=N]'; exit 2; }
	$(BIN)/python -m benchmarks.public_logs "$(DIR)" $(if $(INDEX),--index "$(INDEX)") $(if $(ONLY),--only "$(ONLY)") \
		$(if $(JOBS),--jobs $(JOBS))

# Takes the chromium that is on the path: apt-get install chromium, or CHROMIUM=/where/it/is
test-web: $(STAMP)  ## Run the tests of the screen in a browser, with textual-serve and chromium
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,wandb,web,browser]'
	$(BIN)/python -m pytest -rs -m 'browser or not browser' tests/cli/test_web.py tests/cli/test_browser.py

detection: $(STAMP)  ## Measure what is caught, and false alerts (docs/detection.md)
	$(BIN)/python -m benchmarks.detection --split test --seeds 2 --shapes 7 --write

detection-logs: $(STAMP)  ## Compare with labeled logs: DIR=DIR [PART=tune|validation|test] [ONLY=words] [FILES=DIR2]
	@test -n "$(DIR)" || { echo 'usage: make detection-logs DIR=DIR [PART=..] [ONLY=words] [FILES=DIR2] [JOBS=N]'; exit 2; }
	$(BIN)/python -m benchmarks.detection.logs "$(DIR)" $(if $(PART),--part $(PART)) $(if $(ONLY),--only "$(ONLY)") \
		$(if $(FILES),--files "$(FILES)") $(if $(JOBS),--jobs $(JOBS))

detection-real: $(STAMP)  ## Watch small real runs with real faults: [SEED=N] [ONLY=words] [REAL_PYTHON=python]
	$(BIN)/python -m benchmarks.detection.real --write $(if $(REAL_PYTHON),--python "$(REAL_PYTHON)") \
		$(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only "$(ONLY)")

format: $(STAMP)  ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove what was built
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
