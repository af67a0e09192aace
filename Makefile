# Everything below uses .venv in this folder, and makes it where it is missing. Only Python 3.11 or later is needed.
PYTHON ?= python3
BIN := .venv/bin
OUT ?= out
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: report test validate mutations versions bench release docs lab clean export format check lock stan-format stan-check

# The stamp is older than pyproject.toml when the dependencies changed.
$(BIN)/.made: pyproject.toml requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; choose one with: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# make report                                the simulated province
# make report COUNTS=counts.csv SCORES=scores.csv ARGS='...'
report: $(BIN)/.made
	$(BIN)/schoolvar run --out $(OUT) $(if $(COUNTS),--counts '$(COUNTS)') $(if $(SCORES),--scores '$(SCORES)') $(ARGS)

# Two processes, a file of tests at a time in each, the longest first (tests/conftest.py): much of a test is waiting for an
# interpreter or a browser to start. What is marked slow takes as long as all the rest: CI runs it, and so does make test SLOW=1.
test: $(BIN)/.made
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(if $(CI)$(SLOW),,-m 'not slow') $(ARGS)

# The long calibration studies, stored for the site; an hour or more for the 500 data sets a model that are stored.
SETS ?= 500
validate: $(BIN)/.made
	$(BIN)/python benchmarks/validate.py $(STUDIES) --sets $(SETS)

# Deliberate faults, one at a time, in a copy of the tree: each must be caught by its test.
mutations: $(BIN)/.made
	$(BIN)/python benchmarks/mutations.py $(ARGS)

# The core of the tests with the newest of everything (ArviZ 1.x, where Python 3.12 or 3.13 is here) and the oldest that is promised.
versions: $(BIN)/.made
	$(BIN)/python tools/versions.py $(ARGS)

# Speed, memory and weight, each against a peer in the same run, stored for the site.
bench: $(BIN)/.made
	$(BIN)/python benchmarks/bench.py $(ARGS)

# sdist and wheel (the same bytes every time), licences, bill of materials, audit and checksums in dist/.
release: $(BIN)/.made
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/python -m pip install --quiet --requirement requirements/release.in
	.venv-release/bin/python tools/release.py

docs: $(BIN)/.made
	$(BIN)/python tools/docs

# make lab                                   JupyterLab, at nbs/start.ipynb
# make lab TEXT=1                            the notebooks as Python text, made anew in review/ (git-ignored): to read and compare
lab: $(BIN)/.made
ifdef TEXT
	$(BIN)/python tools/text.py
	$(BIN)/jupyter lab --ServerApp.root_dir='$(CURDIR)/review' $(ARGS)
else
	$(BIN)/jupyter lab --ServerApp.root_dir='$(CURDIR)/nbs' --LabApp.default_url=/lab/tree/start.ipynb $(ARGS)
endif

# After editing a notebook: write the modules and strip what should not be committed.
export: $(BIN)/.made
	env -u IN_TEST $(BIN)/nbdev_export
	$(BIN)/nbdev_clean
	$(BIN)/jupyter nbconvert --clear-output --inplace --log-level=ERROR nbs/*.ipynb nbs/*/*.ipynb

# The form of everything that is written by hand, then the modules that are made from it.
CODE := nbs tests tools benchmarks
format: $(BIN)/.made
	$(BIN)/ruff check --fix --exit-zero --quiet $(CODE)
	$(BIN)/ruff format $(CODE)
	$(MAKE) export

# What CI checks of the form: ruff, the order of the rooms, types, the limits of the house, and that an export changes nothing.
check: $(BIN)/.made
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/python tools/house.py
	$(BIN)/python -m pytest -q -n 0 tests/test_notebooks.py -k "fit_to_commit or change_nothing"

# Versions and hashes of everything above, from pyproject.toml.
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet uv
	.venv-lock/bin/uv pip compile pyproject.toml requirements/build.in --extra dev --universal --python-version 3.11 --generate-hashes --no-header --quiet --output-file requirements/dev.txt
	rm -rf .venv-lock

# The Stan programs in the form of the Stan formatter, which is in the wheel of httpstan (Linux and macOS).
.venv-stan/bin/python:
	$(PYTHON) -m venv .venv-stan
	.venv-stan/bin/pip install --quiet --no-deps httpstan==4.13.0

stan-format: .venv-stan/bin/python
	.venv-stan/bin/python tools/stan_format.py

stan-check: .venv-stan/bin/python
	.venv-stan/bin/python tools/stan_format.py --check

clean:
	rm -rf .venv .venv-release .venv-stan $(OUT) dist _site _docs _proc docs build *.egg-info .pytest_cache .hypothesis
