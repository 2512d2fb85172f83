"""Messages: Chinese and English say the same things, and every text that code and pages ask for is there."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from app import home
from app.base import fields
from app.base.errors import Refusal
from app.base.i18n import LANGUAGES
from app.base.permissions import Role, ScopeKind
from app.http import Fault
from app.main import FEATURES, messages
from app.navigation import ENTRIES
from distribution.matching import MatchingPolicy
from distribution.safety import DispensingPolicy
from distribution.urgency import UrgencyPolicy
from inventory.receiving.screening import IntakePolicy
from inventory.stock.levels import LevelPolicy

ROOT = Path(__file__).parents[2]
CODE = [file for name in ("app", *FEATURES) for file in sorted((ROOT / name).rglob("*.py"))]
TEMPLATES = [file for name in ("app", *FEATURES) for file in sorted((ROOT / name / "templates").rglob("*.html"))]
ZH, EN = (messages().texts[language] for language in LANGUAGES)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_have_the_same_keys() -> None:
    assert set(ZH) == set(EN)


def test_both_languages_have_the_same_placeholders() -> None:
    assert {key for key in ZH if placeholders(ZH[key]) != placeholders(EN.get(key, ""))} == set()


def test_no_message_is_empty_or_left_in_the_other_language() -> None:
    assert [key for key in ZH if not ZH[key].strip() or not EN[key].strip()] == []
    # An English text may quote what is printed on a pack, but it is not Chinese.
    mostly = [key for key, text in EN.items() if 3 * len(re.findall(r"[\u4e00-\u9fff]", text)) > len(text)]
    assert mostly == ["ui.other_language", "ui.other_language_name"]


def test_every_message_can_be_said_with_its_placeholders() -> None:
    for texts in (ZH, EN):
        for key, text in texts.items():
            names = placeholders(text)
            assert all(re.fullmatch(r"[a-z_]+", name) for name in names), key
            if not key.startswith("ui.js."):
                text.format(**dict.fromkeys(names, "x"))


ASKED = re.compile(r"""\b(?:t|say)\(\s*["']([a-z][\w.-]*)["']\s*(?P<more>~)?""")


def asked() -> Iterator[tuple[str, str, bool]]:
    """(place, key, whether the key goes on) for each text that pages and code ask for by name."""
    for file in (*TEMPLATES, *CODE):
        for found in ASKED.finditer(file.read_text("utf-8")):
            yield f"{file.relative_to(ROOT)}: {found[1]}", found[1], bool(found["more"])


def test_pages_ask_for_texts() -> None:
    assert len(list(asked())) > 50


def test_every_text_that_is_asked_for_exists() -> None:
    lost = [
        place
        for place, key, goes_on in asked()
        if not (any(have.startswith(key) for have in ZH) if goes_on else key in ZH)
    ]
    assert lost == []


def refusals() -> list[type[Refusal]]:
    """Every refusal that any module defines."""
    found, waiting = [], [Refusal]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting.extend(one.__subclasses__())
    return found


def test_every_refusal_has_its_words() -> None:
    codes = {kind.code for kind in refusals() if kind.__module__.split(".")[0] in {"app", *FEATURES}}
    codes |= {"METHOD", "TOO_LARGE", "CRASHED", "ANY"}
    parts = {code: ("todo",) if code == "ANY" else ("title", "detail") for code in codes}
    assert [
        f"{code}.{part}" for code in sorted(codes) for part in parts[code] if f"refusal.{code}.{part}" not in ZH
    ] == []


def test_a_refusal_s_code_is_its_own() -> None:
    kinds: dict[str, set[str]] = {}
    for kind in refusals():
        if "code" in vars(kind):
            kinds.setdefault(kind.code, set()).add(kind.__qualname__)
    assert {code: names for code, names in kinds.items() if len(names) > 1} == {}


def test_every_fault_has_its_words_and_takes_its_values() -> None:
    for shape, code in fields._SHAPES:
        named = set(shape.groupindex) - {"field"}
        assert placeholders(ZH[f"fault.{code}"]) <= named, code
    assert "fault.wrong" in ZH
    raised = {
        found for file in CODE for found in re.findall(r'Invalid\(\(\s*[^,()]+,\s*"(\w+)",', file.read_text("utf-8"))
    }
    assert {"pin_shape", "pin_common", "passphrase_length", "passphrase_common", "json", "repeated"} <= raised
    assert [code for code in sorted(raised) if f"fault.{code}" not in ZH] == []
    assert set(Fault.__struct_fields__) == {"field", "code", "reason"}


def test_every_role_scope_and_entry_has_its_words() -> None:
    wanted = [f"role.{role}" for role in Role]
    wanted += [f"account.kind.{kind}" for kind in ScopeKind]
    wanted += [label for _, label, _, _ in ENTRIES]
    assert [key for key in wanted if key not in ZH] == []


def test_every_threshold_on_the_policy_page_has_its_words() -> None:
    kinds = {
        "intake": IntakePolicy,
        "levels": LevelPolicy,
        "dispensing": DispensingPolicy,
        "matching": MatchingPolicy,
        "urgency": UrgencyPolicy,
    }
    assert [name for name in kinds if f"policy.name.{name}" not in ZH] == []
    named = {field for kind in kinds.values() for field in kind.__struct_fields__}
    assert {field for field in named if f"policy.field.{field}" not in ZH} == set()


def noted_verbs() -> set[str]:
    """The verbs of all audit notes that code writes with a literal."""
    found = set()
    for file in CODE:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"audit.note", "note"} and len(node.args) > 2:
                verb = node.args[2]
                if isinstance(verb, ast.Constant) and isinstance(verb.value, str):
                    found.add(verb.value)
    return found


def test_every_note_of_the_audit_trail_can_be_read() -> None:
    assert len(noted_verbs()) > 7
    assert [verb for verb in sorted(noted_verbs()) if f"audit.verb.{verb}" not in ZH] == []


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_template_holds_words_of_its_own(template: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", template.read_text("utf-8"), flags=re.DOTALL)
    assert re.findall(r"[\u4e00-\u9fff]+", text) == []


@pytest.mark.parametrize("file", sorted((ROOT / "app" / "static" / "js").glob("*.js")), ids=lambda file: file.name)
def test_no_script_holds_chinese_words(file: Path) -> None:
    text = re.sub(r"//.*|/\*.*?\*/", "", file.read_text("utf-8"))
    assert re.findall(r"[\u4e00-\u9fff]+", text) == []


def test_every_icon_that_is_named_is_drawn() -> None:
    drawn = set(re.findall(r'id="([\w-]+)"', (ROOT / "app" / "static" / "icons.svg").read_text("utf-8")))
    named = {icon for _, _, icon, _ in ENTRIES} | {icon for _, icon in home._DOORS.values()}
    for file in TEMPLATES:
        named |= set(re.findall(r'\bicon\("([\w-]+)"', file.read_text("utf-8")))
    assert named <= drawn
