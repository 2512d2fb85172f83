"""Whoever scans a label is led to the page that fits: staff to the thing, a finder to whom to call, nobody astray."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pypdfium2
import pytest
from sqlalchemy import select

from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import Actor, Role
from labels import codes, guessing, registry
from labels.models import Label, LabelState
from tests.conftest import Hands
from tests.labels.world import PHONE, World

NEVER_ISSUED = "7K3M9PQ4RTX" + codes.check_character("7K3M9PQ4RTX")
PRODUCT = "]d20106901339924484\x1d1727053110A123"


@pytest.fixture
def world(sqlite_db: Database, clock: Clock, tmp_path: Path) -> World:
    return World(sqlite_db, clock, tmp_path)


# ---------------------------------------------------------------- anyone


@pytest.mark.parametrize("kind", ["pack", "parcel", "badge"])
def test_a_finder_learns_whose_label_it_is_and_whom_to_call_and_nothing_else(world: World, kind: str) -> None:
    code, subject = world.bound(kind)
    with world.visitor() as visitor:
        answer = visitor.get(f"/L/{code}")
    assert answer.status_code == 200
    assert world.settings.organisation in answer.text
    assert "tel:05461234567" in answer.text
    assert PHONE.replace(" ", "\u00a0") in answer.text
    assert str(subject) not in answer.text
    assert code not in _main(answer.text)


def test_labels_in_use_look_alike_to_a_finder_whatever_they_stand_for(world: World) -> None:
    with world.visitor() as visitor:
        said = {_main(visitor.get(f"/L/{world.bound(kind)[0]}").text) for kind in ("pack", "parcel", "badge")}
    assert len(said) == 1


def test_a_donor_s_receipt_leads_anybody_to_the_way_of_the_gift_by_its_own_code_alone(world: World) -> None:
    code, subject = world.bound("receipt")
    with world.visitor() as visitor:
        answer = visitor.get(f"/L/{code}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/gift/{code}")
    assert str(subject) not in answer.text


def test_a_finder_of_a_blank_label_learns_that_it_is_not_in_use(world: World) -> None:
    (code,) = world.blank()
    with world.visitor() as visitor:
        answer = visitor.get(f"/L/{code}")
    assert answer.status_code == 200
    assert "还没有使用" in answer.text
    assert "tel:" not in answer.text


def test_a_finder_is_told_not_to_take_what_a_void_or_unknown_label_is_on(world: World) -> None:
    with world.visitor() as visitor:
        void, unknown = visitor.get(f"/L/{world.void()}"), visitor.get(f"/L/{NEVER_ISSUED}")
    assert (void.status_code, unknown.status_code) == (404, 404)
    assert "请勿服用" in void.text
    assert _main(void.text) == _main(unknown.text)


def test_the_finder_s_page_is_there_in_english(world: World) -> None:
    with world.visitor("en") as visitor:
        assert "Do not take" in visitor.get(f"/L/{NEVER_ISSUED}").text


def test_roles_that_scan_nothing_see_what_anyone_sees(world: World) -> None:
    code, subject = world.bound("pack")
    with world.signed_in(Role.AUDITOR) as auditor:
        answer = auditor.get(f"/L/{code}")
    assert answer.status_code == 200
    assert str(subject) not in answer.text


def test_whoever_looks_up_too_many_unknown_labels_is_asked_to_wait_in_words(world: World, hands: Hands) -> None:
    (code,) = world.blank()
    with world.visitor() as visitor:
        for _ in range(guessing.MOST):
            assert visitor.get(f"/L/{NEVER_ISSUED}").status_code == 404
        refused = visitor.get(f"/L/{code}")
        assert refused.status_code == 429
        wait = int(refused.headers["retry-after"])
        assert f"请过 {-(-wait // 60)} 分钟再扫" in refused.text
        assert "请先不要服用" in refused.text
        assert "tel:05461234567" in refused.text
        hands.at += timedelta(seconds=wait - 1)
        assert visitor.get(f"/L/{code}").status_code == 429
        hands.at += timedelta(seconds=1)
        assert visitor.get(f"/L/{code}").status_code == 200


def test_void_labels_count_like_unknown_ones_so_that_waiting_tells_nothing(world: World) -> None:
    void = world.void()
    with world.visitor() as visitor:
        for _ in range(guessing.MOST):
            visitor.get(f"/L/{void}")
        assert visitor.get(f"/L/{void}").status_code == 429


# ---------------------------------------------------------------- addresses


def test_an_address_typed_in_small_letters_or_groups_leads_to_the_label(world: World) -> None:
    (code,) = world.blank()
    with world.visitor() as visitor:
        for typed in (f"/l/{code.lower()}", f"/L/{code.lower()}", f"/L/{codes.shown(code)}", f"/l/{code}"):
            answer = visitor.get(typed)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/L/{code}")


def test_a_mistyped_address_names_the_letter_its_place_and_the_likely_ones(world: World) -> None:
    place = NEVER_ISSUED.index("Q")
    with world.visitor() as visitor:
        answer = visitor.get("/L/" + NEVER_ISSUED.replace("Q", "0"))
    assert answer.status_code == 404
    assert f"第 {place + 1} 位不会是“0”" in answer.text
    assert "可能是 Q 或 D" in answer.text


@pytest.mark.parametrize("wrong", [NEVER_ISSUED[:-1], NEVER_ISSUED + "2", "x", "%E4%BD%A0%E5%A5%BD"])
def test_an_address_that_is_too_long_or_too_short_says_how_long_a_code_is(world: World, wrong: str) -> None:
    with world.visitor() as visitor:
        answer = visitor.get(f"/L/{wrong}")
    assert answer.status_code == 404
    assert "12 个字符" in answer.text


def test_two_letters_changed_round_are_noticed(world: World) -> None:
    (code,) = world.blank()
    first = next(place for place in range(11) if code[place] != code[place + 1])
    swapped = code[:first] + code[first + 1] + code[first] + code[first + 2 :]
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        answer = volunteer.get(f"/L/{swapped}")
    assert answer.status_code == 404
    assert "相邻两个写反" in answer.text
    assert 'href="/scan"' in answer.text


# ---------------------------------------------------------------- staff


@pytest.mark.parametrize(
    ("kind", "page"),
    [("pack", "/packs/{}"), ("parcel", "/parcels/{}"), ("receipt", "/donations/{}"), ("badge", "/badge/{}")],
)
def test_a_label_in_use_opens_what_it_stands_for(world: World, kind: str, page: str) -> None:
    code, subject = world.bound(kind)
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        answer = volunteer.get(f"/L/{code}")
        assert (answer.status_code, answer.headers["location"]) == (303, page.format(subject))


def test_a_blank_label_leads_a_volunteer_straight_to_receiving(world: World) -> None:
    (code,) = world.blank()
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        answer = volunteer.get(f"/L/{code}")
    assert answer.status_code == 200
    assert 'action="/receive/start" data-onward' in answer.text
    assert f'name="label" value="{code}"' in answer.text
    assert f'name="csrf_token" value="{volunteer.csrf}"' in answer.text


def test_a_blank_label_tells_a_team_member_to_give_it_back(world: World) -> None:
    (code,) = world.blank()
    with world.signed_in(Role.MEMBER) as member:
        answer = member.get(f"/L/{code}")
    assert answer.status_code == 200
    assert "交还站点" in answer.text
    assert "/receive/start" not in answer.text


def test_staff_are_told_to_set_aside_what_a_void_or_unknown_label_is_on(world: World) -> None:
    with world.signed_in(Role.MEMBER) as member:
        for code, words in ((world.void(), "已经作废"), (NEVER_ISSUED, "没有发过这个标签")):
            answer = member.get(f"/L/{code}")
            assert answer.status_code == 404
            assert words in answer.text
            assert "请勿服用" in answer.text


# ---------------------------------------------------------------- scanning


def test_the_scanner_s_page_takes_camera_photo_and_typing(world: World) -> None:
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        page = volunteer.get("/scan").text
    for part in ("data-scan-open", "data-scan-photo", 'name="text"'):
        assert part in page


@pytest.mark.parametrize("state", LabelState)
def test_our_own_labels_scanned_go_to_their_own_address(world: World, state: LabelState) -> None:
    code = {LabelState.BLANK: world.blank()[0], LabelState.BOUND: world.bound("pack")[0], LabelState.VOID: world.void()}
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        answer = volunteer.post("/scan", text=f"HTTPS://ANY.EXAMPLE/L/{code[state]}", format="qr_code")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/L/{code[state]}")


def test_a_product_s_code_leads_to_the_receive_form_filled_with_what_it_says(world: World) -> None:
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        answer = volunteer.post("/scan", text=PRODUCT, format="data_matrix")
    assert answer.status_code == 200
    for name, value in (("gtin", "06901339924484"), ("lot", "A123"), ("expiry", "2027-05-31")):
        assert f'type="hidden" name="{name}" value="{value}"' in answer.text


def test_a_member_who_scans_a_product_is_told_what_to_scan_instead(world: World) -> None:
    with world.signed_in(Role.MEMBER) as member:
        answer = member.post("/scan", text=PRODUCT, format="data_matrix")
    assert answer.status_code == 422
    assert "请扫它上面的暖心标签" in answer.text
    assert "/receive/start" not in answer.text


def test_somebody_else_s_address_is_not_followed_and_not_shown(world: World) -> None:
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        answer = volunteer.post("/scan", text="https://evil.example/pay", format="qr_code")
    assert answer.status_code == 422
    assert "evil.example" not in answer.text
    assert "这是别处的网址" in answer.text


def test_a_mistyped_code_stays_in_sight_with_what_is_wrong(world: World) -> None:
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        answer = volunteer.post("/scan", text=NEVER_ISSUED.replace("Q", "0"), format="typed")
    assert answer.status_code == 422
    assert codes.shown(NEVER_ISSUED.replace("Q", "0")) in answer.text
    assert "可能是 Q 或 D" in answer.text


@pytest.mark.parametrize("text", ["", "   ", "<script>alert(1)</script>", "x" * 5_000, "\x00", "你好"])
def test_what_is_no_code_is_answered_with_what_can_be_scanned(world: World, text: str) -> None:
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        answer = volunteer.post("/scan", text=text, format="typed")
    assert answer.status_code == 422
    assert "可以扫" in answer.text
    assert "<script>alert" not in answer.text


def test_scanning_needs_a_sign_in_and_the_form_s_own_token(world: World) -> None:
    with world.visitor() as visitor:
        assert visitor.get("/scan").headers["location"].startswith("/sign-in")
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        assert volunteer.client.post("/scan", data={"text": NEVER_ISSUED}).status_code == 403


def test_programs_ask_by_body_and_get_the_meaning_and_the_page(world: World) -> None:
    code, subject = world.bound("pack")
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        answer = volunteer.send("/api/scan", {"text": code}).json()
        assert answer["page"] == f"/packs/{subject}"
        assert answer["meaning"] == {
            "what": "bound",
            "code": code,
            "kind": "pack",
            "subject": str(subject),
            "product": None,
            "fault": None,
            "receive": False,
        }
        product = volunteer.send("/api/scan", {"text": PRODUCT}).json()
        assert product["page"] is None
        assert product["meaning"]["product"]["lot"] == "A123"
        assert volunteer.send("/api/scan", {"text": ""}).status_code == 400
        assert volunteer.send("/api/scan", {"text": "x", "more": 1}).status_code == 400


# ---------------------------------------------------------------- sheets


def test_a_volunteer_issues_sheets_and_prints_them_24_to_a_page(world: World) -> None:
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        made = volunteer.post("/labels", key=str(uuid4()), sheets="2")
        assert made.status_code == 303
        batch = made.headers["location"]
        assert "48 枚标签准备好了，共 2 页" in volunteer.get(batch).text
        paper = volunteer.get(f"{batch}/labels.pdf")
    assert paper.headers["content-type"] == "application/pdf"
    text = _text_of(paper.content)
    assert [page.count("扫码登记") for page in text] == [24, 24]
    issued = {codes.shown(code) for code in _codes(world)}
    assert len(issued) == 48
    assert all(code in "".join(text) for code in issued)


def test_the_same_form_sent_twice_issues_one_batch(world: World) -> None:
    key = str(uuid4())
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        places = {volunteer.post("/labels", key=key, sheets="1").headers["location"] for _ in range(2)}
        assert volunteer.post("/labels", key=key, sheets="3").status_code == 422
    assert len(places) == 1
    assert len(_codes(world)) == 24


@pytest.mark.parametrize("sheets", ["0", "101", "", "two", "1e1", "99999999999999999999"])
def test_a_number_of_sheets_that_cannot_be_is_told_on_the_form(world: World, sheets: str) -> None:
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        answer = volunteer.post("/labels", key=str(uuid4()), sheets=sheets)
    assert answer.status_code == 400
    assert "data-error-summary" in answer.text
    assert _codes(world) == []


def test_a_batch_of_another_station_is_absent(world: World) -> None:
    other = world.db.write_now(
        registry.issue, 24, uuid4(), Actor(account=uuid4(), role=Role.VOLUNTEER), world.clock.now()
    )
    with world.signed_in(Role.VOLUNTEER) as volunteer:
        for path in (f"/labels/{other.id}", f"/labels/{other.id}/labels.pdf", f"/api/labels/{other.id}/pdf"):
            assert volunteer.get(path).status_code == 404


def test_programs_issue_list_and_print(world: World) -> None:
    with world.signed_in(Role.OFFICE) as office:
        made = office.send("/api/labels", {"key": str(uuid4()), "sheets": 1})
        assert made.status_code == 201
        batch = made.json()
        assert len(batch["codes"]) == 24
        (listed,) = office.get("/api/labels").json()["batches"]
        assert listed["id"] == batch["id"]
        assert set(listed) == {"id", "at", "count", "blank", "bound", "void"}
        assert office.get(f"/api/labels?before={batch['id']}").json() == {"batches": []}
        assert len(_text_of(office.get(f"/api/labels/{batch['id']}/pdf").content)) == 1
        assert office.send("/api/labels", {"key": str(uuid4()), "sheets": 101}).status_code == 400


@pytest.mark.parametrize("role", [Role.MEMBER, Role.LEADER, Role.MEDIC, Role.ADMINISTRATOR, Role.AUDITOR])
def test_labels_are_printed_by_volunteers_coordinators_and_the_office_only(world: World, role: Role) -> None:
    with world.signed_in(role) as somebody:
        assert somebody.get("/labels").status_code == 403
        assert somebody.send("/api/labels", {"key": str(uuid4()), "sheets": 1}).status_code == 403


def _main(page: str) -> str:
    return page[page.index("<main") : page.index("</main>")]


def _text_of(pdf: bytes) -> list[str]:
    with pypdfium2.PdfDocument(pdf) as document:
        return [page.get_textpage().get_text_range() for page in document]


def _codes(world: World) -> list[Any]:
    return world.db.read_now(lambda session: list(session.execute(select(Label.code)).scalars()))
