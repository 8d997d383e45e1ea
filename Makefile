# What there is to run: `make` lists it. Needs git, make and Python 3.11 or newer; everything else goes into .venv.

PYTHON := .venv/bin/python
STAMP := .venv/.installed

.DEFAULT_GOAL := help
.PHONY: help install demo test check bench bench-delivery bench-pull fuzz chaos clean

help:  ## this list / этот список
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

$(STAMP): requirements.lock pyproject.toml scripts/install
	@sh scripts/install

install: $(STAMP)  ## only prepare .venv / только подготовить .venv

demo: $(STAMP)  ## an exchange to watch; ONCE=1: one round and out / обмен на ваших глазах; ONCE=1 — один круг
	@$(PYTHON) cli.py demo $(if $(filter-out 0,$(ONCE)),--once)

test: $(STAMP)  ## all tests; PYTEST_ARGS="-k name" / все тесты
	@$(PYTHON) -m pytest -n auto $(PYTEST_ARGS)

check: $(STAMP)  ## format, lint, types, imports / формат, линтер, типы, импорты
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports

bench: $(STAMP)  ## how fast it is here; BENCH_ARGS=… / измерить скорость на этой машине
	@$(PYTHON) -m bench $(BENCH_ARGS)
	@$(if $(BENCH_ARGS),true,$(PYTHON) -m bench.delivery)
	@$(if $(BENCH_ARGS),true,$(PYTHON) -m bench.pull)

bench-pull: $(STAMP)  ## only OData, against a loop by hand; BENCH_ARGS=… / только OData, рядом с ручным циклом
	@$(PYTHON) -m bench.pull $(BENCH_ARGS)

bench-delivery: $(STAMP)  ## only orders and claims; BENCH_ARGS=… / только заказы и очередь
	@$(PYTHON) -m bench.delivery $(BENCH_ARGS)

fuzz: $(STAMP)  ## mutated documents; FUZZ_ARGS="--seed 1" / испорченные документы через импорт
	@$(PYTHON) -m fuzz $(FUZZ_ARGS)

chaos: $(STAMP)  ## everything breaks under load; CHAOS_ARGS="--seed 1" / всё ломается под нагрузкой
	@$(PYTHON) -m chaos $(or $(CHAOS_ARGS),--least 1000)

clean:  ## remove .venv and caches, never data / удалить .venv и кеши; данные остаются
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist bench/out fuzz/out
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
