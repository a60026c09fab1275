# One command for laptop and CI. Everything installs into .venv; tests install what they need where they may.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ESTIMATION := $(VENV)/estimation
PEERS := $(VENV)/peers
PORT ?= 4000
SEED ?= 1

.PHONY: help install demo test test-faults lint bench bench-rates bench-month bench-many bench-peers bench-swaps bench-scenarios bench-evaluation bench-quality bench-judging bench-runs screenshots clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[embeddings,evaluation,postgresql,toxicity,test]'
	touch $@

# NannyML by itself: it wants an older python-dateutil, and half of what it drags in (2.2 GB) it never imports here.
$(ESTIMATION)/.installed: constraints-estimation.txt | $(VENV)/.installed
	$(PYTHON) -m venv $(ESTIMATION)
	$(ESTIMATION)/bin/python -m pip install --quiet --no-deps --no-compile --requirement constraints-estimation.txt
	touch $@

# Other tools, to be measured and never distributed. Alibi Detect by itself: 0.11.4 is its last version under the Apache
# licence, and wants an older numpy and Python 3.11.
$(PEERS)/.installed: bench/peers-requirements.txt bench/peers-alibi-requirements.txt | $(VENV)/.installed
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --no-deps --requirement bench/peers-requirements.txt
	$(PYTHON) -m venv $(PEERS)/alibi
	$(PEERS)/alibi/bin/python -m pip install --quiet --no-deps --requirement bench/peers-alibi-requirements.txt
	touch $@

install: $(VENV)/.installed  ## a virtual environment with everything but nannyml

$(VENV)/.demo: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

demo: $(VENV)/.demo  ## a simulated service with three incidents, in one process; the page is on http://127.0.0.1:4000
	$(BIN)/plumbline demo --port $(PORT) --seed $(SEED)

lint: install  ## style, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: install  ## everything that runs in minutes
	$(MAKE) --jobs 2 lint $(ESTIMATION)/.installed
	./scripts/test-tools
	$(BIN)/pytest -m 'not faults' --numprocesses 2 --dist loadfile

test-faults: install $(ESTIMATION)/.installed  ## kills, crashes and the runs over many seeds
	./scripts/test-tools
	$(BIN)/pytest -m faults --timeout 3000

bench: install  ## speed, as ratios within one run
	$(BIN)/python -m bench.speed

bench-rates: install  ## false alarms and delays on simulated streams
	$(BIN)/python -m bench.rates

bench-month: install  ## 30 simulated days of clean traffic: alarms against the budget, CPU, memory, disk
	$(BIN)/python -m bench.month

bench-many: install  ## 100,000 comparisons of one window, and their state
	$(BIN)/python -m bench.many

bench-peers: $(PEERS)/.installed  ## clean windows that other tools flag by their default rules, and we
	$(BIN)/python -m bench.peers

bench-swaps: install  ## real swaps of models against the number of responses seen
	$(BIN)/python -m bench.swaps

bench-quality: install  ## how often intervals of a true mean cover it
	$(BIN)/python -m bench.quality

bench-scenarios: install  ## real data through the real pipeline
	$(BIN)/python -m bench.scenarios

bench-evaluation: install  ## scores without a reference: what they tell apart, and what they cost
	$(BIN)/python -m bench.evaluation

bench-runs: install  ## failed runs of an agent, and what following conversations costs
	$(BIN)/python -m bench.runs

bench-judging: install  ## what having a sample judged costs beside the calls
	$(BIN)/python -m bench.judging

screenshots: install  ## docs/images from a demo
	./scripts/screenshots

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
