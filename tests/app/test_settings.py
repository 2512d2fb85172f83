"""Settings: each one documented, each wrong one named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.base.settings import Settings, environment_of, read_settings, variable

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "settings.md"
ROWS = re.findall(r"^\| `(NUANXIN_\w+)` \| (.+?) \| (.+) \|$", DOCUMENT.read_text("utf-8"), re.MULTILINE)


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    assert [name for name, _, _ in ROWS] == [variable(field) for field in Settings.__struct_fields__]


def test_the_documented_defaults_are_the_defaults() -> None:
    plain = Settings()
    for name, default, _ in ROWS:
        value = getattr(plain, name.removeprefix("NUANXIN_").lower())
        if not isinstance(value, Path):
            assert default == (f"`{value}`" if value != "" else "empty"), name


def test_every_documented_setting_says_what_it_is_for() -> None:
    assert all(len(words) > 30 for _, _, words in ROWS)


def test_no_setting_hides_elsewhere_in_the_code() -> None:
    known = {variable(field) for field in Settings.__struct_fields__}
    code = [file for name in ("app", "distribution", "inventory", "labels") for file in (ROOT / name).rglob("*.py")]
    used = {found for file in code for found in re.findall(r"NUANXIN_[A-Z]+(?:_[A-Z]+)*", file.read_text("utf-8"))}
    assert used <= known


def test_nothing_needs_to_be_set() -> None:
    assert read_settings({}) == Settings()


def test_an_empty_setting_counts_as_not_set() -> None:
    assert read_settings({"NUANXIN_PORT": "", "NUANXIN_BASE_URL": ""}) == Settings()


def test_settings_are_read_by_type(tmp_path: Path) -> None:
    read = read_settings({"NUANXIN_PORT": "9000", "NUANXIN_DATA": str(tmp_path / "data"), "NUANXIN_PHONE": "0546-0000"})
    assert (read.port, read.data, read.phone) == (9000, tmp_path / "data", "0546-0000")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NUANXIN_PORT", "eighty"),
        ("NUANXIN_WORKERS", "2.5"),
        ("NUANXIN_DATABASE", "mysql://x"),
        ("NUANXIN_BASE_URL", "nuanxin.example.org"),
        ("NUANXIN_BASE_URL", "ftp://nuanxin.example.org"),
        ("NUANXIN_PROXY", "*"),
        ("NUANXIN_PROXY", "192.0.2.1, *"),
        ("NUANXIN_PROXY", "0.0.0.0/0"),
        ("NUANXIN_PROXY", "::/0"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"NUANXIN_|" + name.removeprefix("NUANXIN_").lower()):
        read_settings({name: value})


def test_keys_inside_the_data_are_refused(tmp_path: Path) -> None:
    for keys in (tmp_path, tmp_path / "keys", tmp_path / "x" / ".." / "keys"):
        with pytest.raises(ValueError, match="NUANXIN_KEYS"):
            Settings(data=tmp_path, keys=keys)
    assert Settings(data=tmp_path / "data", keys=tmp_path / "keys")


def test_a_child_process_reads_the_same_settings(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "d", keys=tmp_path / "k", port=9001, organisation="试验")
    assert read_settings(environment_of(settings)) == settings


def test_https_is_told_from_the_address_alone() -> None:
    assert Settings(base_url="https://nuanxin.example.org").secure
    assert not Settings(base_url="http://nuanxin.example.org").secure
