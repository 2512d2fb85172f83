"""run.py hands on what it was given, sets up only after a change, and says plainly what it cannot do."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "run.py"
LOCK = """tzdata==2026.1 \\
    --hash=sha256:aa
uv==0.1.2 \\
    --hash=sha256:bb \\
    --hash=sha256:cc
uvicorn==0.9 \\
    --hash=sha256:dd
"""


def load(source: Path = SOURCE) -> ModuleType:
    spec = importlib.util.spec_from_file_location("run_under_test", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "run.py").write_bytes(SOURCE.read_bytes())
    (tmp_path / "requirements.lock").write_text(LOCK, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def set_up_checkout(checkout: Path) -> Path:
    """A checkout whose set-up is finished; its interpreter is a script that tells what it was called with."""
    if sys.platform == "win32":
        pytest.skip("the stand-in interpreter is a shell script, which Windows does not run")
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$@"\nexit 7\n', encoding="utf-8")
    python.chmod(0o755)
    (checkout / ".venv" / ".set-up").write_text("\n".join(load(checkout / "run.py").wanted()), encoding="utf-8")
    return checkout


def start(checkout: Path, *args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(checkout / "run.py"), *args]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, encoding="utf-8", check=False)


def test_without_arguments_the_demo_starts(set_up_checkout: Path) -> None:
    assert start(set_up_checkout).stdout.splitlines()[1:] == ["-P", "-m", "app.cli", "demo"]


def test_any_other_word_goes_to_nuanxin_from_where_the_caller_stands(set_up_checkout: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    answer = start(set_up_checkout, "check", "--data", "my folder", cwd=elsewhere)
    assert answer.stdout.splitlines() == [
        str(elsewhere),
        "-P",
        "-m",
        "app.cli",
        "check",
        "--data",
        "my folder",
    ]


def test_the_word_test_hands_the_rest_to_pytest_and_its_exit_status_back(set_up_checkout: Path) -> None:
    answer = start(set_up_checkout, "test", "-k", "last unit", cwd=set_up_checkout.parent)
    assert answer.stdout.splitlines() == [str(set_up_checkout), "-m", "pytest", "-k", "last unit"]
    assert answer.returncode == 7
    assert answer.stderr == ""


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml", "package-lock.json", "hatch_build.py"])
def test_a_changed_file_calls_for_a_new_set_up_of_the_same_environment(checkout: Path, name: str) -> None:
    wanted: Callable[[], list[str]] = load(checkout / "run.py").wanted
    before = wanted()
    with (checkout / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    after = wanted()
    assert after[0] == before[0]
    assert after[1] != before[1]


def test_another_python_calls_for_a_new_environment(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = load(checkout / "run.py")
    before = run.wanted()
    monkeypatch.setattr(sys, "version_info", (3, 13, 99))
    assert run.wanted()[0] != before[0]


def test_a_lock_without_uv_is_named_and_the_environment_left_alone(set_up_checkout: Path) -> None:
    (set_up_checkout / "requirements.lock").write_text("tzdata==2026.1\n", encoding="utf-8")
    answer = start(set_up_checkout)
    assert answer.returncode == 1
    assert "requirements.lock" in answer.stderr
    assert (set_up_checkout / ".venv" / "bin" / "python").exists()


def test_only_uv_s_own_entry_is_cut_out_of_the_lock() -> None:
    assert load().uv_pin(LOCK) == "uv==0.1.2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"


def test_what_pip_is_told_about_the_network_is_handed_on(tmp_path: Path) -> None:
    listing = (
        ":env:.index-url='https://mirror.example/simple'\n"
        "global.index-url='https://other.example/simple'\n"
        "global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'\n"
        f"install.find-links={str(tmp_path)!r}\n"
        "global.cert='office.pem'\n"
        "download.no-index='1'\n"
        "global.timeout='60'\n"
    )
    assert load().pip_habits(listing) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_FIND_LINKS": str(tmp_path),
        "SSL_CERT_FILE": "office.pem",
        "NODE_EXTRA_CA_CERTS": "office.pem",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
    }


@pytest.mark.parametrize("version", [(3, 8, 20), (3, 10, 14), (3, 14, 0)])
def test_a_python_outside_the_range_is_told_so(version: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit) as refused:
        load()
    monkeypatch.undo()
    said = str(refused.value)
    assert "3.11" in said
    assert ".".join(map(str, version)) in said
    assert said.isascii() is False


def test_an_old_python_can_still_read_the_file_to_say_so() -> None:
    assert ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 7)).body
