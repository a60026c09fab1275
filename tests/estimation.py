"""Where the tests find NannyML: in an environment of its own (`make test` makes it), or in the one that runs them."""

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BESIDE = Path(__file__).parents[1] / ".venv" / "estimation"
PYTHON = str(BESIDE / "bin" / "python")
if not list(BESIDE.glob("lib/*/site-packages/nannyml")):
    PYTHON = sys.executable if find_spec("nannyml") else ""
needs_nannyml = pytest.mark.skipif(not PYTHON, reason="NannyML is not installed: make .venv/estimation/.installed")
