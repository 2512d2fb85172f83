"""Settings are read once from the environment; docs/settings.md documents each one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import platformdirs


def _default_data() -> Path:
    return Path(platformdirs.user_data_dir("nuanxin", appauthor=False))


def _default_keys() -> Path:
    return Path(platformdirs.user_config_dir("nuanxin", appauthor=False)) / "keys"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that differs from one installation to the next.

    ``database`` is empty for the embedded SQLite file in ``data``, or a ``postgresql://`` address.
    ``keys`` is the folder of the master key and must lie outside ``data``.
    ``base_url`` is how phones reach this service; labels and links are built from it alone.
    ``proxy`` is the address (or several, with commas between) whose word on a client's address is taken.
    """

    data: Path = msgspec.field(default_factory=_default_data)
    keys: Path = msgspec.field(default_factory=_default_keys)
    database: str = ""
    base_url: str = "http://127.0.0.1:8000"
    host: str = "127.0.0.1"
    port: int = 8000
    tls_certificate: str = ""
    tls_key: str = ""
    proxy: str = ""
    organisation: str = "胜利街道暖心服务"
    phone: str = ""
    timezone: str = "Asia/Shanghai"
    workers: int = 1
    log_level: str = "info"

    def __post_init__(self) -> None:
        if self.keys.resolve().is_relative_to(self.data.resolve()):
            raise ValueError("NUANXIN_KEYS must lie outside NUANXIN_DATA: a stolen backup must not hold its own key")
        if self.database and not self.database.startswith("postgresql://"):
            raise ValueError("NUANXIN_DATABASE must be empty or a postgresql:// address")
        if any(one.strip() == "*" or one.strip().endswith("/0") for one in self.proxy.split(",")):
            raise ValueError(
                "NUANXIN_PROXY names the proxy's own address: anyone could forge theirs if all were believed"
            )
        if urlsplit(self.base_url).scheme not in {"http", "https"}:
            raise ValueError("NUANXIN_BASE_URL must begin with http:// or https://")

    @property
    def secure(self) -> bool:
        """Whether phones reach this service by https (then cookies are ``__Host-`` and HSTS is sent)."""
        return self.base_url.startswith("https://")

    @property
    def sqlite_file(self) -> Path:
        """Where the embedded store lies."""
        return self.data / "nuanxin.sqlite3"


def variable(field: str) -> str:
    """The environment variable of a settings field."""
    return f"NUANXIN_{field.upper()}"


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from ``NUANXIN_*`` variables; raises ValueError naming the variable that is wrong."""
    environment = os.environ if environment is None else environment
    given = {
        field: environment[variable(field)] for field in Settings.__struct_fields__ if environment.get(variable(field))
    }
    try:
        return msgspec.convert(given, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise ValueError(f"a NUANXIN_ setting is wrong: {error}") from None


def _path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value)).expanduser()
    raise TypeError(f"no setting is a {kind.__name__}")


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that make a child process read these same settings."""
    return {variable(field): str(getattr(settings, field)) for field in Settings.__struct_fields__}
