"""What the analyst can reach: values and mathematics, no broker, no order manager, no file, no process."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "ai").glob("*.py"))
OURS = {"main", "ui", "execution", "database", "analytics", "models", "ai", "tests", "benchmarks"}
SDK = {"ai/wire.py": {"openai", "httpx2", "ssl"}, "ai/wire_failures.py": {"openai", "httpx2", "ssl"}}
LIBRARIES = {"pydantic"}
#: What could act on the world, or run what a model wrote.
FORBIDDEN_CALLS = {"eval", "exec", "compile", "__import__", "open", "system", "popen"}
FORBIDDEN_MODULES = {
    "os",
    "subprocess",
    "socket",
    "shutil",
    "pathlib",
    "pickle",
    "ctypes",
    "multiprocessing",
    "sqlite3",
}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_module_imports_only_values_the_sdk_in_its_place_and_nothing_that_acts(path: Path) -> None:
    names = imported(path)
    assert names & OURS <= {"ai", "models", "analytics"}
    foreign = {name for name in names - OURS if name not in sys.stdlib_module_names}
    assert foreign <= LIBRARIES | SDK.get(path.relative_to(ROOT).as_posix(), set())
    assert not names & FORBIDDEN_MODULES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_module_calls_nothing_that_runs_code_or_opens_files(path: Path) -> None:
    calls = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
    }
    assert calls & FORBIDDEN_CALLS <= {"compile"}  # of regular expressions


def test_the_one_module_imported_by_name_is_a_fixed_one_of_its_own() -> None:
    text = "\n".join(path.read_text("utf-8") for path in FILES)
    assert text.count("import_module(") == 1
    assert "importlib.import_module(_WIRE)" in text
    assert '_WIRE: Final = "ai.wire"' in text


def test_with_everything_loaded_neither_execution_nor_database_nor_the_window_is() -> None:
    code = (
        "import sys, ai.analyst, ai.wire, ai.wire_failures;"
        "roots = {name.split('.')[0] for name in sys.modules};"
        "print(sorted(roots & {'execution', 'database', 'ui', 'main', 'PySide6', 'sqlalchemy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
