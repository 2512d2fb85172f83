"""A photo in place of the camera opens what a scan would open, and what it cannot open it says kindly."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import Role
from labels import codes, photos
from labels.darkroom import MOST_BYTES
from labels.models import LabelState
from tests.labels.pictures import FORMATS, harmful, photo, qr, symbol
from tests.labels.world import Browser, World

EAN, TRACE = "6901234567892", "81234567890123456789"
JPEG = {"content-type": "image/jpeg"}
ELSEWHERE = "https://evil.example/steal?name=zhang"


@pytest.fixture
def world(sqlite_db: Database, clock: Clock, tmp_path: Path) -> World:
    return World(sqlite_db, clock, tmp_path)


@pytest.fixture
def volunteer(world: World) -> Iterator[Browser]:
    with world.signed_in(Role.VOLUNTEER) as browser:
        yield browser


def label(world: World, code: str) -> Any:
    return qr(codes.url(world.settings.base_url, code))


def post(browser: Browser, file: bytes, *, name: str = "IMG_0001.jpg", token: str | None = None) -> Any:
    """The page's own form, with a file in it."""
    fields = {"csrf_token": browser.csrf if token is None else token}
    return browser.client.post("/scan/photo", data=fields, files={"photo": (name, file, "image/jpeg")})


def send(browser: Browser, file: bytes, kind: str = "image/jpeg") -> Any:
    return browser.client.post("/api/scan/photo", content=file, headers={"content-type": kind})


def said(answer: Any, key: str, world: World) -> bool:
    """Whether the page shows the words of ``key``."""
    return words(world, key) in unescape(answer.text)


def words(world: World, key: str) -> str:
    from app.main import messages

    return messages().say("zh", key)


# ---------------------------------------------------------------- for people


def test_the_photo_of_a_label_opens_what_a_scan_of_it_would(world: World, volunteer: Browser) -> None:
    (blank,) = world.blank()
    bound, _ = world.bound("parcel")
    for code in (blank, bound, world.void()):
        answer = post(volunteer, photo(label(world, code)))
        assert (answer.status_code, answer.headers["location"]) == (303, f"/L/{code}")


def test_the_photo_of_a_pack_fills_the_receive_form(volunteer: Browser) -> None:
    pack = symbol(f"(01)0{EAN}(17)290531(10)A1B", FORMATS.DataMatrix, gs1=True, scale=6)
    page = post(volunteer, photo(pack, symbol(EAN, FORMATS.EAN13))).text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', page))
    assert (fields["gtin"], fields["lot"], fields["expiry"]) == (f"0{EAN}", "A1B", "2029-05-31")


def test_a_member_s_photo_of_a_product_says_what_to_scan_instead(world: World) -> None:
    with world.signed_in(Role.MEMBER) as member:
        answer = post(member, photo(symbol(EAN, FORMATS.EAN13)))
    assert answer.status_code == 422
    assert said(answer, "scan.product.text", world)


def test_several_codes_are_a_list_and_each_leads_where_its_scan_would(world: World, volunteer: Browser) -> None:
    first, second = world.blank(2)
    answer = post(volunteer, photo(label(world, first), label(world, second)))
    assert answer.status_code == 200
    assert said(answer, "photo.several", world)
    assert codes.shown(first) in answer.text
    assert codes.shown(second) in answer.text
    offered = re.findall(r'name="text" value="([^"]+)"', answer.text)
    led = {volunteer.post("/scan", text=unescape(text)).headers["location"] for text in offered}
    assert led == {f"/L/{first}", f"/L/{second}"}


def test_a_photo_without_a_code_says_how_to_take_a_better_one(world: World, volunteer: Browser) -> None:
    answer = post(volunteer, photo())
    assert answer.status_code == 422
    assert said(answer, "photo.none", world)
    assert said(answer, "photo.better", world)


def test_an_advertisement_s_address_beside_the_barcode_is_not_in_the_way(volunteer: Browser) -> None:
    page = post(volunteer, photo(symbol(EAN, FORMATS.EAN13), qr(ELSEWHERE)))
    assert f'name="gtin" value="0{EAN}"' in page.text
    assert "evil.example" not in page.text


def test_somebody_else_s_address_alone_is_said_to_be_one_and_not_shown(world: World, volunteer: Browser) -> None:
    answer = post(volunteer, photo(qr(ELSEWHERE)))
    assert answer.status_code == 422
    assert said(answer, "code.explain.other_url", world)
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("name", [name for name in harmful() if name != "too many bytes"])
def test_a_harmful_file_is_refused_on_the_page_with_what_to_do(world: World, volunteer: Browser, name: str) -> None:
    file, code = harmful()[name]
    answer = post(volunteer, file, name="photo.jpg")
    assert answer.status_code in {413, 422}
    assert said(answer, f"refusal.{code}.title", world)
    assert said(answer, f"refusal.{code}.todo", world)
    assert "data-scan-text" in answer.text


def test_a_form_without_a_file_is_told_so(world: World, volunteer: Browser) -> None:
    answer = volunteer.client.post(
        "/scan/photo", data={"csrf_token": volunteer.csrf}, files={"other": ("x", b"x", "image/jpeg")}
    )
    assert answer.status_code == 422
    assert said(answer, "refusal.PHOTO_KIND.title", world)


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"garbage"),
        ("multipart/form-data; boundary=x", b"--x\r\n"),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--x\r\n"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n" * 40 + b"--x--\r\n"),
    ],
)
def test_a_broken_form_is_a_fault_of_the_sender(volunteer: Browser, media: str, body: bytes) -> None:
    answer = volunteer.client.post("/scan/photo", content=body, headers={"content-type": media})
    assert answer.status_code in {400, 403}


def test_a_photo_form_from_another_sign_in_is_refused(volunteer: Browser) -> None:
    assert post(volunteer, photo(), token="of somebody else").status_code == 403
    assert post(volunteer, photo(), token="").status_code == 403


def test_a_stranger_s_photo_is_not_looked_at(world: World) -> None:
    with world.visitor() as visitor:
        assert visitor.post("/api/scan/photo", content=photo(), headers=JPEG).status_code == 401
        answer = visitor.post("/scan/photo", files={"photo": ("x.jpg", photo(), "image/jpeg")})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


# ---------------------------------------------------------------- for programs


def test_programs_send_the_picture_itself_and_learn_what_its_codes_mean(world: World, volunteer: Browser) -> None:
    code, subject = world.bound("parcel")
    address = codes.url(world.settings.base_url, code)
    (told,) = send(volunteer, photo(qr(address))).json()["codes"]
    assert (told["text"], told["format"], told["page"]) == (address, "qr_code", f"/parcels/{subject}")
    assert (told["meaning"]["what"], told["meaning"]["code"]) == (LabelState.BOUND.value, code)
    assert told["usable"] is True
    assert codes.shown(code) in told["says"]


def test_programs_learn_all_codes_those_that_can_be_used_first(volunteer: Browser) -> None:
    pictures = qr(ELSEWHERE), symbol(TRACE, FORMATS.Code128, scale=2)
    told = send(volunteer, photo(*pictures, wide=1600)).json()["codes"]
    assert [(one["text"], one["usable"], one["meaning"]["what"]) for one in told] == [
        (TRACE, True, "product"),
        (None, False, "foreign"),
    ]


def test_a_photo_without_a_code_is_an_empty_list(volunteer: Browser) -> None:
    answer = send(volunteer, photo())
    assert (answer.status_code, answer.json()) == (200, {"codes": []})


@pytest.mark.parametrize("name", harmful())
def test_programs_are_told_by_a_code_what_is_wrong_with_a_file(volunteer: Browser, name: str) -> None:
    file, code = harmful()[name]
    answer = send(volunteer, file)
    assert answer.status_code in {413, 422}
    assert answer.json()["code"] == code


def test_the_kind_is_told_by_the_content_and_not_by_the_name(volunteer: Browser) -> None:
    assert send(volunteer, photo(qr("6901234567892")), "image/png").status_code == 200
    assert send(volunteer, photo(), "image/svg+xml").status_code == 415
    assert send(volunteer, photo(), "multipart/form-data; boundary=x").status_code == 415


def test_more_than_eight_megabytes_are_not_received(volunteer: Browser) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MOST_BYTES // 100_000 + 3):
            yield b"\xff\xd8\xff" + b"\0" * 99_997

    assert volunteer.client.post("/api/scan/photo", content=chunks(), headers=JPEG).json()["code"] == "PHOTO_TOO_LARGE"
    assert post(volunteer, b"\0" * (MOST_BYTES + 100_000)).status_code == 413


def test_a_photo_too_many_is_asked_to_come_again(volunteer: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    full = photos.Darkroom(at_once=1, waiting=0)
    monkeypatch.setattr(photos, "DARKROOM", full)
    with full.place(uuid4()):
        answer, page = send(volunteer, photo()), post(volunteer, photo())
    assert (answer.status_code, answer.json()["code"]) == (503, "PHOTOS_BUSY")
    assert int(answer.headers["retry-after"]) > 0
    assert page.status_code == 503
    assert send(volunteer, photo()).status_code == 200


def test_a_photo_never_touches_the_disk(
    volunteer: Browser, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = world.blank()
    large = photo(label(world, code)) + b"\0" * 5_000_000
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there is no such folder"))
    assert post(volunteer, large).headers["location"] == f"/L/{code}"
    assert send(volunteer, large).json()["codes"][0]["meaning"]["code"] == code


def test_nothing_of_a_photo_is_logged(volunteer: Browser, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    send(volunteer, photo(qr("ZHANG SAN 13800000000")))
    send(volunteer, photo(qr("ZHANG SAN 13800000000"))[:5000])
    assert "ZHANG" not in caplog.text
    assert "13800000000" not in caplog.text
