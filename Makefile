# What a checkout can do. Each target sets up what it needs in .venv; nothing else has to be typed.
# ARGS goes to the command behind a target: make test ARGS="-k wire -x"

BIN := .venv/bin

# The set-up is done again when pyproject.toml changes, and when the checkout was moved: programs in
# .venv/bin name the folder they were installed in.
ifneq "$(shell cat .venv/checkout 2>/dev/null)" "$(CURDIR)"
MOVED := moved
endif

# Tests wait more than they compute: five files at a time for two cores.
WORKERS = $(shell echo $$(($$(nproc) * 5 / 2)))

.DEFAULT_GOAL := help
.PHONY: help setup demo unit test long bench bench-tracking check clean install uninstall moved

help: ## show this list
	@echo "make TARGET [ARGS=...]"
	@sed -n 's/^\([a-z]*\):.* ## \(.*\)/  \1\t\2/p' Makefile

setup: .venv/dev ## set up .venv with all that development needs

demo: .venv/run ## run on a generated scene with the built-in model
	@$(BIN)/edge-daemon demo $(ARGS)

unit: .venv/dev ## run the unit tests alone, with few examples: what to run after each change
	@HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-dev} $(BIN)/python -m pytest -n logical --dist worksteal tests/unit $(ARGS)

test: .venv/dev ## run the tests, some files at a time (ARGS="-n 0": one after another)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

long: .venv/dev ## run the tests that take long: real models, many deaths, planted bugs
	@$(BIN)/python -m pytest --long -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

bench: .venv/dev ## the daemon beside what people would use instead, and beside the machine's limit
	@$(BIN)/python -m benchmarks.contenders $(ARGS)

bench-tracking: .venv/dev ## tracks beside those of libraries, on data with ground truth (ARGS: its path)
	@$(BIN)/python -m benchmarks.libraries $(ARGS)

check: .venv/dev ## lint, check the format, the types and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: ## as root: install or upgrade the service (EXTRAS=gpu: with CUDA, also after upgrades)
	@EXTRAS=$(EXTRAS) bash tools/install.sh

uninstall: ## as root: remove the service; with PURGE=1 its configuration and state too
	@bash tools/install.sh --remove

clean: ## remove .venv and everything that was built
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/run .venv/dev: .venv/%: pyproject.toml tools/setup.sh tools/venv.sh tools/apt.sh $(MOVED)
	@bash tools/setup.sh $*
