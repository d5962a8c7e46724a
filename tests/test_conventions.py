"""The house's rules as code: who may import whom, how long things may be, what is never written."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED: dict[str, set[str]] = {
    "models": set(),
    "analytics": {"models"},
    "database": {"models"},
    "execution": {"models", "analytics"},
    "ai": {"models", "analytics"},
    "ui": {"models", "analytics", "database", "execution", "ai"},
}
QT = {"PySide6", "pyqtgraph", "shiboken6"}
#: Broker and model SDKs, each allowed in one place only.
SDK_HOME = {
    "ib_insync": "execution/brokers/ibkr",
    "ib_async": "execution/brokers/ibkr",
    "tastytrade": "execution/brokers/tastytrade",
    "openai": "ai",
}
#: Slow to import: never at the top of a module that the window loads.
HEAVY = {
    "sqlalchemy",
    "alembic",
    "pandas",
    "polars",
    "scipy",
    "exchange_calendars",
    "apscheduler",
    "pydantic",
    "yfinance",
}
SOURCES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))
MAX_FILE, MAX_FUNCTION, MAX_CLASS = 450, 60, 360


def imported_roots(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@pytest.mark.parametrize("package", ALLOWED)
def test_package_imports_only_what_it_may(package: str) -> None:
    may = ALLOWED[package] | {package}
    bad = [
        f"{path.relative_to(ROOT)}: {root}"
        for path in (ROOT / package).rglob("*.py")
        for root in imported_roots(parsed(path))
        if (root in ALLOWED and root not in may) or (root in QT and package != "ui") or root in {"main", "tests"}
    ]
    assert not bad, "imports go one way (see docs/architecture.md): " + ", ".join(bad)


def test_an_sdk_is_imported_only_in_its_own_folder() -> None:
    bad = [
        f"{path.relative_to(ROOT)}: {root}"
        for path in SOURCES
        for root in imported_roots(parsed(path))
        if root in SDK_HOME and not path.relative_to(ROOT).as_posix().startswith(SDK_HOME[root])
    ]
    assert not bad


def test_no_import_cycle_between_modules() -> None:
    names = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path for path in SOURCES}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    graph = {name: set(_top_level_imports(parsed(path), names)) - {name} for name, path in names.items()}
    while leaves := [name for name, needs in graph.items() if not needs]:
        for leaf in leaves:
            del graph[leaf]
        graph = {name: needs - set(leaves) for name, needs in graph.items()}
    assert not graph, f"these modules import each other: {sorted(graph)}"


def _top_level_imports(tree: ast.Module, names: dict[str, Path]) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in names)
        elif isinstance(node, ast.ImportFrom) and node.module in names:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            found = [name for name in inner if name in names]
            yield from found or [node.module]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_classes_and_functions_stay_small(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())
    assert lines <= MAX_FILE, f"{lines} lines: split the file by subject"
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{node.name}: {length} lines; give its parts names"
        if isinstance(node, ast.ClassDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_CLASS, f"{node.name}: {length} lines; split the class"


def test_the_window_loads_nothing_heavy() -> None:
    names = {path.relative_to(ROOT).with_suffix("").as_posix().replace("/", "."): path for path in SOURCES}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    reached, todo = set[str](), ["ui.app"]
    while todo:
        name = todo.pop()
        if name in reached:
            continue
        reached.add(name)
        todo += _top_level_imports(parsed(names[name]), names)
    bad = [
        f"{name}: {root}" for name in sorted(reached) for root in _roots_at_top(parsed(names[name])) if root in HEAVY
    ]
    assert not bad, f"import these inside the function that needs them: {bad}"


def _roots_at_top(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


#: (pattern, where it may stand, what to write instead)
RULES = [
    (r"datetime\.now\(|\.utcnow\(|\btime\.time\(", {"models/clock.py"}, "take a models.clock.Clock"),
    (r"\buuid4\(", {"models/ids.py"}, "use models.ids"),
    (r"\btime\.sleep\(", set[str](), "await asyncio.sleep, or wait for the event itself"),
    (r"^\s*print\(", set[str](), "publish a LogLine or use logging"),
    (r"QMessageBox", {"ui/messages.py"}, "go through ui.messages"),
    (r"processEvents\(", set[str](), "let the event loop run"),
    (r"executescript\(", set[str](), "it commits behind your back: execute one statement at a time"),
    (r"# noqa\s*$|# type: ignore\s*$", set[str](), "name the rule and the reason"),
    (r"(?i)\b(todo|fixme|xxx)\b", set[str](), "do it, or say it in the issue"),
]


@pytest.mark.parametrize(("pattern", "home", "instead"), RULES, ids=[rule[0] for rule in RULES])
def test_what_is_never_written(pattern: str, home: set[str], instead: str) -> None:
    bad = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in SOURCES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if re.search(pattern, line) and path.relative_to(ROOT).as_posix() not in home
    ]
    assert not bad, f"{instead}: {bad}"


def test_the_lock_file_pins_every_package_by_hash_and_names_no_index() -> None:
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    requirements = [line for line in lock.splitlines() if line and not line[0].isspace() and not line.startswith("#")]
    assert all(re.match(r"[\w.\-]+==", line) for line in requirements)
    assert lock.count("\n    --hash=sha256:") >= len(requirements)
    assert not re.search(r"https?://|index-url|find-links|trusted-host", lock)
