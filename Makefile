# `make` alone lists the commands. Each makes what it needs first, in .venv and nowhere else; nothing has to be
# activated. Written for GNU make 3.81, which macOS has, and for sh.

VENV := .venv
PYTHON ?=
OUT = build/lecture
ARGS =

ifeq ($(OS),Windows_NT)
RUN := $(VENV)/Scripts/python
else
RUN := $(VENV)/bin/python
endif

# Of another environment that may be active, nothing reaches this one.
unexport PYTHONHOME PYTHONPATH PIP_USER PIP_TARGET PIP_PREFIX

.DEFAULT_GOAL := help
.PHONY: help lecture test notebooks clean
.NOTPARALLEL:
.SUFFIXES:

help: ## list these commands
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' Makefile | \
	while IFS='|' read -r command what; do printf '%-17s %s\n' "$$command" "$$what"; done

lecture: $(VENV)/installed-base ## compute, explain and draw the lecture's examples (OUT=folder)
	@$(RUN) -m viz lecture --out '$(OUT)'
	@printf 'Open %s in a browser.\n' "$$(cd '$(OUT)' && pwd)/index.html"

test: $(VENV)/installed-dev ## run all the tests (ARGS="-k graph" runs some)
	@$(RUN) -m pytest -n auto $(ARGS)

notebooks: $(VENV)/installed-notebook ## open the notebooks in JupyterLab
	@$(RUN) -m jupyterlab $(ARGS) notebooks

clean: ## remove everything these commands made, .venv too
	rm -rf $(VENV) build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A .venv made by hand is kept if it will do. One whose Python no longer runs (upgraded or removed since) is made
# anew, and with it all that was in it.
ifneq ($(shell $(RUN) -c 'print("runs")' 2>/dev/null),runs)
.PHONY: $(VENV)/created
endif

$(VENV)/created:
	@if $(RUN) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && \
		$(RUN) -m pip --version >/dev/null 2>&1; then touch $@; exit 0; fi; \
	python=$$(PYTHON='$(PYTHON)' sh .ci/find-python) || exit 1; \
	rm -rf $(VENV); \
	trap 'rm -rf $(VENV); exit 130' INT TERM HUP; \
	echo "Creating $(VENV) with $$python"; \
	"$$python" -m venv $(VENV) || { \
		rm -rf $(VENV); \
		echo "$$python could not create $(VENV); its own words are above, and $(VENV) was removed again." >&2; \
		echo "On Debian and Ubuntu 'sudo apt install python3-venv' usually helps; or name another Python:" >&2; \
		echo "    make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
		exit 1; }; \
	touch $@

# Touched only after success: an interrupted or failed installation is tried again next time.
$(VENV)/installed-base: EXTRAS =
$(VENV)/installed-dev: EXTRAS = [dev]
$(VENV)/installed-notebook: EXTRAS = [notebook,data]
$(VENV)/installed-base $(VENV)/installed-dev $(VENV)/installed-notebook: $(VENV)/created pyproject.toml
	@echo "Installing autograd-core$(EXTRAS) into $(VENV); the first time this takes a minute or two"
	@$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.$(EXTRAS)' || { \
		echo "The installation failed; pip's own words are above. The same command tries again." >&2; \
		exit 1; }
	@touch $@
