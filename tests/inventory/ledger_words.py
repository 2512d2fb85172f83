"""The words that the source gives its movements, found by reading it, so that a new verb cannot be forgotten."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]

PASSED_ON = {
    "inventory.releasing.release": {"release", "refuse"},
    "inventory.wasting.losses": {"lost", "given-back", "set-aside"},
    "inventory.moving.transfers": {"transfer-take-out"},
    "inventory.moving.under_way": {"transfer-receive", "transfer-back"},
    "distribution.returns": {"return-hold", "return-dispose", "incident"},
}
"""What modules move by that get the word as an argument; written by hand, and such a module must stand here."""


def reasons_in_source(*rooms: str) -> set[str]:
    """Every ledger reason that ``ledger.move`` is called with, in these rooms or in all."""
    return {word for room in rooms or ("inventory", "distribution") for file in _modules(room) for word in _words(file)}


def _modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


def _words(file: Path) -> set[str]:
    module, found = ".".join(file.relative_to(ROOT).with_suffix("").parts), set()
    for call in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "ledger.move":
            found |= _said(module, call.args[5])
    return found


def _said(module: str, word: ast.expr) -> set[str]:
    if isinstance(word, ast.Constant):
        return {str(word.value)}
    text = ast.unparse(word)
    if text.rpartition(".")[2].isupper():
        owner: object = import_module(module)
        for name in text.split("."):
            owner = getattr(owner, name)
        return {str(owner)}
    assert module in PASSED_ON, f"{module} moves goods by a word that only its callers know: list the words"
    return PASSED_ON[module]
