# make reproduce   data, a quick run on MNIST through papermill, the book, and whether the run repeats the stored one
# make test        lint, types and the whole test suite, in random order, in up to four processes
# make mutants     small wrong changes to the method's code, each against its tests
# make book        the book from the records in results/, without training
# make print       the book as one PDF, with the Chromium that is installed
# make bench       the benchmarks
# make faults      kills, full disks and damaged files, counted: half an hour on two cores
# PROFILE=smoke|quick|cpu|paper sets the scale of what `reproduce` runs.

PYTHON ?= python3
PROFILE ?= quick
export EXON_PROFILE := $(PROFILE)
ifeq ($(filter smoke quick cpu paper,$(PROFILE)),)
$(error PROFILE = $(PROFILE) is not accepted: give smoke, quick, cpu or paper)
endif

BIN := .venv/bin
NAME := $(PROFILE)/mnist/beta-1_seed-1
RUN := results/own/$(NAME)
# The stored quick run has two threads: with as many, its numbers are everybody's.
THREADS := $(if $(filter quick,$(PROFILE)),OMP_NUM_THREADS=2)
# Only the quick profile may go on with the small sample where no source of the full data answers.
OR_SAMPLE := $(if $(filter quick,$(PROFILE)),--or-sample)

.PHONY: reproduce test mutants book print bench faults clean help
.DELETE_ON_ERROR:

reproduce: .work/$(PROFILE)-mnist.stamp
	@$(MAKE) --no-print-directory book
ifneq ($(wildcard results/$(NAME)/run.json),)
	@$(BIN)/python -m exon verify results/$(NAME) --against $(RUN) --brief
else
	@echo "No verdict: no run of the profile $(PROFILE) is stored."
endif

book: .venv/installed
	$(BIN)/jupyter-book build . --quiet -W --keep-going -n
	@echo "The book is at $(CURDIR)/_build/html/index.html"

print: .venv/installed
	$(BIN)/jupyter-book build . --builder singlehtml --quiet -W --keep-going -n
	$(BIN)/python tools/print_book.py

.work/$(PROFILE)-mnist.stamp: notebooks/mnist.ipynb $(wildcard exon/*.py exon/*/*.py exon/*/*/*.py) | .venv/installed
	$(THREADS) $(BIN)/python -m exon run mnist --profile $(PROFILE) $(OR_SAMPLE) --force --out $(RUN)
	@mkdir -p $(@D) && touch $@

test: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/nbstripout --keep-id --verify notebooks/*.ipynb
	$(BIN)/pytest --numprocesses=logical --maxprocesses=4 --dist=loadgroup --no-loadscope-reorder -p no:benchmark

mutants: .venv/installed
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --constraint constraints.txt --editable ".[mutants,test]"
	$(BIN)/python tools/mutants.py

bench: .venv/installed
	$(BIN)/pytest benchmarks --benchmark-columns=min,median,iqr,rounds

faults: .venv/installed
	$(BIN)/python tools/faults.py

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit('Python %d.%d is too old: set PYTHON to 3.11 or later.' % sys.version_info[:2] if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar off --constraint constraints.txt --editable ".[archive,book,sweep,test]"
	@touch $@

help:
	@sed -n '/^# make/s/^# //p; /^# PROFILE/s/^# //p' Makefile

clean:
	rm -rf _build .work results/own/smoke
