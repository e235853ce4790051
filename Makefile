# Short names for the commands of `pipeline` (spark_jobs/cli); `make help` lists them. Each runs the set-up first, once.
.DEFAULT_GOAL := help
.PHONY: help setup run report test test-quick test-all requeue rebuild forget upgrade handover upkeep status check torture cluster-check package doctor sample download airflow compose-check sql psql export split bench clean docs docs-site audit check-code lock settings
SHELL := bash
MAKEFLAGS += --no-print-directory
# Python ignores variables of other software (-E), and text is UTF-8 in every language.
PY := .venv/bin/python -E -X utf8
PIPELINE := $(PY) -m spark_jobs.cli
# A value on make's command line is used exactly as written. Otherwise make would remove the $ from a password.
define literal
ifeq ($(origin $(1)),command line)
override $(1) := $$(value $(1))
endif
endef
$(foreach name,INPUT WAREHOUSE DATABASE_URL QUERY,$(eval $(call literal,$(name))))
export INPUT WAREHOUSE DATABASE_URL PYTHON QUERY YES AIRFLOW_PORT AIRFLOW_BIND
# SET="section.key=value …" overrides settings, as --set does.
quoted = '$(subst ','\'',$(1))'
sets := $(foreach pair,$(SET),--set $(call quoted,$(pair)))
given = $(if $($(1)),--$(2) $(call quoted,$($(1))))

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

# Run the set-up again where the checkout has moved or gets another Python.
ifneq ($(shell cat .venv/.ready 2>/dev/null),$(CURDIR))
.PHONY: .venv/.ready
endif
ifneq ($(PYTHON),)
ifneq ($(shell "$(PYTHON)" -E -c 'import sys; print(sys.version_info[:2])' 2>&1),$(shell .venv/bin/python -E -c 'import sys; print(sys.version_info[:2])' 2>/dev/null))
.PHONY: .venv/.ready
endif
endif

setup: .venv/.ready ## create the environment in .venv: pinned packages, jars (every other target does it too)
.venv/.ready: requirements.lock tools/setup.sh spark_jobs/runtime/installation.py spark_jobs/runtime/jars.py
	@bash tools/setup.sh
.venv/.dev: requirements-dev.lock .venv/.ready
	@bash tools/setup.sh dev

run: .venv/.ready ## run the whole pipeline: on a generated sample, or INPUT=file-or-folder; DATABASE_URL= for your PostgreSQL
	@$(PIPELINE) run $${INPUT:+--input "$$INPUT"} $${WAREHOUSE:+--set "paths.warehouse=$$WAREHOUSE"} $(sets)

report: .venv/.ready ## write the charts of the latest run again and open them: data/reports/latest.html
	@$(PIPELINE) report --open $(sets)

requeue: .venv/.ready ## validate rejected rows again, after you have fixed their file in data/raw or a rule in conf/settings.toml
	@$(PIPELINE) requeue $${INPUT:+--input "$$INPUT"} $(sets)

test: check-code ## run the tests, about a quarter of an hour on two cores
	@$(PIPELINE) test

test-quick: .venv/.dev ## run the tests of single modules and of the DAGs, a few minutes: a first answer while you work
	@$(PIPELINE) test --quick

test-all: check-code ## run all tests, including the long ones
	@$(PIPELINE) test --all

settings: .venv/.ready ## print each setting, its value, and where the value comes from
	@$(PIPELINE) settings $(sets)

status: .venv/.ready ## show hours and days: loaded, empty, stopped, dirty, incomplete, and how to fix each
	@$(PIPELINE) status $(sets)

check: .venv/.ready ## verify the counts, and compare PostgreSQL with Delta hour by hour
	@$(PIPELINE) check $(sets)

rebuild: .venv/.ready ## DAY=2019-10-01: build a day's outputs again, from the table versions that they were built from
	@$(PIPELINE) rebuild $(call given,DAY,day) $(sets)

forget: .venv/.ready ## USER=541312140: erase a user from every table and its history, and skip new records; LIFT=1: accept them again
	@$(PIPELINE) forget $(if $(filter command line,$(origin USER)),--user $(call quoted,$(USER))) $(if $(LIFT),--lift) $(sets)

upgrade: .venv/.ready ## after an update of this project: convert the tables of the older version
	@$(PIPELINE) upgrade $(sets)

handover: .venv/.ready ## take the database from another warehouse and remove that warehouse's events (asks first; not with YES=1)
	@$(PIPELINE) handover $${WAREHOUSE:+--set "paths.warehouse=$$WAREHOUSE"} $(sets)

upkeep: .venv/.ready ## once a week: compact small files, remove files and logs that are no longer needed, print sizes before and after
	@$(PIPELINE) upkeep $(sets)

torture: .venv/.dev ## kill, race, starve and freeze runs at named moments: SEEDS= ONLY=
	@$(PIPELINE) torture $(call given,SEEDS,seeds) $(call given,ONLY,only)

cluster-check: .venv/.dev ## run the pipeline on a standalone cluster that loses a worker, and compare with local mode: ROWS=
	@$(PIPELINE) cluster-check $(call given,ROWS,rows)

package: .venv/.ready ## write the code to data/pipeline.zip, for spark-submit --py-files
	@$(PIPELINE) package

sample: .venv/.ready ## generate events in data/raw: ROWS= DAYS= (or HOURS=) SEED= START= OUT= RATINGS=1 TASTE=
	@$(PIPELINE) sample $(call given,ROWS,rows) $(call given,DAYS,days) $(call given,HOURS,hours) $(call given,SEED,seed) \
	  $(call given,START,start) $(call given,OUT,out) $(if $(RATINGS),--ratings) $(call given,TASTE,taste)

download: .venv/.ready ## download the real data, MONTH=2019-Oct, with Kaggle's client; without it, print where to get it and put it
	@$(PIPELINE) download --month $(call quoted,$(or $(MONTH),2019-Oct))

airflow: .venv/.ready ## start a local Airflow with all DAGs on, a live feed of events and a login; no Docker: AIRFLOW_PORT= AIRFLOW_BIND=
	@$(PIPELINE) airflow

compose-check: ## build and start the full stack in Docker, and wait until both DAGs are green
	@bash docker/check.sh

sql: .venv/.ready ## open a spark-sql prompt with every table by name; QUERY="SELECT …" for one answer
	@$(PIPELINE) sql $${QUERY:+--query "$$QUERY"} $(sets)

psql: .venv/.ready ## open a psql prompt in the database; QUERY="SELECT …" for one answer
	@$(PIPELINE) psql $${QUERY:+--query "$$QUERY"} $(sets)

export: .venv/.ready ## export the five outputs to data/processed: FORMAT=csv or parquet
	@$(PIPELINE) export --format $(call quoted,$(or $(FORMAT),csv)) $(sets)

split: .venv/.ready ## AT=2019-10-25: split into training data from before and test data from after, in data/processed
	@$(PIPELINE) split $(call given,AT,at) $(sets)

bench: .venv/.dev ## compare time and memory with DuckDB and psql's COPY: ROWS= ROUNDS= NAIVE=1, or WHAT=overhead, hour, day, skew, growth
	@$(PIPELINE) bench $(call given,WHAT,what) $(call given,ROWS,rows) $(call given,ROUNDS,rounds) $(if $(NAIVE),--naive)

doctor: ## check this machine for everything that the pipeline needs, and print what to do about problems
	@$$([ -f .venv/.ready ] && echo $(PY) || echo python3) -m spark_jobs.commands.doctor

clean: ## remove the warehouse, the database, verdicts, exports and samples (asks first; not with YES=1)
	@bash spark_jobs/commands/clean.sh $${PIPELINE_HOME:+"$$PIPELINE_HOME"}

docs: .venv/.ready ## write the pages that are generated from the code: docs/reference
	@$(PIPELINE) docs

docs-site: .venv/.dev ## build the documentation as a site with a search, in data/site
	@$(PIPELINE) docs-site

audit: .venv/.ready ## look up known vulnerabilities of the pinned packages with pip-audit; fails where a package cannot be looked up
	@$(PIPELINE) audit

check-code: .venv/.dev ## check style, types, and whether generated pages and locks are up to date; takes a minute
	@$(PIPELINE) check-code

lock: .venv/.ready ## write both lock files again, each for Python 3.11 to 3.13: requirements.lock to run, requirements-dev.lock to develop
	@$(PIPELINE) lock
