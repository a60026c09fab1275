"""The rules of the house, checked: floors, homes of foreign libraries, short files and functions, nothing left for later."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("records", "signals", "detectors", "alerts", "streams", "monitor")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 400, 60

EVERYWHERE = PACKAGES
HOMES: dict[str, tuple[str, ...]] = {
    "aiokafka": ("streams/worker",),
    "alembic": ("monitor/store/",),
    "click": ("monitor/cli/",),
    "fastapi": ("monitor/api/", "monitor/page/", "monitor/running.py", "monitor/roles.py"),
    "faust": ("streams/worker",),
    "httpx": (
        "alerts/",
        "monitor/proxy/",
        "monitor/outbox.py",
        "monitor/embedding.py",
        "monitor/evaluator/",
        "monitor/cli/replay.py",
    ),
    "jinja2": ("monitor/page/", "monitor/check/"),
    "jsonschema_rs": ("signals/evaluation/",),
    "kafka": ("streams/publisher", "streams/topics"),
    "mode": ("streams/worker",),
    "msgspec": EVERYWHERE,
    "nannyml": ("detectors/estimation",),
    "numba": ("records/", "signals/", "detectors/", "streams/"),
    "numpy": EVERYWHERE,
    "pandas": ("detectors/estimation/worker.py",),
    "polars": ("records/", "signals/", "streams/", "monitor/"),
    "profanity_check": ("signals/evaluation/",),
    "prometheus_client": ("monitor/metrics.py", "monitor/api/"),
    "pycld2": ("signals/evaluation/",),
    "pydantic": ("monitor/config/",),
    "pydantic_core": ("monitor/config/",),
    "rouge_score": ("signals/evaluation/",),
    "sacrebleu": ("signals/evaluation/",),
    "safetensors": ("signals/embedding/",),
    "scipy": ("detectors/", "monitor/check/"),
    "sqlalchemy": ("monitor/store/",),
    "starlette": ("monitor/api/",),
    "tokenizers": ("signals/embedding/",),
    "uvicorn": ("monitor/api/",),
    "vaderSentiment": ("signals/evaluation/",),
    "yaml": ("monitor/config/",),
    "zstandard": ("records/", "detectors/", "monitor/store/"),
}
CONNECTION = "sqlalchemy.Connection"
"""The type of a transaction: what stages and reading hand on to monitor.store, and the one name they may know."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """What a file imports, at any depth: modules, and names of modules as module.name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Each function and its lines, without those of functions inside it, which count for themselves."""

    def length(node: ast.AST) -> int:
        return (node.end_lineno or 0) - node.lineno + 1 if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else 0

    def inside(node: ast.AST) -> int:
        return sum(length(child) or inside(child) for child in ast.iter_child_nodes(node))

    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, length(node) - inside(node)


def test_import_linter_keeps_the_floors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    program = str(Path(sys.executable).with_name("lint-imports"))  # in its own process: it sets up logging for itself
    done = subprocess.run([program, "--cache-dir", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_all_six_packages_are_seen() -> None:
    assert {name(path).split("/")[0] for path in FILES} == set(PACKAGES)
    assert len(FILES) > 150


@pytest.mark.parametrize("package", PACKAGES)
def test_files_are_short(package: str) -> None:
    lines = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES if name(path).startswith(package)}
    assert {path: n for path, n in lines.items() if n >= LONGEST_FILE} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_functions_are_short(package: str) -> None:
    mine = [path for path in FILES if name(path).startswith(package)]
    long = {f"{name(path)}:{function}": n for path in mine for function, n in functions(path) if n >= LONGEST_FUNCTION}
    assert long == {}


def test_foreign_libraries_live_in_their_home() -> None:
    strays = {}
    for path in FILES:
        for imported in imports(path):
            library = imported.split(".")[0]
            if library in sys.stdlib_module_names or library in PACKAGES or imported == CONNECTION:
                continue
            if library not in HOMES or not name(path).startswith(HOMES[library]):
                strays[f"{name(path)}: {imported}"] = HOMES.get(library, "no home in the table of this test")
    assert strays == {}


def test_no_file_leaves_something_for_later() -> None:
    words = [first + second for first, second in (("TO", "DO"), ("FIX", "ME"))]
    found = subprocess.run(
        ["git", "grep", "-I", "-n", "-w", "-E", "|".join(words), "--", ".", ":!monitor/page/static/vendor"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if found.returncode > 1:
        pytest.skip(f"not a git checkout: {found.stderr.strip()}")
    assert found.stdout == ""
