# make report: from nothing to report/report.pdf.  make test: the checks.  make help: the rest.
# ARGS are handed on to snakemake (verify: to verify), e.g. make report ARGS='--config scale=cpu'

PYTHON ?= python3
VENV := .venv
ARGS ?=
STUDY_TESTS := tests/workflow tests/training/test_process.py
SLURM_TESTS := tests/cluster
# of the workflow, but of no finished study: they run after Slurm's, which end before the study's
OTHER_TESTS := tests/workflow/test_gpu_jobs.py tests/workflow/test_two_at_once.py
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# a study starts hundreds of processes: where this is set, each would compile all that it imports
unexport PYTHONDONTWRITEBYTECODE

.PHONY: report watch reference gallery verify test test-programs study-tests slurm-tests check audit mutants fix env dev tex lock docs clean help

report: env ## Everything up to report/report.pdf (installs what is missing)
	@if envs/install.sh tex; then \
	  snakemake all $(ARGS) && test -f report/report.pdf && \
	  echo "the report is report/report.pdf"; \
	else \
	  snakemake data report_inputs manifest $(ARGS) && \
	  echo "all results are made; for the PDF install TeX (line above), then run make report"; \
	fi

watch: env ## How far the study is, from another terminal; ARGS as for report
	@python -m moe_core watch $(ARGS)

test: $(VENV)/bin/python ## Lint, types and tests
	@# apt installs while pip does, or while mypy takes its one core
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=line check test-programs
	@# a file's fixtures are made once, and the longest files begin
	OMP_NUM_THREADS=1 pytest -n auto --dist loadfile --no-loadscope-reorder tests/training tests \
	  $(addprefix --ignore=,$(STUDY_TESTS) $(SLURM_TESTS))
	@# both take all cores now and then, and wait for other programs most of the time
	@$(MAKE) --no-print-directory --jobs 2 --output-sync study-tests slurm-tests

test-programs:
	@envs/install.sh tex || true
	@envs/install.sh slurm || true
	@envs/install.sh browser || true

study-tests: dev
	pytest $(STUDY_TESTS) $(addprefix --ignore=,$(OTHER_TESTS))

slurm-tests: dev
	pytest $(SLURM_TESTS) $(OTHER_TESTS)

check: dev ## Lint and types alone
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint
	mypy
	lint-imports

audit: dev ## Known vulnerabilities of the packages that run (asks PyPI)
	@python envs/audit.py

mutants: dev ## Plant the defects of tests/mutants/mutants.yaml; the tests must notice them
	python tests/mutants/plant.py

fix: dev ## Let the formatters have their way
	ruff check --fix .
	ruff format .
	snakefmt Snakefile rules

env: $(VENV)/.installed ## The Python environment that the pipeline needs

dev: $(VENV)/.installed-dev ## The same with the tools of development

tex: ## TeX alone
	@envs/install.sh tex

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=...")'
	@PYTHON=$(PYTHON) envs/install.sh venv
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.lock | $(VENV)/bin/python
	@echo "installing Python packages of requirements.lock into $(VENV)"
	@# torch first and alone, so that a CPU build on disk or in the cache is taken as it is
	@$(VENV)/bin/python -m pip install --quiet "$$(grep '^torch==' requirements.lock)"
	@$(VENV)/bin/python -m pip install --quiet -r requirements.lock
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	@echo "installing Python packages of requirements-dev.lock into $(VENV)"
	@$(VENV)/bin/python -m pip install --quiet -r requirements-dev.lock
	@touch $@

reference: env ## Store the finished study as results/reference
	python -m workflow_scripts.reference --manifest results/manifest.json --out results/reference

gallery: env ## Store a few small figures of the finished study as docs/gallery
	python -m workflow_scripts.gallery --results results --out docs/gallery

verify: env ## Hold the finished study to its manifest, and train one run anew
	python -m workflow_scripts.verify --manifest results/manifest.json $(ARGS)

docs: env ## Regenerate the generated pages of docs/
	python -m moe_core schema > docs/configuration.md
	@{ echo '# Rule graph'; echo; \
	  echo 'Made by `make docs` from the rules themselves.'; echo; echo '```mermaid'; \
	  snakemake all --forceall --rulegraph mermaid-js --config scale=cpu 2>/dev/null | \
	    sed -n '/^flowchart/,$$p' | grep -v style | { read -r head; echo "$$head"; sort -V; }; \
	  echo '```'; } > docs/rulegraph.md

lock: ## Resolve pyproject.toml anew into the two lock files
	envs/lock.sh

clean: ## Remove results and the report, keep the environment
	rm -rf .snakemake report/report.pdf report/slides.pdf report.html
	test ! -d results || find results -mindepth 1 -maxdepth 1 ! -name reference -exec rm -rf {} +

help: ## This list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10
