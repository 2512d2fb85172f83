"""Messages in Chinese and English: each feature keeps its own beside it, the roof collects them here."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from app.base.reasons import Reason

LANGUAGES = ("zh", "en")
"""The languages served; the first is the original and the default."""


class Messages:
    """All messages by language and dotted key.

    A folder has ``zh.toml`` and ``en.toml``, and beside them one pair for each larger topic: ``stocktake.zh.toml`` …
    """

    def __init__(self, folders: Iterable[Path]) -> None:
        self.texts: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
        for folder in folders:
            for language in LANGUAGES:
                for file in (folder / f"{language}.toml", *sorted(folder.glob(f"*.{language}.toml"))):
                    self._add(language, tomllib.loads(file.read_text("utf-8")))

    def _add(self, language: str, tables: Mapping[str, Any], prefix: str = "") -> None:
        texts = self.texts[language]
        for key, value in tables.items():
            name = f"{prefix}{key}"
            if isinstance(value, dict):
                self._add(language, value, f"{name}.")
            elif name in texts:
                raise ValueError(f"message {name} is there twice")
            else:
                texts[name] = value

    def has(self, key: str) -> bool:
        """Whether there is a message of this key."""
        return key in self.texts[LANGUAGES[0]]

    def say(self, language: str, key: str, /, **params: object) -> str:
        """The message in a language, its placeholders filled; an unknown key is shown as it is."""
        text = self.texts[language].get(key)
        if text is None:
            return key
        return text.format(**params) if params else text

    def reason(self, language: str, family: str, reason: Reason, kind: str = "") -> str:
        """The sentence of a rule's finding: ``<family>.<CODE>`` or ``<family>.<CODE>.<kind>``."""
        key = f"{family}.{reason.code}.{kind}" if kind else f"{family}.{reason.code}"
        return self.say(language, key, **reason.params)


def preferred(cookie: str | None, header: str | None) -> str:
    """The reader's language: the one chosen, else English if the browser prefers it over Chinese, else Chinese."""
    if cookie in LANGUAGES:
        return cookie
    for part in (header or "").split(","):
        language = part.split(";")[0].strip().lower()[:2]
        if language in LANGUAGES:
            return language
    return LANGUAGES[0]
