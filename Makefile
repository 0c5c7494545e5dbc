# The two commands of the README. Each sets up what it needs first; a second call finds that done.

.PHONY: demo test setup lint types pytest lock clean

demo: setup
	@scripts/demo.sh

test: setup lint types pytest

setup:
	@scripts/setup.sh

lint:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports --no-cache

types:
	.venv/bin/mypy

pytest:
	.venv/bin/python -m pytest -n 2 --dist loadfile

# Pins anew. Only needed when pyproject.toml names other packages, or to move to newer ones.
lock: setup
	scripts/lock.sh

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
