"""Takes the README's pictures of the main pages: ``python -m tests.browser.pictures FOLDER``, from a demonstration of
its own that is thrown away afterwards."""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Locator, sync_playwright

from app.base.i18n import Messages
from app.base.settings import Settings, environment_of
from app.demo import making
from app.demo.counter import Size
from app.demo.summary import Kept, kept
from app.demo.town import Hand, in_store_code
from app.main import messages
from tests.bench.server import free_port, serving
from tests.browser.conftest import ARGUMENTS, chromium_path, visit
from tests.browser.visitor import DESK, PHONE, Visitor

WORDS = Path(making.__file__).parent / "messages"
LARGEST = 120_000
SHARPNESS = {PHONE: 2, DESK: 1}
_COLOURS = (256, 128, 64, 32, 16)


class Picture(NamedTuple):
    """Whose page, where it begins, and what is done until it shows what the picture is to show."""

    name: str
    role: str
    path: str
    size: tuple[int, int]
    then: Callable[[Visitor], Any] | None = None


def scan(visitor: Visitor) -> None:
    """A known product, filled in as far as the batch and the date."""
    visitor.scan(in_store_code(1))
    visitor.page.locator("#receive").wait_for()
    visitor.page.keyboard.type("230517")
    visitor.main.locator("[data-year]").nth(2).click()
    visitor.main.locator("[data-month='05']").click()


def take_in(visitor: Visitor) -> None:
    """The green answer."""
    scan(visitor)
    visitor.choose("receive.declared")
    visitor.press("receive.submit")
    visitor.verdict("ok")


def turn_down(visitor: Visitor) -> None:
    """The kind refusal of an expired pack."""
    visitor.scan(f"]d201{in_store_code(1).zfill(14)}1723053110230517")
    visitor.choose("receive.declared")
    visitor.press("receive.submit")
    visitor.verdict("bad")


def follow(css: str) -> Callable[[Visitor], None]:
    """Go where the first such link leads."""

    def go(visitor: Visitor) -> None:
        visitor.go(str(_first(visitor.main.locator(css)).get_attribute("href")))

    return go


def look_into_why(visitor: Visitor) -> None:
    """A plan's decisions, with all the reasons of the first."""
    follow("tbody th a")(visitor)
    _first(visitor.main.locator("td summary")).click()
    visitor.page.evaluate("document.querySelector('h2').scrollIntoView()")


def stand_at_the_door(visitor: Visitor) -> None:
    """Take a parcel along, if that was not done before, and open its door."""
    follow("article a.button")(visitor)
    taking = visitor.named(visitor.say("door.take_over"))
    if taking.count():
        taking.click()
        visitor.arrives("/rounds")
        follow("article a.button")(visitor)
    visitor.main.locator(".leaflet").first.wait_for()
    visitor.page.evaluate("document.querySelector('.leaflet').scrollIntoView()")


def down_to_a_pack(visitor: Visitor) -> None:
    """From an item to one of its packs."""
    follow("tbody th a")(visitor)
    follow("tbody th a")(visitor)


def _first(found: Locator) -> Locator:
    found.first.wait_for()
    return found.first


PICTURES = (
    Picture("home", "volunteer", "/", PHONE),
    Picture("receive", "volunteer", "/receive", PHONE, scan),
    Picture("received", "volunteer", "/receive", PHONE, take_in),
    Picture("refused", "volunteer", "/receive", PHONE, turn_down),
    Picture("pack", "volunteer", "/packing", PHONE, follow("a.button.primary")),
    Picture("tasks", "member", "/rounds", PHONE),
    Picture("door", "member", "/rounds", PHONE, stand_at_the_door),
    Picture("stock", "coordinator", "/stock", DESK),
    Picture("history", "coordinator", "/stock", DESK, down_to_a_pack),
    Picture("needs", "coordinator", "/needs", DESK),
    Picture("plan", "coordinator", "/plans", DESK, look_into_why),
    Picture("release", "medic", "/release", DESK),
    Picture("medic", "medic", "/medic", DESK),
    Picture("rounds", "leader", "/rounds", DESK, follow("tbody th a")),
    Picture("labels", "volunteer", "/labels", DESK),
    Picture("people", "administrator", "/people", DESK),
    Picture("audit", "auditor", "/audit", DESK),
    Picture("scan", "volunteer", "/scan", PHONE),
    Picture("print", "volunteer", "/labels/print?what=mark", PHONE),
    Picture("leaflet", "volunteer", "/leaflet/med-001", PHONE),
    Picture("policy", "office", "/policy", DESK),
)


def small(picture: bytes) -> bytes:
    """The same picture with as many colours as stay below the limit."""
    drawn = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in _COLOURS:
        out = io.BytesIO()
        drawn.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= LARGEST:
            return out.getvalue()
    raise ValueError("a picture does not get small enough")


def take(browser: Browser, address: str, town: Kept, folder: Path, languages: Sequence[str]) -> Iterator[Path]:
    """All pictures, one file each, named ``page-language.png``."""
    words = messages()
    for language in languages:
        for picture in PICTURES:
            hand = _hand(town, picture.role)
            scale = SHARPNESS[picture.size]
            visitor = visit(browser, address, words, hand, picture.size, language, device_scale_factor=scale)
            visitor.page.emulate_media(reduced_motion="reduce")
            visitor.go(picture.path)
            if picture.then:
                picture.then(visitor)
            file = folder / f"{picture.name}-{language}.png"
            file.write_bytes(small(visitor.page.screenshot()))
            visitor.context.close()
            if visitor.faults:
                raise RuntimeError(f"{picture.name}: {visitor.faults}")
            yield file


def _hand(town: Kept, role: str) -> Hand:
    return next(hand for hand in town.hands if hand.role == role)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the demonstration, serve it, take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--residents", type=int, default=400)
    parser.add_argument("--languages", nargs="+", choices=("zh", "en"), default=("zh", "en"))
    options = parser.parse_args(arguments)
    found = chromium_path()
    if found is None:
        print("no Chromium here", file=sys.stderr)
        return 1
    options.folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with tempfile.TemporaryDirectory() as made:
        settings = Settings(
            data=Path(made) / "data", keys=Path(made) / "keys", base_url=f"http://127.0.0.1:{port}", port=port,
            phone="0546 123 4567", log_level="warning",
        )  # fmt: skip
        making.make(settings, 1, options.residents, Size(), Messages([WORDS.parent.parent / "messages", WORDS]))
        with serving("app.main:serve", port, environment_of(settings), "/api/health"), sync_playwright() as running:
            browser = running.chromium.launch(executable_path=found, args=ARGUMENTS)
            town = kept(settings.data / making.MARK)
            for file in take(browser, settings.base_url, town, options.folder, options.languages):
                print(f"{file} {file.stat().st_size:,}")
            browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
