"""Reports as tables in a document, and what of the document stays when they are made anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.markdown import MARK, sections, write, write_all


def report(**benchmarks: dict[str, Any]) -> dict[str, Any]:
    return {
        "date": "2026-05-04",
        "machine": {"cpus": 2, "memory_mb": 20480, "system": "Linux x86_64", "python": "3.11.7"},
        "load_before": [0.1, 0.2, 0.3],
        "load_after": [0.4, 0.5, 0.6],
        "failed": {},
        "benchmarks": benchmarks,
    }


def one(median: float, met: bool | None) -> dict[str, Any]:
    at_most = None if met is None else 2.0
    return {"median": median, "unit": "ms", "noise_pct": 4.0, "runs": [2.0, 3.0], "met": met} | {
        "at_most": at_most,
        "at_least": None,
    }


def test_figures_come_with_date_machine_load_and_verdict() -> None:
    text = sections(report(core={"figures": {"time": one(2.5, False), "told": one(1.0, None)}, "facts": {}}))["core"]
    assert "2026-05-04: 2 cores, 20 GB, Linux x86_64, Python 3.11.7; load 0.1 before, 0.4 after." in text
    assert "| time | 2.5 ms | ± 4 % | <= 2 | missed |" in text
    assert "| told | 1 ms | ± 4 % |  |  |" in text


def test_facts_are_listed_and_tables_among_them_are_tables() -> None:
    facts = {"sizes": [1, 2], "nested": {"deep": 3}, "rows": [{"name": "a", "value": None}]}
    text = sections(report(core={"figures": {}, "facts": facts}))["core"]
    assert "| sizes | 1, 2 |" in text
    assert "| nested: deep | 3 |" in text
    assert "| name | value |" in text
    assert "| a |  |" in text


def test_a_table_that_the_figures_are_made_of_stands_in_their_place() -> None:
    facts = {"table": [{"file": "f.csv", "max": 1.5e-13}]}
    text = sections(report(exactness={"figures": {"left_out": one(1.0, True)}, "facts": facts}))["exactness"]
    assert "| f.csv | 1.5e-13 |" in text
    assert "left_out" not in text


def test_facts_of_several_things_alike_stand_side_by_side() -> None:
    facts = {name: {"rows": 1, "priced": 2, "smiles": {"ok": 3}} for name in ("QQQ", "AAPL")}
    facts["QQQ"]["old"] = 4
    text = sections(report(real_chains={"figures": {}, "facts": facts}))["real_chains"]
    assert "| fact | QQQ | AAPL |" in text
    assert "| smiles: ok | 3 | 3 |" in text
    assert "| old | 4 |  |" in text


def test_a_document_keeps_its_words_and_the_sections_that_were_not_measured(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"# Title\n\n## Words\n\nMine.\n\n{MARK}\n\n## core\n\nold core\n\n## live\n\nold live\n")
    write(path, report(core={"figures": {"time": one(1.0, True)}, "facts": {}}, grids={"figures": {}, "facts": {}}))
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# Title\n\n## Words\n\nMine.\n\n{MARK}\n\n## core\n\n2026-05-04")
    assert "old core" not in text
    assert text.index("## core") < text.index("## live\n\nold live\n") < text.index("## grids")
    write(path, report(core={"figures": {"time": one(1.0, True)}, "facts": {}}))
    assert path.read_text(encoding="utf-8") == text


def test_a_new_document_has_the_line_and_the_sections(tmp_path: Path) -> None:
    path = tmp_path / "new.md"
    write(path, report(core={"figures": {}, "facts": {}}))
    assert path.read_text(encoding="utf-8").startswith(f"{MARK}\n\n## core\n\n2026-05-04")


def test_times_and_errors_go_into_documents_of_their_own(tmp_path: Path) -> None:
    parts: dict[str, Any] = {name: {"figures": {}, "facts": {}} for name in ("core", "exactness", "real_chains")}
    write_all(tmp_path, report(**parts))
    pages = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert set(pages) == {"benchmarks.md", "exactness.md"}
    assert [name for name in parts if f"## {name}" in pages["exactness.md"]] == ["exactness", "real_chains"]
    assert [name for name in parts if f"## {name}" in pages["benchmarks.md"]] == ["core"]
