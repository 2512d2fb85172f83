"""A copied label: the goods stop, one incident is opened, a coordinator looks into it; slips accuse nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar.testing import TestClient
from sqlalchemy import insert, update

from app.base import accounts
from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import NotFound, SamePerson
from app.base.models import AccountScope, AuditNote
from app.base.permissions import SYSTEM, Actor, Role, ScopeKind
from app.base.settings import Settings
from app.main import create_app
from distribution import grids, incident_list, incidents, returns
from distribution.clone_signs import Sign
from distribution.door_errors import IncidentClosed, ParcelStopped
from distribution.incidents import CloseIncident
from distribution.journey import Counsel, State
from distribution.models import Incident, Outcome, Parcel
from inventory.errors import NotReleasable
from inventory.models import Pack
from inventory.releasing import release
from inventory.releasing.hold import queue
from inventory.releasing.release import RefusePack, ReleasePack, Why
from labels import registry, reprint
from labels.custody import Scan, Step
from labels.models import Label
from tests.distribution.door_world import BLEACH, MASK, PARACETAMOL, Door, Promised

TICKS = [one.value for one in Counsel]


@pytest.fixture
def door(db: Database, tmp_path: Path) -> Door:
    return Door(db, tmp_path / "keys")


@pytest.fixture
def second(door: Door) -> Actor:
    """Another volunteer of the same station."""

    def hired(session: Any) -> Actor:
        new = accounts.NewAccount(role=Role.VOLUNTEER, handle="V9")
        account = accounts.create(session, door.world.vault, new, SYSTEM, door.now)
        scope = {"account": account, "kind": ScopeKind.STATION, "scope": door.world.station}
        session.execute(insert(AccountScope).values(**scope))
        return accounts.actor_of(session, account)

    return door.db.write_now(hired)


class Hand:
    """One person's program: each call through the real edges, with a key of its own."""

    def __init__(self, browser: TestClient[Any], token: str) -> None:
        self.browser, self.headers = browser, {"authorization": f"Bearer {token}"}

    def post(self, path: str, **body: Any) -> Any:
        sent = {name: str(value) if isinstance(value, UUID) else value for name, value in body.items()}
        return self.browser.post(path, json={"key": str(uuid4()), **sent}, headers=self.headers)

    def told(self, path: str, **body: Any) -> tuple[str, list[str]]:
        """A refusal's code, and its reasons'."""
        answer = self.post(path, **body)
        assert answer.is_client_error, answer.text
        said = answer.json()
        assert all(reason["text"] != reason["code"] for reason in said.get("reasons", []))
        return said["code"], [reason["code"] for reason in said.get("reasons", [])]

    def pick(self, parcel: UUID, code: str) -> tuple[str, list[str]]:
        return self.told("/api/parcels/scan", parcel=parcel, code=code)

    def see(self, path: str) -> Any:
        answer = self.browser.get(path, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


Hands = Callable[[Actor], Hand]


@pytest.fixture
def hand(door: Door, tmp_path: Path) -> Iterator[Hands]:
    settings = Settings(data=tmp_path / "data", keys=tmp_path / "keys")
    app = create_app(settings, db=door.db, clock=Clock("Asia/Shanghai", lambda: door.now))
    with TestClient(app) as browser:

        def of(actor: Actor) -> Hand:
            return Hand(browser, door.db.write_now(accounts.sign_in, actor.account, "program", door.now).token)

        yield of


def label_of(door: Door, thing: Promised | UUID) -> str:
    code: str = door.read(registry.code_of, thing.parcel if isinstance(thing, Promised) else thing)
    return code


def opened(door: Door) -> list[tuple[Sign, UUID]]:
    return [(one.sign, one.subject) for one in door.read(incident_list.incidents, SYSTEM)]


def close(door: Door, outcome: Outcome, actor: Actor | None = None, **more: Any) -> None:
    (one,) = door.read(incident_list.incidents, SYSTEM)
    closing = CloseIncident(**{"key": uuid4(), "incident": one.id, "outcome": outcome} | more)
    door.db.write_now(incidents.close, closing, actor or door.world.coordinator, door.now)


# ---------------------------------------------------------------- one unit, two phones


def test_a_pack_that_lies_in_one_parcel_is_scanned_into_another(door: Door, hand: Hands, second: Actor) -> None:
    first, other = door.promise(MASK, BLEACH), door.promise(MASK, door=1)
    door.scan(first.parcel, first.codes[0])
    assert hand(second).pick(other.parcel, first.codes[0]) == ("PACK_TAKEN", ["ONE_UNIT_TWICE"])
    assert opened(door) == [(Sign.ONE_UNIT_TWICE, first.packs[0])]
    assert door.where(first.packs[0]) == {"quarantine": 1}
    # The need of the first waits for another; what else is in the bag goes on being packed.
    assert (door.needs(first), door.state(first.parcel)) == ({"open", "promised"}, State.PLANNED)
    assert door.where(other.packs[0]) == {"reserved": 1}
    assert door.scan(other.parcel, other.codes[0]).how == "reserved"
    door.agrees()


def test_whoever_packed_it_and_scans_it_for_the_next_parcel_has_one_thing_in_one_hand(door: Door, hand: Hands) -> None:
    first, other = door.packed(MASK), door.promise(MASK, door=1)
    assert hand(door.world.volunteer).pick(other.parcel, first.codes[0]) == ("PACK_TAKEN", [])
    assert (opened(door), door.where(first.packs[0])) == ([], {"parcel": 1})


def test_a_parcel_left_with_nothing_is_over_and_its_label_ends(door: Door, hand: Hands, second: Actor) -> None:
    first, other = door.packed(MASK), door.promise(MASK, door=1)
    door.planned(first)
    code = label_of(door, first)
    hand(second).pick(other.parcel, first.codes[0])
    assert (door.state(first.parcel), door.needs(first)) == (State.UNPACKED, {"open"})
    assert door.column(Label.state, Label.code == code) == ["void"]
    assert door.column(Parcel.round, Parcel.id == first.parcel) == [None]
    door.agrees()


def test_a_closed_bag_waits_at_the_station_until_it_was_looked_into(door: Door, hand: Hands, second: Actor) -> None:
    first, other = door.packed(MASK, BLEACH), door.promise(MASK, door=1)
    door.planned(first)
    hand(second).pick(other.parcel, first.codes[0])
    assert [door.where(pack) for pack in first.packs] == [{"quarantine": 1}, {"parcel": 1}]
    member = hand(door.world.member)
    assert member.told("/api/parcels/take-over", code=label_of(door, first)) == ("PARCEL_STOPPED", [])
    close(door, Outcome.ALL_RIGHT)
    door.take_over(first.parcel)
    assert door.hand_over(first.parcel).effective
    door.agrees()


def test_a_parcel_on_its_way_is_handed_over_only_after_a_coordinator_looked_into_it(
    door: Door, hand: Hands, second: Actor
) -> None:
    first, other = door.out(MASK), door.promise(MASK, door=1)
    assert hand(second).pick(other.parcel, first.codes[0]) == ("PACK_TAKEN", ["ONE_UNIT_TWICE"])
    assert door.where(first.packs[0]) == {"member": 1}
    with pytest.raises(ParcelStopped):
        door.hand_over(first.parcel)
    close(door, Outcome.COPY_FOUND)
    assert door.hand_over(first.parcel).effective
    door.agrees()


def test_an_opened_pack_s_label_tells_no_place_and_accuses_nobody(door: Door, hand: Hands, second: Actor) -> None:
    first, other = door.packed(MASK), door.promise(MASK, door=1)
    door.db.write_now(lambda s: s.execute(update(Pack).where(Pack.id == first.packs[0]).values(quantity=20)).close())
    assert hand(second).pick(other.parcel, first.codes[0]) == ("PACK_TAKEN", [])
    assert opened(door) == []


def test_a_label_in_use_is_stuck_on_a_second_thing_by_another_phone(door: Door, hand: Hands, second: Actor) -> None:
    made, (pack, code) = door.packed(MASK), door.shelve(BLEACH)
    told = hand(second).told("/api/parcels/label", parcel=made.parcel, code=code)
    assert told == ("LABEL_TAKEN", ["ONE_UNIT_TWICE"])
    assert (opened(door), door.where(pack)) == ([(Sign.ONE_UNIT_TWICE, pack)], {"quarantine": 1})
    # A pack of the own parcel, scanned where the bag's label was meant, is a slip.
    assert hand(second).told("/api/parcels/label", parcel=made.parcel, code=made.codes[0]) == ("LABEL_TAKEN", [])
    door.agrees()


# ---------------------------------------------------------------- custody twice


def test_a_parcel_is_taken_over_twice_without_a_hand_over(door: Door, hand: Hands) -> None:
    made = door.out(MASK)
    code = label_of(door, made)
    assert hand(door.world.mate).told("/api/parcels/take-over", code=code) == ("WRONG_STEP", ["CUSTODY_TWICE"])
    assert opened(door) == [(Sign.CUSTODY_TWICE, made.parcel)]
    assert door.where(made.packs[0]) == {"member": 1}
    with pytest.raises(ParcelStopped):
        door.hand_over(made.parcel)
    door.agrees()


def test_another_team_s_member_with_a_copy_is_told_what_to_do_too(door: Door, hand: Hands) -> None:
    made = door.out(MASK)
    stranger = hand(door.world.stranger)
    assert stranger.told("/api/parcels/take-over", code=label_of(door, made)) == ("NOT_FOUND", ["CUSTODY_TWICE"])
    assert opened(door) == [(Sign.CUSTODY_TWICE, made.parcel)]


def test_a_member_may_scan_the_own_parcel_again_and_choose_another_s_from_a_list(door: Door, hand: Hands) -> None:
    made = door.out(MASK)
    again = hand(door.world.member).told("/api/parcels/take-over", code=label_of(door, made))
    assert again == ("WRONG_STEP", [])
    assert hand(door.world.mate).told("/api/parcels/take-over", parcel=made.parcel) == ("WRONG_STEP", [])
    assert opened(door) == []


def test_a_look_accuses_nobody(door: Door, hand: Hands) -> None:
    made = door.out(MASK)
    code = label_of(door, made)
    assert hand(door.world.far_volunteer).post("/api/scan", text=code).status_code in {200, 400}
    assert hand(door.world.stranger).browser.get(f"/L/{code}").status_code == 200
    assert opened(door) == []


def test_what_comes_back_while_it_is_looked_into_goes_into_quarantine(door: Door, hand: Hands) -> None:
    made = door.out(MASK)
    hand(door.world.mate).told("/api/parcels/take-over", code=label_of(door, made))
    back = returns.TakeBack(key=uuid4(), code=label_of(door, made), sealed=True)
    told = door.db.write_now(returns.give_back, back, door.world.volunteer, door.now)
    assert [line.goes for line in told.lines] == ["quarantine"]
    assert door.where(made.packs[0]) == {"quarantine": 1}
    door.agrees()


# ---------------------------------------------------------------- after delivery


def handed_over(door: Door, *codes: str) -> tuple[Promised, str]:
    made = door.out(*codes)
    door.hand_over(made.parcel)
    return made, label_of(door, made)


def test_a_pack_that_was_handed_over_is_scanned_for_packing(door: Door, hand: Hands) -> None:
    given, _ = handed_over(door, MASK)
    other = door.promise(MASK, door=1)
    code, found = hand(door.world.volunteer).pick(other.parcel, given.codes[0])
    assert (code, found) == ("PACK_TAKEN", ["SCAN_AFTER_DELIVERY"])
    assert opened(door) == [(Sign.SCAN_AFTER_DELIVERY, given.packs[0])]
    door.agrees()


@pytest.mark.parametrize("step", ["take-over", "take-back", "hand-over"])
def test_a_parcel_that_was_handed_over_is_scanned_again(door: Door, hand: Hands, step: str) -> None:
    given, code = handed_over(door, MASK)
    if step == "hand-over":
        body = {"receiver": "self", "phone_at": door.now.isoformat(), "ticks": TICKS}
        answer = hand(door.world.mate).post("/api/parcels/hand-over", parcel=given.parcel, code=code, **body)
        assert answer.json()["effective"] is False
    else:
        who = door.world.mate if step == "take-over" else door.world.volunteer
        more = {} if step == "take-over" else {"sealed": True}
        assert hand(who).told(f"/api/parcels/{step}", code=code, **more)[1] == ["SCAN_AFTER_DELIVERY"]
    assert opened(door) == [(Sign.SCAN_AFTER_DELIVERY, given.parcel)]
    door.agrees()


def test_the_same_member_s_record_sent_twice_or_made_again_is_no_sign(door: Door, hand: Hands) -> None:
    made = door.out(MASK)
    member = hand(door.world.member)
    body = {"parcel": made.parcel, "code": label_of(door, made), "receiver": "self", "ticks": TICKS}
    body["phone_at"] = door.now.isoformat()
    key = uuid4()
    told = [member.post("/api/parcels/hand-over", **body, key=one).json() for one in (key, key, uuid4())]
    assert [one["effective"] for one in told] == [True, True, False]
    assert opened(door) == []


# ---------------------------------------------------------------- after the end of a label


def test_a_refused_pack_that_comes_back_is_suspect(door: Door, hand: Hands) -> None:
    made = door.promise(MASK)
    pack, code = door.shelve(MASK)
    door.db.write_now(registry.void, code, "refused", SYSTEM, door.now)
    assert hand(door.world.volunteer).pick(made.parcel, code) == ("LABEL_VOID", ["SCAN_AFTER_VOID"])
    assert (opened(door), door.where(pack)) == ([(Sign.SCAN_AFTER_VOID, pack)], {"quarantine": 1})
    door.agrees()


def test_an_old_label_under_a_new_one_is_kindly_told_which_to_use(door: Door, hand: Hands, second: Actor) -> None:
    made = door.promise(MASK)
    new = reprint.Reprint(key=uuid4(), why=reprint.Why.DAMAGED, code=made.codes[0])
    reach = {"pack": lambda *_: None}
    fresh = door.db.write_now(reprint.reprint, new, reach, door.world.volunteer, second, door.now).code
    answer = hand(second).post("/api/parcels/scan", parcel=made.parcel, code=made.codes[0])
    assert (answer.json()["code"], fresh[-4:] in answer.json()["detail"]) == ("LABEL_REPLACED", True)
    assert fresh not in answer.text
    assert opened(door) == []
    # Packed by its new label, and then the old one turns up at another parcel's table: that is another box.
    door.scan(made.parcel, fresh)
    other = door.promise(MASK, door=1)
    assert hand(second).pick(other.parcel, made.codes[0]) == ("LABEL_REPLACED", ["SCAN_AFTER_VOID"])
    assert door.where(made.packs[0]) == {"quarantine": 1}


def test_a_parcel_taken_apart_is_scanned_to_be_taken_along(door: Door, hand: Hands) -> None:
    made = door.packed(MASK)
    code = door.label(made.parcel)
    answer = hand(door.world.volunteer).post("/api/parcels/unpack", parcel=made.parcel, reason="other")
    assert answer.is_success
    assert hand(door.world.member).told("/api/parcels/take-over", code=code) == ("LABEL_VOID", ["SCAN_AFTER_VOID"])
    assert opened(door) == [(Sign.SCAN_AFTER_VOID, made.parcel)]


# ---------------------------------------------------------------- one incident, its scope, its end


def twice(door: Door, hand: Hands) -> Promised:
    made = door.out(PARACETAMOL)
    assert hand(door.world.mate).told("/api/parcels/take-over", code=label_of(door, made))[1] == ["CUSTODY_TWICE"]
    return made


def test_the_same_sign_on_the_same_thing_is_one_open_incident(door: Door, hand: Hands) -> None:
    made = twice(door, hand)
    for _ in range(2):
        hand(door.world.stranger).told("/api/parcels/take-over", code=label_of(door, made))
    assert len(door.column(Incident.id)) == 1
    close(door, Outcome.ALL_RIGHT)
    hand(door.world.mate).told("/api/parcels/take-over", code=label_of(door, made))
    assert len(door.column(Incident.id)) == 2


def test_a_scan_that_a_phone_sends_again_after_the_incident_was_closed_opens_no_second(door: Door, hand: Hands) -> None:
    made, key = door.out(MASK), uuid4()
    for _ in range(2):
        hand(door.world.mate).told("/api/parcels/take-over", code=label_of(door, made), key=key)
        if opened(door):
            close(door, Outcome.ALL_RIGHT)
    assert len(door.column(Incident.id)) == 1


def test_a_sign_that_is_gone_when_it_is_written_down_opens_nothing(door: Door) -> None:
    made = door.packed(MASK)
    scan = Scan(step=Step.TAKE_OVER, text=door.label(made.parcel), key=uuid4())
    assert door.db.write_now(incidents.report, scan, door.world.mate, door.now) is None
    assert opened(door) == []


def test_coordinators_see_their_own_community_s_and_the_office_all(door: Door, hand: Hands) -> None:
    twice(door, hand)
    far = door.db.write_now(grids.add_community, "胜南", SYSTEM, door.now)
    stranger = Actor(account=uuid4(), role=Role.COORDINATOR, communities=frozenset({far}))
    assert len(hand(door.world.coordinator).see("/api/incidents")["incidents"]) == 1
    assert [door.read(incident_list.waiting, who) for who in (door.world.coordinator, SYSTEM, stranger)] == [1, 1, 0]
    assert door.read(incident_list.incidents, stranger) == ()
    with pytest.raises(NotFound):
        close(door, Outcome.ALL_RIGHT, stranger)


def test_a_list_says_what_happened_where_and_who_scanned_but_no_resident(door: Door, hand: Hands) -> None:
    made = twice(door, hand)
    answer = hand(door.world.coordinator).browser.get("/api/incidents", headers=hand(door.world.coordinator).headers)
    (one,) = answer.json()["incidents"]
    assert (one["sign"], one["step"], one["subject"]) == ("CUSTODY_TWICE", "take_over", str(made.parcel))
    assert (one["thing"]["state"], one["by_role"], one["by"]) == ("out", "member", "M2")
    assert not any(secret in answer.text for secret in ("欧阳", "测试路", "13800138000", label_of(door, made)))


def test_whoever_s_scan_it_was_does_not_close_it_and_nobody_closes_it_twice(door: Door, hand: Hands) -> None:
    twice(door, hand)
    ((by,),) = [door.column(Incident.by)]
    own = Actor(account=by, role=Role.COORDINATOR, communities=frozenset({door.world.community}))
    with pytest.raises(SamePerson):
        close(door, Outcome.ALL_RIGHT, own)
    (one,) = door.column(Incident.id)
    key = uuid4()
    for _ in range(2):
        close_again = CloseIncident(key=key, incident=one, outcome=Outcome.ALL_RIGHT)
        door.db.write_now(incidents.close, close_again, door.world.coordinator, door.now)
    other = CloseIncident(key=uuid4(), incident=one, outcome=Outcome.DOUBTFUL)
    with pytest.raises(IncidentClosed):
        door.db.write_now(incidents.close, other, door.world.coordinator, door.now)
    assert door.column(AuditNote.verb, AuditNote.verb.like("incident.%")) == ["incident.open", "incident.close"]


def suspect_on_the_shelf(door: Door, hand: Hands, second: Actor) -> UUID:
    made, (pack, code) = door.packed(MASK), door.shelve(BLEACH)
    assert hand(second).told("/api/parcels/label", parcel=made.parcel, code=code)[1] == ["ONE_UNIT_TWICE"]
    return pack


def test_a_stopped_pack_is_neither_released_nor_disposed_of_until_it_is_settled(
    door: Door, hand: Hands, second: Actor
) -> None:
    pack = suspect_on_the_shelf(door, hand, second)
    let = (ReleasePack(key=uuid4(), pack=pack), door.world.coordinator, door.today, door.now)
    (held,) = door.read(queue, door.world.coordinator, door.today)
    assert ([reason.code for reason in held.stuck], held.can_refuse) == (["INCIDENT_OPEN"], False)
    with pytest.raises(NotReleasable):
        door.db.write_now(release.release, *let)
    refusing = RefusePack(key=uuid4(), pack=pack, reason=Why.DOUBTFUL)
    with pytest.raises(NotReleasable):
        door.db.write_now(release.refuse, refusing, door.world.coordinator, door.today, door.now)
    close(door, Outcome.ALL_RIGHT)
    assert door.db.write_now(release.release, *let).outcome == "released"
    assert door.where(pack) == {"shelf": 1}
    door.agrees()


def test_what_stays_doubtful_goes_to_disposal_only(door: Door, hand: Hands, second: Actor) -> None:
    pack = suspect_on_the_shelf(door, hand, second)
    close(door, Outcome.DOUBTFUL)
    order = ReleasePack(key=uuid4(), pack=pack)
    with pytest.raises(NotReleasable):
        door.db.write_now(release.release, order, door.world.coordinator, door.today, door.now)
    refusing = RefusePack(key=uuid4(), pack=pack, reason=Why.DOUBTFUL)
    door.db.write_now(release.refuse, refusing, door.world.coordinator, door.today, door.now)
    assert door.where(pack) == {"bin": 1}
    door.agrees()


def test_a_doubtful_parcel_is_never_handed_over(door: Door, hand: Hands) -> None:
    made = twice(door, hand)
    close(door, Outcome.DOUBTFUL)
    with pytest.raises(ParcelStopped):
        door.hand_over(made.parcel)
    back = returns.TakeBack(key=uuid4(), code=label_of(door, made), sealed=True)
    told = door.db.write_now(returns.give_back, back, door.world.volunteer, door.now)
    assert [line.goes for line in told.lines] == ["quarantine"]


def test_of_two_incidents_on_one_thing_both_must_be_settled(door: Door, hand: Hands, second: Actor) -> None:
    made = twice(door, hand)
    other = door.promise(PARACETAMOL, door=1)
    assert hand(second).pick(other.parcel, made.codes[0])[1] == ["ONE_UNIT_TWICE"]
    found = door.read(incident_list.incidents, SYSTEM)
    assert len(found) == 2
    for left, one in zip((True, False), found, strict=True):
        closing = CloseIncident(key=uuid4(), incident=one.id, outcome=Outcome.ALL_RIGHT)
        door.db.write_now(incidents.close, closing, door.world.coordinator, door.now)
        if left:
            with pytest.raises(ParcelStopped):
                door.hand_over(made.parcel)
    assert door.hand_over(made.parcel).effective
