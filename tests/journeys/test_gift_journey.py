"""A donor's receipt shows anyone who holds it how far the gift has come: steps and days, no person, no small number."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.gift_journey import FEW
from labels import codes, guessing
from tests.journeys.town import ELDER, MASKS, OF_EIGHTY, Side, Town

NAME = "王测试甲"


def receipt_of(town: Town, donation: str) -> str:
    return str(town.near.volunteer.see(f"/api/donations/{donation}")["code"])


def page(town: Town, code: str, more: str = "", **headers: str) -> str:
    """What a stranger reads who scans the receipt."""
    answer = town.browser.get(f"/gift/{code}{more}", headers=headers)
    assert answer.status_code == 200, answer.text
    body = answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body[body.index("<main") : body.index("</main>")]))


def deliver(town: Town, people: int, side: Side | None = None, **more: Any) -> dict[str, Any]:
    """Twelve masks are given; so many people, each behind a door, get one on one day. The donation's line."""
    at = side or town.near
    got = town.shelve(MASKS, at, line={"quantity": 12})
    for number in range(people):
        town.need(town.register(at, door=number, name=f"{NAME}{number}", **more), MASKS, at, quantity=1)
    parcels = [UUID(one["id"]) for one in town.match(at)]
    labels = {parcel: town.pack(parcel, at) for parcel in parcels}
    town.plan_round(*parcels, side=at)
    for parcel, label in labels.items():
        at.member.do("/api/parcels/take-over", code=label)
        assert at.member.do("/api/parcels/hand-over", **town.door(parcel, code=label))["effective"]
    return got


def test_a_stranger_s_scan_of_the_receipt_leads_to_the_journey(town: Town) -> None:
    code = receipt_of(town, town.receive(MASKS)["donation"])
    answer = town.browser.get(f"/L/{code}")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/gift/{code}")
    told = page(town, code)
    for words in ("收下 1", "等待第二个人核对", "还没有送达", "胜华站", town.clock.today().isoformat()):
        assert words in told, words


def test_the_steps_follow_the_ledger_there_and_back(town: Town) -> None:
    got = town.receive(MASKS, line={"quantity": 12})
    code = receipt_of(town, got["donation"])
    done = town.near.second.do("/api/held/release", pack=got["pack"])
    assert "核对放行 12" in page(town, code)
    town.near.second.do("/api/held/unrelease", batch=done["batch"])
    assert "等待第二个人核对" in page(town, code)
    town.near.second.do("/api/held/refuse", pack=got["pack"], reason="damaged")
    assert "有 12" in page(town, code)


def test_one_elder_s_delivery_is_told_the_next_day_without_number_or_day(town: Town, hands: Any) -> None:
    got = deliver(town, 1, groups=ELDER, health=OF_EIGHTY)
    code, day = receipt_of(town, got["donation"]), town.clock.today().isoformat()
    assert "交给小分队 1" in page(town, code)
    assert "还没有送达" in page(town, code), "whoever watches the page learns no hour"
    hands.at += timedelta(days=1)
    told = page(town, code)
    assert "已送达重点群体居民" in told
    assert "已有送达" in told
    assert "独居" not in told
    assert not re.search(r"送达 \d", told)
    assert told.count(day) == 1, "the day it was received, and no other"


def test_a_group_is_named_with_its_day_once_enough_of_it_were_reached_in_the_whole_sub_district(
    town: Town, hands: Any
) -> None:
    got = deliver(town, FEW - 1, groups=ELDER, health=OF_EIGHTY)
    deliver(town, 1, town.far, groups=ELDER, health=OF_EIGHTY)
    code, day = receipt_of(town, got["donation"]), town.clock.today().isoformat()
    hands.at += timedelta(days=1)
    told = page(town, code)
    assert f"送达 {FEW - 1}" in told
    assert f"{day}，送到了" in told
    assert "已送达重点群体居民" not in told


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("more", ["", "/paper"])
def test_no_page_of_it_names_a_person_an_address_or_an_hour(town: Town, hands: Any, language: str, more: str) -> None:
    got = deliver(town, 2)
    code = receipt_of(town, got["donation"])
    hands.at += timedelta(days=1)
    told = page(town, code, more, **{"accept-language": language})
    for secret in (NAME, "测试路", "13800138000", "胜华一队", "一号楼", "胜华-member", "胜华-volunteer", "B2401"):
        assert secret not in told, secret
    assert not re.search(r"\d\d:\d\d", told)
    assert not re.search(r"\b(gift|group|screening)\.[a-z_]+", told)


def test_what_was_refused_is_told_kindly_with_where_to_take_it(town: Town) -> None:
    got = town.receive("med-091")
    told = page(town, receipt_of(town, got["donation"]))
    assert "这些没有收，谢谢您送来" in told
    assert "社区卫生服务中心" in told


def test_what_was_taken_back_is_no_part_of_the_gift(town: Town) -> None:
    got = town.receive(MASKS)
    town.near.volunteer.do("/api/donations/take-back", line=got["line"])
    assert "收下 1" not in page(town, receipt_of(town, got["donation"]))


def test_a_pack_s_code_and_an_invented_one_open_no_journey_and_guessing_gets_nowhere(town: Town) -> None:
    pack = town.receive(MASKS)["label"]
    assert "这是我们的标签" in town.browser.get(f"/gift/{pack}").text
    answers = [town.browser.get(f"/gift/{codes.new_code()}").status_code for _ in range(guessing.MOST + 1)]
    assert answers[0] == 404
    assert answers[-1] == 429
    code = receipt_of(town, town.receive(MASKS)["donation"])
    assert town.browser.get(f"/gift/{code}").status_code == 429, "a right guess is not told from a wrong one"
