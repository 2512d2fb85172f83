# ruff: noqa: S603 - every command started here is spelled out here
"""Sets everything up in `.venv` with the packages of requirements.lock, then starts what was asked for.

python3 run.py              the demo
python3 run.py test ARGS    the tests, ARGS are pytest's
python3 run.py ANYTHING     the same as `nuanxin ANYTHING`

The texts stand here in both languages because the catalogues of messages are not installed yet.
"""

import ast
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 13)
if not OLDEST <= sys.version_info[:2] <= NEWEST:
    sys.exit(
        "需要 Python 3.11 至 3.13，当前是 {0}；若已安装，请试：python3.12 run.py\n"
        "Nuanxin needs Python 3.11 to 3.13, this is {0}. If you have one, try: python3.12 run.py".format(
            ".".join(map(str, sys.version_info[:3]))
        )
    )

ROOT = Path(__file__).resolve().parent
BOOT, VENV, LOCK = ROOT / ".boot", ROOT / ".venv", ROOT / "requirements.lock"
STAMP = VENV / ".set-up"
WINDOWS = os.name == "nt"
PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")
# A virtual environment without pip, such as .venv itself: the interpreter it was made from.
OUTER = sys.executable if find_spec("pip") else getattr(sys, "_base_executable", sys.executable)
QUIET = [] if sys.stderr.isatty() else ["--quiet"]


def wanted(root: Path = ROOT) -> list[str]:
    """The two lines a finished set-up leaves: what the environment was made for, a hash of what went in."""
    digest = hashlib.sha256()
    for name in ("requirements.lock", "pyproject.toml", "package-lock.json", "hatch_build.py"):
        digest.update(name.encode() + ((root / name).read_bytes() if (root / name).exists() else b""))
    made_for = f"{root} {platform.machine()} {sys.implementation.name} {sys.version_info[:2]}"
    return [made_for, digest.hexdigest()]


def uv_pin(lock: str) -> str:
    """uv's own entry of the lock, hashes included: pip installs that and nothing else."""
    entry = re.search(r"^uv==.*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    if entry is None:
        raise OSError("requirements.lock: uv?")
    return entry[0]


def pip_habits(pip_config: str) -> dict[str, str]:
    """What `pip config list` printed, as the variables of uv and npm, which read no pip.conf."""
    found: dict[str, str] = {}
    for level in ("global", "install", ":env:"):  # pip's own order, the last one wins
        for key, value in re.findall(rf"^{level}\.([\w-]+)=(.+)$", pip_config, re.MULTILINE):
            found[key] = " ".join(str(ast.literal_eval(value)).split())
    links = [link for link in found.get("find-links", "").split() if "://" in link or Path(link).exists()]
    variables = {
        "UV_DEFAULT_INDEX": found.get("index-url", ""),
        "UV_INDEX": found.get("extra-index-url", ""),
        "UV_FIND_LINKS": ",".join(links),
        "UV_NO_INDEX": "1" if found.get("no-index", "") in {"1", "true", "True", "yes", "on"} else "",
        "UV_INSECURE_HOST": found.get("trusted-host", ""),
        "SSL_CERT_FILE": found.get("cert", ""),
        "NODE_EXTRA_CA_CERTS": found.get("cert", ""),
        "ALL_PROXY": found.get("proxy", ""),
        "UV_INDEX_STRATEGY": "unsafe-best-match",  # every index, like pip: the lock's hashes are the judge
    }
    return {name: value for name, value in variables.items() if value}


def environment() -> dict[str, str]:
    """The caller's variables, which win, over pip's configuration and caches that stay in the checkout."""
    caches = {name: str(BOOT / "cache") for name in ("PIP_CACHE_DIR", "UV_CACHE_DIR", "NPM_CONFIG_CACHE")}
    listing = subprocess.check_output([OUTER, "-m", "pip", "config", "list"], text=True, errors="replace")
    return pip_habits(listing) | caches | os.environ | {"UV_PYTHON_DOWNLOADS": "never"}


def step(*parts: object, env: dict[str, str]) -> None:
    subprocess.run([str(part) for part in parts], cwd=ROOT, env=env, check=True)


def fetch_uv(pin: str, env: dict[str, str]) -> Path:
    home = BOOT / hashlib.sha256(pin.encode()).hexdigest()[:16]
    if not home.exists():
        half = BOOT / "half"  # renamed when complete, so that an interrupted download never counts
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        (half / "pin.txt").write_text(pin, encoding="utf-8")
        pinned = ["--require-hashes", "--no-deps", "--only-binary", ":all:", "-r", half / "pin.txt"]
        env = env | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0", "PIP_ROOT_USER_ACTION": "ignore"}
        step(OUTER, "-m", "pip", "install", *QUIET, "--target", half, *pinned, env=env)
        half.rename(home)
    return home / "bin" / ("uv.exe" if WINDOWS else "uv")


def set_up() -> None:
    """Nothing if the stamp is current; else brings `.venv` in line with the lock, afresh if it is broken."""
    stamp = wanted()
    have = STAMP.read_text(encoding="utf-8").splitlines() if PYTHON.exists() and STAMP.exists() else [""]
    if have == stamp:
        return
    print("正在准备运行环境（首次或有更新时）… / Setting up (first time or after changes)…", file=sys.stderr)
    pin = uv_pin(LOCK.read_text(encoding="utf-8"))
    env = environment()
    uv = fetch_uv(pin, env)
    STAMP.unlink(missing_ok=True)
    if have[0] != stamp[0]:
        if VENV.exists():
            shutil.rmtree(VENV)
        step(uv, "venv", *QUIET, "--python", OUTER, VENV, env=env)
    install = [*QUIET, "--python", PYTHON]
    step(uv, "pip", "sync", *install, "--require-hashes", "--only-binary", ":all:", LOCK, env=env)
    step(uv, "pip", "install", *install, "--no-deps", "--no-build-isolation", "--editable", ROOT, env=env)
    STAMP.write_text("\n".join(stamp), encoding="utf-8")


def command(args: list[str]) -> list[str]:
    if args[:1] == ["test"]:
        return [str(PYTHON), "-m", "pytest", *args[1:]]
    # -P: an `app` folder where the caller stands must not be taken for ours.
    return [str(PYTHON), "-P", "-m", "app.cli", *(args or ["demo"])]


def hand_over(args: list[str]) -> int:
    """Becomes the command where the system can; on Windows waits for it and leaves Ctrl-C to it."""
    if args[:1] == ["test"]:
        os.chdir(ROOT)
    if not WINDOWS:
        os.execv(PYTHON, command(args))  # noqa: S606 - the interpreter of our own environment
    with subprocess.Popen(command(args)) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


if __name__ == "__main__":
    try:
        set_up()
        sys.exit(hand_over(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except (OSError, subprocess.CalledProcessError) as problem:
        sys.exit(f"未完成，请看上文并检查网络 / Not finished: see above and check the network: {problem}")
