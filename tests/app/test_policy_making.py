"""A policy changes only by two people: the office proposes, a medic signs; before that, and before its day, nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app import policy_making, policy_views
from app.base import accounts, policy, store
from app.base.accounts import NewAccount
from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Forbidden, Invalid, KeyReused, NotFound, SamePerson
from app.base.ids import new_id
from app.base.limits import limits
from app.base.permissions import SYSTEM, Actor, Role
from app.policy_making import (
    LOCKED,
    Decided,
    Easing,
    EndProposal,
    NewProposal,
    NothingChanged,
    Outdated,
    Signed,
    SignProposal,
    starter,
)
from app.rulebook import KINDS
from distribution.safety import REQUIRED, DispensingPolicy
from inventory.receiving.intake_policy import LAW, RULES, IntakePolicy


@dataclass
class House:
    """A store with one intake policy in force, and people who may and may not change it."""

    db: Database
    clock: Clock
    people: dict[str, Actor]

    @property
    def today(self) -> date:
        return self.clock.today()

    def in_days(self, days: int) -> date:
        return self.today + timedelta(days=days)

    def propose(self, *, by: str = "office", **more: Any) -> UUID:
        new = NewProposal(**{"key": new_id(), "name": "intake", "valid_from": self.today, "reason": "冬天缺药", **more})
        return self.db.write_now(policy_making.propose, new, self.people[by], self.today, self.clock.now())

    def sign(self, proposal: UUID, by: str = "medic", key: UUID | None = None, today: date | None = None) -> Signed:
        order = SignProposal(key=key or new_id(), proposal=proposal)
        return self.db.write_now(policy_making.sign, order, self.people[by], today or self.today, self.clock.now())

    def end(self, verb: Any, proposal: UUID, by: str) -> None:
        order = EndProposal(key=new_id(), proposal=proposal, reason="还要再商量")
        self.db.write_now(verb, order, self.people[by], self.clock.now())

    def holds(self, today: date | None = None) -> IntakePolicy:
        found = self.db.read_now(policy.current, "intake", IntakePolicy, today or self.today)
        assert found is not None
        return found

    def view(self, proposal: UUID, by: str = "medic") -> policy_views.ProposalView:
        return self.db.read_now(policy_views.proposal, proposal, self.people[by], self.today)


@pytest.fixture
def house(db: Database, clock: Clock, tmp_path: Path) -> House:
    now = clock.now()
    vault = db.write_now(store.found, tmp_path / "keys", now)
    people = {}
    for name, role in (
        ("office", Role.OFFICE), ("medic", Role.MEDIC), ("coordinator", Role.COORDINATOR), ("volunteer", Role.VOLUNTEER)
    ):  # fmt: skip
        made = db.write_now(accounts.create, vault, NewAccount(role=role, handle=name), SYSTEM, now)
        people[name] = db.read_now(accounts.actor_of, made)
    db.write_now(policy.enact, "intake", IntakePolicy(version="1"), clock.today(), now)
    return House(db, clock, people)


def test_a_proposal_changes_nothing_until_a_medic_signs_it(house: House) -> None:
    proposal = house.propose(thresholds={"accept_from_days": 200})
    assert house.holds().accept_from_days == 180
    signed = house.sign(proposal)
    assert signed == Signed(version=2, valid_from=house.today)
    assert (house.holds().accept_from_days, house.holds().version) == (200, "2")


def test_a_signed_version_holds_from_its_day_and_not_the_day_before(house: House) -> None:
    house.sign(house.propose(thresholds={"accept_from_days": 200}, valid_from=house.in_days(3)))
    assert [house.holds(house.in_days(day)).accept_from_days for day in (0, 2, 3, 4)] == [180, 180, 200, 200]


def test_a_day_that_has_passed_before_the_signature_becomes_the_day_of_the_signature(house: House) -> None:
    proposal = house.propose(thresholds={"accept_from_days": 200}, valid_from=house.in_days(1))
    later = house.in_days(5)
    assert house.sign(proposal, today=later).valid_from == later
    assert house.holds(house.in_days(4)).accept_from_days == 180


def test_a_day_that_has_passed_cannot_be_proposed_and_today_can(house: House) -> None:
    with pytest.raises(Invalid) as no:
        house.propose(thresholds={"accept_from_days": 200}, valid_from=house.in_days(-1))
    assert no.value.faults == (("valid_from", "not_past", {}),)
    house.propose(thresholds={"accept_from_days": 200}, valid_from=house.today)


def test_only_the_office_proposes_and_only_a_medic_signs(house: House) -> None:
    for who in ("medic", "coordinator", "volunteer"):
        with pytest.raises(Forbidden):
            house.propose(by=who, thresholds={"accept_from_days": 200})
    proposal = house.propose(thresholds={"accept_from_days": 200})
    for who in ("office", "coordinator", "volunteer"):
        with pytest.raises(Forbidden):
            house.sign(proposal, by=who)
        with pytest.raises(Forbidden):
            house.end(policy_making.decline, proposal, by=who)


def test_nobody_signs_what_they_proposed_themselves(house: House) -> None:
    both = house.people["medic"]
    proposal = house.propose(thresholds={"accept_from_days": 200})
    promoted = Actor(account=house.people["office"].account, role=Role.MEDIC, handle="office")
    house.people["promoted"] = promoted
    with pytest.raises(SamePerson):
        house.sign(proposal, by="promoted")
    assert house.sign(proposal).version == 2
    assert both.role is Role.MEDIC


def test_what_is_declined_or_withdrawn_never_holds(house: House) -> None:
    for verb, by, outcome in (
        (policy_making.decline, "medic", "declined"), (policy_making.withdraw, "office", "withdrawn")
    ):  # fmt: skip
        proposal = house.propose(thresholds={"accept_from_days": 200})
        house.end(verb, proposal, by)
        assert house.view(proposal).outcome == outcome
        assert house.view(proposal).answer == "还要再商量"
        for again in (
            lambda p=proposal: house.sign(p),
            lambda p=proposal: house.end(policy_making.decline, p, "medic"),
        ):
            with pytest.raises(Decided):
                again()
    assert house.holds().accept_from_days == 180


def test_of_two_proposals_the_second_cannot_undo_the_first_unseen(house: House) -> None:
    first = house.propose(thresholds={"accept_from_days": 200})
    second = house.propose(thresholds={"supplies_min_days": 60})
    house.sign(first)
    assert house.view(second).outdated
    with pytest.raises(Outdated):
        house.sign(second)
    house.sign(house.propose(thresholds={"supplies_min_days": 60}))
    assert (house.holds().accept_from_days, house.holds().supplies_min_days) == (200, 60)


def test_old_versions_are_kept_and_told_with_what_each_changed(house: House) -> None:
    house.sign(house.propose(thresholds={"accept_from_days": 200}))
    house.sign(house.propose(thresholds={"accept_from_days": 210}, valid_from=house.in_days(2)))
    told = house.db.read_now(policy_views.versions, "intake", house.today)
    assert [(one.version, one.state, one.signed_by) for one in told] == [
        (3, "coming", "medic"),
        (2, "now", "medic"),
        (1, "past", ""),
    ]
    assert [one.reason for one in told] == ["冬天缺药", "冬天缺药", ""]
    assert told[1].before == told[2].body
    with pytest.raises(NotFound):
        house.db.read_now(policy_views.versions, "nothing", house.today)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_threshold_takes_its_limits_and_nothing_beyond(house: House, name: str) -> None:
    begins = starter(name)
    for field, span in limits(KINDS[name]).items():
        for value, code in ((span.low - 1, "at_least"), (span.high + 1, "at_most")):
            with pytest.raises(Invalid) as no:
                house.propose(name=name, thresholds={field: value})
            assert (f"thresholds.{field}", code) in [fault[:2] for fault in no.value.faults]
        assert span.holds(getattr(begins, field)), f"{name}.{field} begins outside its own limits"


@pytest.mark.parametrize(
    "loose",
    [
        {"thresholds": {"alcohol_max_ml": 501}},
        {"thresholds": {"ephedrine_max_ug": 30_001}},
        {"thresholds": {"ephedrine_max_packs": 3}},
        {"dates": {"mercury_from": date(2026, 1, 2)}},
        {"thresholds": {"nothing": 1}},
        {"dates": {"nothing": date(2026, 1, 1)}},
        {"rules": ("IN99", *RULES)},
        {"thresholds": {"refuse_below_days": 181}},
        {"thresholds": {"accept_from_days": 59}},
        {"name": "matching", "rules": ("IN01",)},
        {"name": "levels", "easing": Easing(from_day=date(2030, 1, 1), until_day=date(2030, 1, 2))},
    ],
)
def test_a_proposal_looser_than_the_law_or_without_sense_is_refused(house: House, loose: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        house.propose(**loose)


@pytest.mark.parametrize("rule", sorted(LAW))
def test_a_rule_of_the_law_cannot_be_switched_off(house: House, rule: str) -> None:
    with pytest.raises(Invalid) as no:
        house.propose(rules=tuple(set(RULES) - {rule}))
    assert no.value.faults == (("rules", "rule_locked", {"rules": rule}),)


def test_rules_that_keep_medicine_safe_cannot_be_switched_off_either(house: House) -> None:
    assert LOCKED["dispensing"] == REQUIRED
    with pytest.raises(Invalid):
        house.propose(name="dispensing", rules=("DS21",))


def test_another_rule_is_switched_off_and_on_again(house: House) -> None:
    house.sign(house.propose(rules=tuple(set(RULES) - {"IN07"})))
    assert "IN07" not in house.holds().rules
    house.sign(house.propose(rules=RULES))
    assert house.holds().rules == frozenset(RULES)


def test_an_easing_bears_the_signature_of_the_medic_and_ends_by_itself(house: House) -> None:
    easing = Easing(from_day=house.today, until_day=house.in_days(14), min_days=40)
    proposal = house.propose(easing=easing)
    house.sign(proposal)
    held = house.holds().emergency
    assert held is not None
    assert (held.signed_by, held.min_days, held.until_day) == ("medic", 40, house.in_days(14))
    house.sign(house.propose(thresholds={"supplies_min_days": 45}))
    assert house.holds().emergency == held
    house.sign(house.propose(end_easing=True))
    assert house.holds().emergency is None


@pytest.mark.parametrize(("first", "last", "fits"), [(0, 92, True), (0, 93, False), (1, 0, False), (0, 0, True)])
def test_an_easing_lasts_92_days_at_most_and_never_ends_before_it_begins(
    house: House, first: int, last: int, fits: bool
) -> None:
    easing = Easing(from_day=house.in_days(first), until_day=house.in_days(last))
    if fits:
        house.propose(easing=easing)
    else:
        with pytest.raises(Invalid):
            house.propose(easing=easing)


def test_an_easing_that_would_be_over_before_the_version_holds_is_refused(house: House) -> None:
    easing = Easing(from_day=house.today, until_day=house.in_days(2))
    with pytest.raises(Invalid):
        house.propose(easing=easing, valid_from=house.in_days(3))


def test_a_proposal_that_changes_nothing_is_none(house: House) -> None:
    with pytest.raises(NothingChanged):
        house.propose(thresholds={"accept_from_days": 180}, rules=RULES)


@pytest.mark.parametrize("name", ["dispensing", "matching", "urgency", "levels"])
def test_a_store_without_a_policy_gets_its_first_by_the_same_two_people(house: House, name: str) -> None:
    assert house.sign(house.propose(name=name)).version == 1
    held = house.db.read_now(policy.current, name, KINDS[name], house.today)
    assert held is not None
    if isinstance(held, DispensingPolicy):
        assert held.rules >= REQUIRED


def test_a_stored_policy_that_does_not_fit_is_replaced_from_the_beginning(house: House) -> None:
    house.db.write_now(policy.enact, "intake", Easing(from_day=house.today, until_day=house.today), house.today,
                       house.clock.now())  # fmt: skip
    house.sign(house.propose(thresholds={"accept_from_days": 200}))
    assert (house.holds().accept_from_days, house.holds().rules) == (200, frozenset(RULES))


def test_a_signature_that_a_phone_sends_twice_makes_one_version(house: House) -> None:
    proposal, key = house.propose(thresholds={"accept_from_days": 200}), new_id()
    assert house.sign(proposal, key=key) == house.sign(proposal, key=key)
    assert house.db.read_now(policy.newest, "intake") == 2
    other = house.propose(thresholds={"accept_from_days": 210})
    with pytest.raises(KeyReused):
        house.sign(other, key=key)


def test_a_proposal_that_is_not_there_is_not_found(house: House) -> None:
    with pytest.raises(NotFound):
        house.sign(new_id())


def test_what_waits_is_counted_for_those_who_propose_and_sign(house: House) -> None:
    house.propose(thresholds={"accept_from_days": 200})
    counts = {who: house.db.read_now(policy_views.waiting, actor) for who, actor in house.people.items()}
    assert counts == {"office": 1, "medic": 1, "coordinator": None, "volunteer": None}
