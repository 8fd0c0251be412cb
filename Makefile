# `make` lists what there is. Settings come from the environment and from .env.
PYTHON ?= python3
PY := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help run test check chaos hosts bench fuzz messages screenshots python

help: ## list the commands
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1|\2/p' Makefile | column -t -s '|' 2>/dev/null \
	  || sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1  \2/p' Makefile

run: python ## set everything up and start it; PORT=8000 moves it, Ctrl-C stops it
	@$(PYTHON) -I asgi_app/install.py
	@# The launcher ends with make, however that ends (15 is SIGTERM).
	@exec $(PY) -I -S asgi_app/tether.py 15 $$PPID $(PY) -m asgi_app.run

test: python ## set everything up and run all checks and tests, on both databases
	@$(PYTHON) -I tests/prepare.py
	@$(PYTHON) -I asgi_app/install.py dev 'mysql?'
	@$(MAKE) --no-print-directory check
	@$(PY) -m tests.run $(ARGS)

chaos: python ## kill, cut and flush while it sends; SEEDS=20, SEED=7, DB=sqlite, VERBOSE=1
	@$(PYTHON) -I tests/prepare.py
	@$(PYTHON) -I asgi_app/install.py dev 'mysql?'
	@$(PY) -m tests.chaos --seeds $(or $(SEEDS),20) $(if $(SEED),--seed $(SEED)) \
	  --messages $(or $(MESSAGES),2000) --database $(or $(DB),mariadb) \
	  $(if $(VERBOSE),--verbose)

hosts: python ## cut machines off while it sends; PART=cut, PART=failover, TIMES=5; needs root
	@$(PYTHON) -I tests/prepare.py
	@$(PYTHON) -I asgi_app/install.py dev 'mysql?'
	@$(PY) -m tests.hosts --part $(or $(PART),all) --times $(or $(TIMES),1)

bench: python ## measure what the program promises, beside references; QUICK=1
	@$(PYTHON) -I tests/prepare.py
	@$(PYTHON) -I asgi_app/install.py dev 'mysql?'
	@$(PY) -m benchmarks $(ARGS)

fuzz: python ## feed the readers of foreign input; SECONDS=60 for each, TARGET=phones
	@$(PYTHON) -I asgi_app/install.py dev fuzz 'mysql?'
	@$(PY) -m tests.fuzz --seconds $(or $(SECONDS),60) $(TARGET)

screenshots: python ## take the pictures under docs/ anew, with Chromium
	@$(PYTHON) -I tests/prepare.py
	@$(PYTHON) -I asgi_app/install.py dev 'mysql?'
	@$(PY) -m tests.browser.screenshots

check: python ## lint, types, layers, migrations
	@$(PYTHON) -I asgi_app/install.py dev 'mysql?'
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	$(PY) manage.py check
	$(PY) manage.py makemigrations --check --dry-run

messages: python ## bring the Russian catalogue up to date; names what is not translated
	@$(PYTHON) -I asgi_app/install.py dev 'mysql?'
	@$(PY) -m tests.catalogue

python:
	@command -v $(PYTHON) >/dev/null || { echo "error: PYTHON: there is no $(PYTHON):" \
	  "apt-get install -y --no-install-recommends python3 python3-venv" >&2; exit 2; }
