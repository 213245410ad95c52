# Everything a fresh clone needs: Python 3.11 to 3.13 and make.
#   make demo     set up and verify a rendered photo, end to end
#   make test     set up and run all tests
#   make lint     ruff and mypy, as CI does
#   make lock     pin the newest versions in requirements-dev.lock
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint lock clean

demo: .venv/.installed
	$(BIN)/placeproof demo

test: .venv/.installed
	$(BIN)/pytest

lint: .venv/.installed
	$(BIN)/ruff check src tests benchmarks tools
	$(BIN)/ruff format --check src tests benchmarks tools
	$(BIN)/mypy

# Hashes pin every file that is installed; placeproof itself is linked, not copied.
.venv/.installed: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --no-deps --no-build-isolation -e .
	touch $@

# All but vismatch: it holds other packages back, and its tests skip without it.
EXTRAS = --extra train --extra tensorboard --extra segmenter --extra evaluate \
	--extra local-features --extra collect --extra keyring

lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install uv
	.venv-lock/bin/uv pip compile --universal --generate-hashes --upgrade --python-version 3.11 \
		--no-header $(EXTRAS) --group dev pyproject.toml -o requirements-dev.lock
	rm -r .venv-lock

clean:
	rm -rf .venv demo-output
