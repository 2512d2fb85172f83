"""The house keeps its plan: floors in order, rule files pure, no file or function too long to read."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "distribution", "inventory", "labels")
FILES = sorted(file for package in PACKAGES for file in (ROOT / package).rglob("*.py") if "versions" not in file.parts)
LONGEST_FILE, LONGEST_FUNCTION = 420, 45


def contracts() -> list[dict[str, object]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]


def test_imports_go_down_only_and_rule_files_stay_pure() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_module_of_the_roof_has_its_place_in_the_contract() -> None:
    layers = " : ".join(map(str, contracts()[0]["layers"])).split(" : ")
    named = {layer.removeprefix("app.") for layer in layers if layer.startswith("app.")}
    there = {
        entry.stem
        for entry in (ROOT / "app").iterdir()
        if (entry.suffix == ".py" and entry.stem != "__init__") or (entry / "__init__.py").exists()
    }
    assert named == there


def test_every_module_of_the_floor_has_its_place_in_the_contract() -> None:
    layers = " | ".join(map(str, contracts()[1]["layers"])).split(" | ")
    there = {file.stem for file in (ROOT / "app" / "base").glob("*.py")} - {"__init__"}
    assert {layer.removeprefix("app.base.") for layer in layers} == there


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_file_says_what_it_promises_and_can_be_read_in_one_sitting(file: Path) -> None:
    text = file.read_text("utf-8")
    tree = ast.parse(text)
    if text.strip():
        assert ast.get_docstring(tree), "a module opens with one sentence on what it promises"
    assert text.count("\n") <= LONGEST_FILE
    long = [
        f"{node.name}: {size} lines"
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (size := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    ]
    assert long == []
