"""The tables of brokers' traps name tests: every name in them must be that of a test that is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[1]
_BROKERS = _ROOT / "tests" / "execution" / "brokers"
_CONTRACT = (_BROKERS / "contract_orders.py", _BROKERS / "contract_faults.py")
_NAMED = re.compile(r"`([^`]+)`: (\w+(?:, \w+)*)")
_UNSHOWN = "–"


def _last_cells(table: Path) -> Iterator[str]:
    """Yields the last cell of every row, heads and rules left out."""
    for line in table.read_text(encoding="utf-8").splitlines():
        cell = line.strip().rstrip("|").rpartition("|")[2].strip()
        if line.startswith("|") and cell != "test" and cell.strip("-"):
            yield cell


def _files(where: str, folder: Path) -> tuple[Path, ...]:
    if where == "contract":
        return _CONTRACT
    return (_ROOT / where if where.endswith(".py") else folder / f"{where}.py",)


@pytest.mark.parametrize(("name", "broker"), [("ibkr-traps.md", "ibkr"), ("tastytrade-traps.md", "tastytrade")])
def test_every_trap_that_is_met_names_tests_that_are_there(name: str, broker: str) -> None:
    rows = list(_last_cells(_ROOT / "docs" / name))
    assert len(rows) > 80
    assert [row for row in rows if not row.startswith(_UNSHOWN) and _NAMED.sub("", row).strip("; ")] == []
    named = [match.groups() for row in rows for match in _NAMED.finditer(row)]
    wanted = [(where, test) for where, tests in named for test in tests.split(", ")]
    defined = {where: "".join(file.read_text() for file in _files(where, _BROKERS / broker)) for where, _ in wanted}
    assert [one for one in wanted if f"def test_{one[1]}(" not in defined[one[0]]] == []
