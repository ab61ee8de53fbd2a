# Mailhub. Needs python3 (3.11 or newer) and make; everything else comes with `make setup`.
# `make run` for people, `make test` for machines.

PYTHON ?= python3
VENV = .venv/bin/python

.DEFAULT_GOAL = help
.PHONY: help setup venv run stop test quick faults check hooks fmt messages bench soak siege screenshots lock clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv:
	@PYTHON="$(PYTHON)" sh tools/venv.sh

setup: venv ## Make .venv from the lock; as root also install the system packages that tests use
	@sh tools/system.sh install

run: venv ## Start Mailhub with demo data; PORT=8001 for another port, DEMO=0 without the demo
	@$(VENV) manage.py up

stop: ## End a running Mailhub, its database and its broker
	@if [ -x $(VENV) ]; then $(VENV) -m mailhub stop; fi

test: setup ## Run all checks and tests; ARGS="-k word" passes options to pytest
	@$(VENV) tools/test.py $(ARGS)

quick: venv ## Run the checks and the unit tests alone, in under two minutes
	@$(VENV) tools/test.py --quick

faults: venv ## Run the tests of docs/faults.md; ARGS="--times 10" repeats them
	@$(VENV) tools/faults.py $(ARGS)

check: venv ## Run the checks alone: format, lint, types, imports, templates, migrations, messages
	@$(VENV) tools/check.py

hooks: venv ## Let git run the checks of what changed before each commit
	@git config core.hooksPath tools/hooks

fmt: venv ## Format Python and templates, and fix what can be fixed
	@$(VENV) -m ruff check --fix-only --quiet .
	@$(VENV) -m ruff format .
	@$(VENV) -m djlint --reformat --quiet templates || true

messages: venv ## Collect the texts to translate, and compile the catalogs
	@$(VENV) manage.py makemessages --locale id --no-wrap --add-location file --ignore .venv --ignore var
	@$(VENV) manage.py compilemessages --locale id --ignore .venv

bench: venv ## Measure Mailhub beside mpop, fetchmail and getmail6; ARGS="--only 3 --quick" for less
	@sh tools/system.sh install peers
	@$(VENV) -m tools.bench $(ARGS)

soak: venv ## Kill workers while mail arrives, and count afterwards; ARGS="--seconds 600" for longer
	@$(VENV) tools/soak.py $(ARGS)

siege: venv ## Fetch, send and test while another organization's servers drip; ARGS="--seconds 600" for longer
	@$(VENV) tools/siege.py $(ARGS)

screenshots: venv ## Take the pictures of the documentation
	@$(VENV) tools/screenshots.py $(ARGS)

lock: venv ## Pin the newest allowed versions of everything, with hashes
	@sh tools/lock.sh

clean: ## Remove what can be made again; var/ (mail, accounts, keys) and .venv stay
	@if [ -x $(VENV) ]; then for home in var/test/*; do MAILHUB_HOME="$$home" $(VENV) -m mailhub remove; done; fi
	rm -rf var/test .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
