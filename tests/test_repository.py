"""The checkout keeps its promises: a fixed top level, empty package files, locks that name no place."""

import json
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOP_LEVEL = {
    ".ci",
    ".gitattributes",
    ".gitignore",
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "README.zh.md",
    "SECURITY.md",
    "app",
    "distribution",
    "docs",
    "hatch_build.py",
    "inventory",
    "labels",
    "package-lock.json",
    "package.json",
    "pyproject.toml",
    "requirements.lock",
    "run.py",
    "tests",
}
LAYER_NAMES = {"services", "repositories", "utils", "helpers", "schemas", "managers"}
LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==\S+(?: ;.*?)?((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", re.MULTILINE)


@cache
def files() -> tuple[str, ...]:
    """Paths of what is committed or about to be, with `/`, relative to the checkout."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: what belongs to the repository cannot be told")
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return tuple(name for name in listing.split("\0") if name and (ROOT / name).exists())


def lock_text() -> str:
    return (ROOT / "requirements.lock").read_text(encoding="utf-8")


def test_the_top_level_holds_only_what_was_agreed() -> None:
    assert {name.split("/")[0] for name in files()} <= TOP_LEVEL


def test_code_is_sorted_by_feature_and_never_by_layer() -> None:
    assert [name for name in files() if LAYER_NAMES & set(Path(name).with_suffix("").parts)] == []


def test_package_files_are_empty() -> None:
    packages = [name for name in files() if name.endswith("__init__.py")]
    assert packages
    assert [name for name in packages if (ROOT / name).stat().st_size] == []


def test_no_file_speaks_of_a_place_on_somebody_s_machine() -> None:
    place = re.compile(r"(?<![\w.:/*}-])/(?:home|root|Users|work|workspace)/[\w.]|[A-Z]:\\+Users\\")
    found = [
        name
        for name in files()
        if b"\0" not in (content := (ROOT / name).read_bytes()) and place.search(content.decode("utf-8"))
    ]
    assert found == []


def test_every_locked_package_has_hashes_and_the_lock_names_no_address() -> None:
    entries = LOCKED.findall(lock_text())
    starts = [line for line in lock_text().splitlines() if not line.startswith(" ")]
    assert len(entries) == len(starts) > 0
    assert [name for name, hashes in entries if not hashes] == []
    assert "://" not in lock_text()


def test_every_dependency_of_the_project_is_locked() -> None:
    described = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = described["project"]
    wanted = [*project["dependencies"], *described["build-system"]["requires"], "uv"]
    for extra in project["optional-dependencies"].values():
        wanted += extra
    names = {re.split(r"[\[<>=!~; ]", line)[0].lower().replace("_", "-") for line in wanted}
    assert names - {name for name, _ in LOCKED.findall(lock_text())} == set()


def test_the_browser_s_packages_are_locked_by_content_and_not_by_address() -> None:
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in locked["packages"].items() if name}
    assert packages
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if not entry.get("integrity")] == []


def test_decision_records_are_numbered_without_gaps_and_name_what_was_refused() -> None:
    records = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(record.name[:3]) for record in records] == list(range(1, len(records) + 1))
    silent = [record.name for record in records if "\n## Options refused\n" not in record.read_text(encoding="utf-8")]
    assert silent == []
