PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
MANAGE := $(BIN)/python manage.py
# Of each suite; both run at once, and their tests wait for servers much of their time. The longer
# one, on SQLite, has one process more.
JOBS ?= 2
# Each part prints its lines at its end, where this make can do that.
AT_ONCE := --jobs --no-print-directory $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
PYTEST := $(BIN)/python -m pytest --quiet --numprocesses $(JOBS) --dist loadscope --no-loadscope-reorder
SOURCES := manage.py f1picks ingestion rehearsal tests

.DEFAULT_GOAL := help
# A half-made .venv or stamp would pass for a finished one.
.DELETE_ON_ERROR:
# What Python has read once is kept: a test starts some hundred processes.
unexport PYTHONDONTWRITEBYTECODE
.PHONY: help setup setup-dev demo admin ingest worker rehearse lint format types test test-sqlite test-postgres test-host long check faults crash concurrency guards bench pages messages audit pictures check-pictures clean

help:
	@echo "A first look; each sets everything up by itself"
	@echo "  make demo              ingest the sample season, into a database of its own"
	@echo "  make admin             play a race weekend in the admin; PORT=8001 elsewhere"
	@echo "  make test              lint, types, and the suite on both databases"
	@echo ""
	@echo "Run it"
	@echo "  make setup             .venv, dependencies, .env, migrations"
	@echo "  make ingest YEAR=2025  ingest a season from the live upstream"
	@echo "  make worker            run by itself: the queue with its schedules"
	@echo "  make rehearse          play 2024 through the installation; half an hour"
	@echo ""
	@echo "Change it"
	@echo "  make check             lint, types, and the suite on SQLite"
	@echo "  make format            put the code into its form"
	@echo "  make lint, types       one part of the check"
	@echo "  make test-sqlite, test-postgres, test-host"
	@echo "                         the suite on one database, or in a stranger's project"
	@echo "  make messages          renew the catalogues of the admin's languages"
	@echo "  make pictures          the README's pictures anew; check-pictures compares"
	@echo "  make audit             known vulnerabilities of what is installed"
	@echo "  make setup-dev, clean  the tools for testing; remove what was made"
	@echo ""
	@echo "Prove it; each takes minutes and prints a table"
	@echo "  make long              what make test leaves out: whole seasons, whole tables"
	@echo "  make faults            every fault of an upstream at every place of an ingest"
	@echo "  make crash             killed runs, stopped databases, full disks"
	@echo "  make concurrency       ingests, ticks, a person and a scorer at once"
	@echo "  make guards            the proofs without one guard after the other"
	@echo "  make pages             the admin: what axe finds, weight and queries of a page"
	@echo "  make bench             what an ingest costs, beside the way most tools do it"

# A minute or two: on a terminal a line says which package is being fetched, elsewhere nothing does.
# What comes of a pipe is its last command's outcome, so that the stamp says that pip succeeded.
define INSTALL
	@rm -f $@
	@if [ -t 1 ]; then { $(PIP) install -r $(1) && touch $@; } | awk ' \
	    /^Collecting / { printf "\r\033[K  package %d: %s", ++count, $$2 } \
	    /^Installing collected / { printf "\r\033[K  unpacking ..." } \
	    { fflush() } END { printf "\r\033[K" }'; \
	else $(PIP) --quiet install -r $(1) && touch $@; fi
	@test -f $@
endef

setup: $(VENV)/requirements.stamp
	@$(BIN)/python -m f1picks.environment
	@$(MANAGE) migrate --verbosity 0

setup-dev: $(VENV)/requirements-dev.stamp

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or later, or name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed, and $(PYTHON) is older. Name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/requirements.stamp: pyproject.toml requirements.txt | $(BIN)/python
	@echo "Installing the dependencies into $(VENV) ..."
	$(call INSTALL,requirements.txt)

$(VENV)/requirements-dev.stamp: pyproject.toml requirements.txt requirements-dev.txt | $(BIN)/python
	@echo "Installing the dependencies and the tools for testing into $(VENV) ..."
	$(call INSTALL,requirements-dev.txt)
	@touch $(VENV)/requirements.stamp

demo: setup
	@$(MANAGE) ingest_f1 --sample
	@echo "In a browser, with a weekend to play: make admin"

# The weekend of Belgium 2024 on a clock of its own; PORT says where.
admin: setup
	@$(BIN)/python -m f1picks.demo $(if $(PORT),--port $(PORT))

ingest: setup
	@$(MANAGE) ingest_f1 $(if $(YEAR),--year $(YEAR))

worker: setup
	@$(MANAGE) qcluster

rehearse: setup
	@$(MANAGE) rehearse 2024

lint: setup-dev
	@$(BIN)/ruff check --quiet $(SOURCES)
	@$(BIN)/ruff format --quiet --check $(SOURCES) || { echo "make format puts it right." >&2; exit 1; }

format: setup-dev
	@$(BIN)/ruff check --quiet --fix $(SOURCES)
	@$(BIN)/ruff format --quiet $(SOURCES)

types: setup-dev
	@$(BIN)/mypy

test-sqlite: setup-dev
	@echo "The suite on SQLite:"
	@env -u TEST_DATABASE_URL $(PYTEST) --numprocesses $$(( $(JOBS) + 1 ))

# A server of your own instead: TEST_DATABASE_URL=postgresql://user:password@host/name
test-postgres: setup-dev
	@echo "The suite on PostgreSQL:"
	@$(BIN)/python -m tests.postgres $(PYTEST)

# The app's own tests once more, in a stranger's project with other people, pages and clocks.
test-host: setup-dev
	@echo "The app's suite in a stranger's project:"
	@env -u TEST_DATABASE_URL $(PYTEST) --ds tests.host_project.suite -m "not project"

# What is marked `long`: a case of each kind is in the suite.
long: setup-dev
	@echo "The long proofs on SQLite, then on PostgreSQL:"
	@env -u TEST_DATABASE_URL $(PYTEST) --long
	@$(BIN)/python -m tests.postgres $(PYTEST) --long

# While working: everything but the second database.
check: lint types test-sqlite

# Of the README: from the demo, in the browser that the tests use, and of the kept figures.
pictures: setup-dev
	@$(BIN)/python -m tests.pictures

# Whether they are older than the pages that they show; it needs nothing but Python.
check-pictures:
	@$(PYTHON) -m tests.pictures --check

# All parts at once: while one waits for a server, the others use the cores.
test: setup-dev
	@echo "Lint, types and the suite on both databases at once: nothing is printed for some minutes."
	@$(MAKE) $(AT_ONCE) lint types test-sqlite test-postgres

# Some fifteen minutes on an idle machine; `python -m tests.proofs.bench --help` has shorter ones.
bench: setup-dev
	@$(BIN)/python -m tests.proofs.bench

# Kills, a database that stops, full disks, a damaged cache; on both databases.
crash: setup-dev
	@$(BIN)/python -m tests.proofs.crash $(if $(KILLS),--kills $(KILLS))

# Ingests of one season and of several at once, with ticks, corrections and a scorer among them.
concurrency: setup-dev
	@$(BIN)/python -m tests.proofs.concurrency $(if $(REPEATS),--repeats $(REPEATS))

# The catalogues of the admin's translations, with the strings as they are marked now.
messages: setup-dev
	@$(BIN)/python -m tests.messages

# What axe finds on each page of the admin, what it weighs and how many queries it takes.
pages: setup-dev
	@env -u TEST_DATABASE_URL $(BIN)/python -m tests.proofs.pages $(if $(SCREENSHOTS),--screenshots $(SCREENSHOTS))

# What is known against the installed packages; it asks the package index.
audit: setup-dev
	@$(BIN)/python -m tests.audit

# Proofs, with a table of cases by outcome. On PostgreSQL: the same with --database postgresql.
faults: setup-dev
	@env -u TEST_DATABASE_URL $(BIN)/python -m tests.proofs.faults

guards: setup-dev
	@env -u TEST_DATABASE_URL $(BIN)/python -m tests.proofs.guards

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis staticfiles
	find f1picks ingestion rehearsal tests -name __pycache__ -type d -prune -exec rm -rf {} +
