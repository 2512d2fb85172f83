"""Camera, scanner, typing and photo lead to the same place; where one fails, the page says which else there is."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Playwright, Request, Route, expect

from labels import codes
from labels.render import label_png
from labels.templates import PrintedLabel
from tests.browser.conftest import ARGUMENTS, Comes, Served
from tests.browser.film import film_of
from tests.browser.town import PARACETAMOL, Quarter, Work
from tests.browser.visitor import Visitor
from tests.labels.pictures import FORMATS, encoded, photo, qr, symbol, table

pytestmark = pytest.mark.browser

NO_CAMERA = "Object.defineProperty(navigator, 'mediaDevices', {value: undefined});"
NO_WASM = "delete globalThis.WebAssembly;"
WECHAT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 15_0 like Mac OS X) AppleWebKit/605.1.15 MicroMessenger/8.0.40 Language/zh_CN"
)


def snap(visitor: Visitor, file: bytes, name: str = "IMG_0001.jpg") -> None:
    """Take a photo by the panel's own button."""
    visitor.taps += 1
    picture = {"name": name, "mimeType": "image/jpeg", "buffer": file}
    visitor.main.locator("[data-photo-file]").first.set_input_files([picture])  # type: ignore[list-item]


def posted(visitor: Visitor, path: str) -> list[Request]:
    """What the page will have sent to ``path``."""
    sent: list[Request] = []
    visitor.page.on("request", lambda one: sent.append(one) if one.url.endswith(path) else None)
    return sent


@pytest.fixture
def blank(work: Work) -> str:
    return work.blank_labels()[0]


@pytest.fixture
def filming(playwright: Playwright, chromium: str, served: Served, blank: str, tmp_path: Path) -> Iterator[Browser]:
    """A browser whose camera sees the blank label."""
    printed = PrintedLabel(code=blank, payload=codes.url(served.address, blank))
    film = film_of(label_png(printed), tmp_path / "label.mjpeg")
    camera = [
        "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    ]  # fmt: skip
    running = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS, *camera])
    yield running
    running.close()


def is_ready_to_receive(visitor: Visitor, label: str) -> None:
    visitor.arrives("/receive")
    expect(visitor.main.locator("[name=label]").first).to_have_value(label)


# ---------------------------------------------------------------- the means


def test_the_camera_reads_a_label_and_its_engine_comes_only_then(
    comes: Comes, quarter: Quarter, blank: str, filming: Browser
) -> None:
    volunteer = comes(quarter.volunteer, browser=filming, permissions=["camera"])
    engine = posted(volunteer, ".wasm")
    volunteer.go("/")
    expect(volunteer.main.locator("[data-scan-open]")).to_be_visible()
    assert engine == []
    volunteer.press("ui.scan.open")
    is_ready_to_receive(volunteer, blank)
    assert len(engine) == 1
    assert volunteer.faults == []


def test_a_scanner_reads_on_a_page_that_has_no_scan_panel(
    comes: Comes, served: Served, quarter: Quarter, blank: str
) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.go("/labels")
    expect(volunteer.page.locator("[data-scan]")).to_have_count(0)
    volunteer.scan(codes.url(served.address, blank))
    is_ready_to_receive(volunteer, blank)


def test_a_label_is_typed_in_small_letters_and_groups(comes: Comes, quarter: Quarter, blank: str) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.go("/")
    volunteer.fill("ui.scan.type", codes.shown(blank).lower())
    volunteer.press("ui.scan.go")
    is_ready_to_receive(volunteer, blank)


def test_a_photo_is_read_by_the_server_and_opens_what_it_shows(
    comes: Comes, served: Served, quarter: Quarter, blank: str
) -> None:
    volunteer = comes(quarter.volunteer)
    engine = posted(volunteer, ".wasm")
    volunteer.go("/")
    snap(volunteer, photo(qr(codes.url(served.address, blank))))
    is_ready_to_receive(volunteer, blank)
    assert volunteer.taps == 1
    assert engine == []


def test_a_photo_of_a_product_s_stripes_fills_the_form(comes: Comes, served: Served, quarter: Quarter) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.go("/")
    gtin = served.town.gtins[PARACETAMOL]
    snap(volunteer, photo(symbol(gtin, FORMATS.EAN13)))
    volunteer.arrives("/receive")


def test_a_huge_photo_is_made_smaller_before_it_travels(
    comes: Comes, served: Served, quarter: Quarter, blank: str
) -> None:
    volunteer = comes(quarter.volunteer)
    sent: list[bytes] = []

    def weigh(route: Route) -> None:
        sent.append(route.request.post_data_buffer or b"")
        route.continue_()

    volunteer.page.route("**/api/scan/photo", weigh)
    volunteer.go("/")
    large = table(qr(codes.url(served.address, blank), 12)).resize((4000, 3000))
    large = Image.blend(large.convert("RGB"), Image.effect_noise(large.size, 60).convert("RGB"), 0.15)
    file = encoded(large, quality=95)
    assert len(file) > 3_000_000
    snap(volunteer, file)
    is_ready_to_receive(volunteer, blank)
    (travelled,) = sent
    assert max(Image.open(io.BytesIO(travelled)).size) <= 2000
    assert len(travelled) < len(file) / 2


def test_of_several_codes_on_a_photo_one_is_chosen(comes: Comes, served: Served, quarter: Quarter, work: Work) -> None:
    first, second = work.blank_labels()[:2]
    volunteer = comes(quarter.volunteer)
    volunteer.go("/")
    snap(volunteer, photo(*(qr(codes.url(served.address, code)) for code in (first, second))))
    volunteer.sees("ui.js.photo_several")
    offered = volunteer.main.locator("[data-photo-code]")
    expect(offered).to_have_count(2)
    volunteer.tap(offered.filter(has_text=codes.shown(second)))
    is_ready_to_receive(volunteer, second)


def test_a_photo_fills_a_label_s_field_and_the_form_stays(
    comes: Comes, served: Served, quarter: Quarter, blank: str
) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.go("/")
    volunteer.scan(served.town.gtins[PARACETAMOL])
    volunteer.arrives("/receive")
    snap(volunteer, photo(qr(codes.url(served.address, blank))))
    expect(volunteer.main.locator("#f-label")).to_have_value(re.compile(blank))


# ---------------------------------------------------------------- where something is missing


def test_a_photo_without_a_code_says_closer_lighter_flatter(comes: Comes, quarter: Quarter) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.go("/")
    snap(volunteer, photo())
    volunteer.sees("ui.js.photo_nothing")


def test_a_file_that_is_no_photo_is_refused_in_words(comes: Comes, quarter: Quarter) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.go("/")
    snap(volunteer, b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    expect(volunteer.main.get_by_text(volunteer.say("refusal.PHOTO_KIND.title"))).to_be_visible()


def test_without_a_network_the_page_reads_the_photo_itself(
    comes: Comes, served: Served, quarter: Quarter, blank: str
) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.page.route("**/api/scan/photo", lambda route: route.abort("internetdisconnected"))
    volunteer.go("/")
    snap(volunteer, photo(qr(codes.url(served.address, blank))))
    is_ready_to_receive(volunteer, blank)


@pytest.mark.parametrize(
    ("lacks", "agent", "told"),
    [
        (NO_CAMERA, None, "no_camera"),
        (NO_CAMERA, WECHAT, "wechat"),
        (NO_WASM, None, "old"),
        (NO_WASM, WECHAT, "wechat"),
        ("Object.defineProperty(globalThis, 'isSecureContext', {value: false});" + NO_CAMERA, None, "insecure"),
    ],
)
def test_where_the_camera_cannot_read_the_page_says_what_to_do_and_a_photo_still_does(
    comes: Comes, served: Served, quarter: Quarter, blank: str, lacks: str, agent: str | None, told: str
) -> None:
    volunteer = comes(quarter.volunteer, **({"user_agent": agent} if agent else {}))
    volunteer.page.add_init_script(lacks)
    volunteer.go("/")
    volunteer.press("ui.scan.open")
    volunteer.sees(f"ui.js.{told}")
    expect(volunteer.main.get_by_label(volunteer.say("ui.scan.type"))).to_be_visible()
    snap(volunteer, photo(qr(codes.url(served.address, blank))))
    is_ready_to_receive(volunteer, blank)


def test_a_refused_camera_is_said_and_a_photo_still_does(
    comes: Comes, served: Served, quarter: Quarter, blank: str
) -> None:
    volunteer = comes(quarter.volunteer)
    volunteer.page.add_init_script(
        "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotAllowedError'));"
    )
    volunteer.go("/")
    volunteer.press("ui.scan.open")
    volunteer.sees("ui.js.refused")
    snap(volunteer, photo(qr(codes.url(served.address, blank))))
    is_ready_to_receive(volunteer, blank)


def test_without_scripts_the_photo_is_a_plain_form(comes: Comes, served: Served, quarter: Quarter, blank: str) -> None:
    volunteer = comes(quarter.volunteer, java_script_enabled=False)
    volunteer.go("/")
    snap(volunteer, photo())
    volunteer.press("ui.scan.photo_send")
    volunteer.sees("photo.better")
    snap(volunteer, photo(qr(codes.url(served.address, blank))))
    volunteer.press("ui.scan.photo_send")
    expect(volunteer.main.locator("[name=label]").first).to_have_value(blank)
