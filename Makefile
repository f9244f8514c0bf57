# neorlt: set-up and everyday commands. `make demo` and `make test` each set up all that they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo serve extras test system lint audit-online bench docs site newcomer validate mutants compat locks wheel lock hooks clean

# One stamp a set of packages: base for the demo, all for tests and development.
$(VENV)/base.stamp: requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

$(VENV)/dev.stamp: requirements-dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@ $(VENV)/base.stamp

demo: $(VENV)/base.stamp  ## run the main job on the bundled digital patient
	@$(BIN)/python tools/demo.py

serve: $(VENV)/dev.stamp  ## the tumour board's page on this machine, with the demo's report where there is one
	@$(BIN)/neorlt serve $(if $(wildcard demo-report/plan.json),--plan demo-report)

extras: $(VENV)/dev.stamp  ## every extra, from the locked packages

test: $(VENV)/dev.stamp  ## run the tests (the slow ones run with `make validate`)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow" tests

lint: $(VENV)/dev.stamp  ## style, types, import table, table hashes
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python tools/import_contracts.py --check
	$(BIN)/python tools/make_docs.py --check
	$(BIN)/python tools/reachable.py
	$(BIN)/lint-imports
	$(BIN)/python tools/hash_tables.py --check
	$(BIN)/python tools/audit_dependencies.py

audit-online: $(VENV)/dev.stamp  ## known vulnerabilities of the locked packages (needs a network)
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/python -m pip_audit -r requirements-dev.lock --disable-pip --require-hashes

docs: $(VENV)/dev.stamp  ## run every example of the gallery
	$(BIN)/python tools/run_docs.py

newcomer: $(VENV)/dev.stamp  ## every command of README.md and the tutorial, on a fresh clone, with this environment and a small study
	$(BIN)/python tools/newcomer.py --python $(BIN)/python

site: $(VENV)/dev.stamp  ## the whole documentation as a static site in site/, internal links checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	$(BIN)/python tools/check_site.py

bench: $(VENV)/dev.stamp  ## time, peak memory and growth, each beside its baseline
	$(BIN)/python benchmarks/run.py

validate: $(VENV)/dev.stamp  ## the long proofs; their results are committed
	$(BIN)/python -m pytest -q -m slow tests
	$(BIN)/python validation/run.py

mutants: $(VENV)/dev.stamp  ## planted faults, each to be found by its tests; the report is committed
	$(BIN)/python tools/mutants.py

compat: $(VENV)/dev.stamp  ## ask some thirty outside readers what they make of our files; the table is committed
	$(BIN)/python tools/compat/run.py

locks:  ## both locks resolve with the pip of Debian 12 and of Python 3.11, every hash right
	tools/check_locks.sh $(PYTHON)

system:  ## Debian packages that some tests need (see system-packages.txt)
	tools/install_system_packages.sh system-packages.txt

wheel: $(VENV)/dev.stamp  ## build the wheel, install it into a clean environment, run it
	tools/check_wheel.sh $(BIN)/python

lock: ## refresh the locked, hashed requirements
	tools/lock.sh $(PYTHON)

hooks: $(VENV)/dev.stamp
	$(BIN)/pre-commit install

clean:
	rm -rf $(VENV) dist build demo-report
