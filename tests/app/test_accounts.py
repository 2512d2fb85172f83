"""Accounts: who may let whom in, how a phone becomes known, and how access ends."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import func, select

from app import people
from app.base import accounts, audit, passwords, store
from app.base.accounts import HandleTaken, InvitationSpent, NewAccount, WrongSecret
from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import Forbidden, Invalid, KeyReused, NotFound, SignInNeeded, TooMany
from app.base.models import Account, AuditNote, SignIn
from app.base.permissions import SYSTEM, Actor, Role, ScopeKind
from app.base.vault import Vault
from app.people import Newcomer, OwnAccount
from distribution.grids import add_community
from distribution.teams import form_team
from inventory.stations import open_station
from labels import registry
from labels.errors import NotBadge
from labels.second_person import owner_of_badge
from tests.conftest import Hands


class Town(msgspec.Struct, kw_only=True):
    """Two communities, each with a station and a team, and the vault of the store."""

    vault: Vault
    here: UUID
    there: UUID
    station_here: UUID
    station_there: UUID
    team_here: UUID
    team_there: UUID


@pytest.fixture
def town(db: Database, clock: Clock, tmp_path: Path) -> Town:
    now = clock.now()

    def build(session: Any) -> Town:
        vault = store.found(session, tmp_path / "keys", now)
        here, there = add_community(session, "胜华", SYSTEM, now), add_community(session, "胜南", SYSTEM, now)
        stations = [open_station(session, name, place, SYSTEM, now) for name, place in (("甲", here), ("乙", there))]
        return Town(
            vault=vault,
            here=here,
            there=there,
            station_here=stations[0],
            station_there=stations[1],
            team_here=form_team(session, "一队", here, stations[0], SYSTEM, now),
            team_there=form_team(session, "二队", there, stations[1], SYSTEM, now),
        )

    return db.write_now(build)


def actor(role: Role, **scopes: frozenset[UUID]) -> Actor:
    return Actor(account=uuid4(), role=role, handle="X-1", **scopes)


def newcomer(role: Role, *scopes: tuple[ScopeKind, UUID], handle: str = "") -> Newcomer:
    return Newcomer(role=role, handle=handle or f"N-{uuid4().hex[:8]}", scopes=scopes, key=uuid4())


def let_in(db: Database, town: Town, clock: Clock, new: Newcomer, by: Actor) -> UUID:
    return db.write_now(people.let_in, town.vault, new, by, clock.now())


def member_with_pin(db: Database, town: Town, clock: Clock, pin: str = "7391") -> tuple[UUID, accounts.Entry]:
    """A volunteer who opened an invitation and chose a PIN."""
    made = let_in(db, town, clock, newcomer(Role.VOLUNTEER, (ScopeKind.STATION, town.station_here)), admin())
    token = db.write_now(accounts.invite, made, SYSTEM, clock.now())
    hashed = accounts.hash_secret(Role.VOLUNTEER, pin)
    return made, db.write_now(accounts.accept_invitation, token, hashed, clock.now())


def admin() -> Actor:
    return actor(Role.ADMINISTRATOR)


# Who may let whom in: the hand-written row «invite and end accounts» of the authorisation table.
MAY_LET_IN = {
    Role.ADMINISTRATOR: set(Role),
    Role.COORDINATOR: {Role.VOLUNTEER, Role.MEMBER, Role.LEADER},
    Role.LEADER: {Role.MEMBER},
}


@pytest.mark.parametrize("role", list(Role))
def test_each_role_lets_in_those_below_it_and_nobody_else(db: Database, town: Town, clock: Clock, role: Role) -> None:
    scope: dict[Role, tuple[tuple[ScopeKind, UUID], ...]] = {
        Role.VOLUNTEER: ((ScopeKind.STATION, town.station_here),),
        Role.MEMBER: ((ScopeKind.TEAM, town.team_here),),
        Role.LEADER: ((ScopeKind.TEAM, town.team_here),),
        Role.MEDIC: ((ScopeKind.COMMUNITY, town.here),),
        Role.COORDINATOR: ((ScopeKind.COMMUNITY, town.here),),
    }
    by = actor(role, communities=frozenset({town.here}), teams=frozenset({town.team_here}))
    for wanted in Role:
        new = newcomer(wanted, *scope.get(wanted, ()))
        if wanted in MAY_LET_IN.get(role, set()):
            assert let_in(db, town, clock, new, by)
        else:
            with pytest.raises(Forbidden):
                let_in(db, town, clock, new, by)


def test_a_coordinator_lets_nobody_in_at_another_community_s_station(db: Database, town: Town, clock: Clock) -> None:
    by = actor(Role.COORDINATOR, communities=frozenset({town.here}))
    with pytest.raises(NotFound):
        let_in(db, town, clock, newcomer(Role.VOLUNTEER, (ScopeKind.STATION, town.station_there)), by)
    with pytest.raises(NotFound):
        let_in(db, town, clock, newcomer(Role.MEMBER, (ScopeKind.TEAM, town.team_there)), by)


def test_a_leader_lets_members_into_the_own_team_only(db: Database, town: Town, clock: Clock) -> None:
    by = actor(Role.LEADER, teams=frozenset({town.team_here}))
    assert let_in(db, town, clock, newcomer(Role.MEMBER, (ScopeKind.TEAM, town.team_here)), by)
    with pytest.raises(NotFound):
        let_in(db, town, clock, newcomer(Role.MEMBER, (ScopeKind.TEAM, town.team_there)), by)


@pytest.mark.parametrize("role", list(Role))
def test_a_role_is_held_where_such_roles_are_held(db: Database, town: Town, clock: Clock, role: Role) -> None:
    wrong = ScopeKind.STATION if people.SCOPE_OF.get(role) != ScopeKind.STATION else ScopeKind.TEAM
    with pytest.raises(Invalid):
        let_in(db, town, clock, newcomer(role, (wrong, town.station_here)), admin())


def test_nobody_is_let_in_at_a_place_that_does_not_exist(db: Database, town: Town, clock: Clock) -> None:
    with pytest.raises(NotFound):
        let_in(db, town, clock, newcomer(Role.VOLUNTEER, (ScopeKind.STATION, uuid4())), admin())


def test_a_staff_number_belongs_to_one_account(db: Database, town: Town, clock: Clock) -> None:
    let_in(db, town, clock, newcomer(Role.OFFICE, handle="O-1"), admin())
    with pytest.raises(HandleTaken):
        let_in(db, town, clock, newcomer(Role.OFFICE, handle="O-1"), admin())


def test_a_phone_that_sends_twice_makes_one_account(db: Database, town: Town, clock: Clock) -> None:
    by, new = admin(), newcomer(Role.OFFICE)
    assert let_in(db, town, clock, new, by) == let_in(db, town, clock, new, by)
    with pytest.raises(KeyReused):
        let_in(db, town, clock, msgspec.structs.replace(new, handle="other"), by)


def test_a_name_is_stored_sealed(db: Database, town: Town, clock: Clock) -> None:
    new = Newcomer(role=Role.OFFICE, handle="O-9", name="欧阳试验", key=uuid4())
    made = let_in(db, town, clock, new, admin())
    sealed = db.read_now(lambda session: session.execute(select(Account.name).where(Account.id == made)).scalar_one())
    assert "欧阳试验".encode() not in sealed
    assert db.read_now(town.vault.person, made).open("accounts.name", sealed) == "欧阳试验"


def test_lists_show_those_in_the_own_scope(db: Database, town: Town, clock: Clock) -> None:
    here = let_in(db, town, clock, newcomer(Role.VOLUNTEER, (ScopeKind.STATION, town.station_here)), admin())
    there = let_in(db, town, clock, newcomer(Role.VOLUNTEER, (ScopeKind.STATION, town.station_there)), admin())
    team = let_in(db, town, clock, newcomer(Role.MEMBER, (ScopeKind.TEAM, town.team_here)), admin())
    office = let_in(db, town, clock, newcomer(Role.OFFICE), admin())

    def seen(by: Actor) -> set[UUID]:
        return {person.id for person in db.read_now(people.everyone, by, clock.now())}

    assert seen(actor(Role.COORDINATOR, communities=frozenset({town.here}))) == {here, team}
    assert seen(actor(Role.LEADER, teams=frozenset({town.team_here}))) == {team}
    assert {here, there, team, office} <= seen(admin())


def test_a_list_goes_on_behind_a_staff_number(db: Database, town: Town, clock: Clock) -> None:
    for number in range(5):
        let_in(db, town, clock, newcomer(Role.OFFICE, handle=f"O-{number}"), admin())
    first = db.read_now(people.everyone, admin(), clock.now(), "", 2)
    second = db.read_now(people.everyone, admin(), clock.now(), first[-1].handle, 2)
    assert [person.handle for person in (*first, *second)] == ["O-0", "O-1", "O-2", "O-3"]


def test_somebody_who_also_works_elsewhere_is_seen_but_not_ended(db: Database, town: Town, clock: Clock) -> None:
    both = newcomer(Role.VOLUNTEER, (ScopeKind.STATION, town.station_here), (ScopeKind.STATION, town.station_there))
    made = let_in(db, town, clock, both, admin())
    by = actor(Role.COORDINATOR, communities=frozenset({town.here}))
    assert made in {person.id for person in db.read_now(people.everyone, by, clock.now())}
    with pytest.raises(NotFound):
        db.write_now(people.end, made, by, clock.now())


def test_a_coordinator_ends_no_other_coordinator(db: Database, town: Town, clock: Clock) -> None:
    other = let_in(db, town, clock, newcomer(Role.COORDINATOR, (ScopeKind.COMMUNITY, town.here)), admin())
    by = actor(Role.COORDINATOR, communities=frozenset({town.here}))
    for verb in (people.end, people.end_sign_ins, people.invite, people.badge):
        with pytest.raises(Forbidden):
            db.write_now(verb, other, by, clock.now())


def test_nobody_ends_the_account_in_use(db: Database, town: Town, clock: Clock) -> None:
    made = let_in(db, town, clock, newcomer(Role.ADMINISTRATOR), admin())
    with pytest.raises(OwnAccount):
        db.write_now(people.end, made, Actor(account=made, role=Role.ADMINISTRATOR), clock.now())


def test_an_invitation_works_once(db: Database, town: Town, clock: Clock) -> None:
    made = let_in(db, town, clock, newcomer(Role.OFFICE), admin())
    token = db.write_now(accounts.invite, made, SYSTEM, clock.now())
    hashed = accounts.hash_secret(Role.OFFICE, "十二个字以上的一句话才行吧")
    assert db.write_now(accounts.accept_invitation, token, hashed, clock.now())
    with pytest.raises(InvitationSpent):
        db.write_now(accounts.accept_invitation, token, hashed, clock.now())


def test_an_invitation_ends_after_seven_days_and_not_before(
    db: Database, town: Town, clock: Clock, hands: Hands
) -> None:
    made = let_in(db, town, clock, newcomer(Role.OFFICE), admin())
    token = db.write_now(accounts.invite, made, SYSTEM, clock.now())
    hands.at += timedelta(days=7) - timedelta(seconds=1)
    assert db.read_now(accounts.invited, token, clock.now()).account == made
    hands.at += timedelta(seconds=1)
    with pytest.raises(InvitationSpent):
        db.read_now(accounts.invited, token, clock.now())


def test_a_newer_invitation_ends_the_older(db: Database, town: Town, clock: Clock) -> None:
    made = let_in(db, town, clock, newcomer(Role.OFFICE), admin())
    older = db.write_now(accounts.invite, made, SYSTEM, clock.now())
    db.write_now(accounts.invite, made, SYSTEM, clock.now())
    with pytest.raises(InvitationSpent):
        db.read_now(accounts.invited, older, clock.now())


def test_an_invitation_without_a_secret_is_for_demonstrations_only(db: Database, town: Town, clock: Clock) -> None:
    made = let_in(db, town, clock, newcomer(Role.OFFICE), admin())
    token = db.write_now(accounts.invite, made, SYSTEM, clock.now())
    with pytest.raises(InvitationSpent):
        db.write_now(accounts.accept_invitation, token, None, clock.now())
    shown = db.write_now(accounts.invite, made, SYSTEM, clock.now(), uses=2, demo=True)
    assert db.write_now(accounts.accept_invitation, shown, None, clock.now())
    assert db.write_now(accounts.accept_invitation, shown, None, clock.now())


def test_an_ended_account_opens_no_invitation_and_no_door(db: Database, town: Town, clock: Clock) -> None:
    made, entry = member_with_pin(db, town, clock)
    token = db.write_now(accounts.invite, made, SYSTEM, clock.now())
    db.write_now(people.end, made, admin(), clock.now())
    with pytest.raises(InvitationSpent):
        db.read_now(accounts.invited, token, clock.now())
    with pytest.raises(SignInNeeded):
        db.read_now(accounts.who, entry.token.token, clock.now())
    assert db.read_now(accounts.known_device, entry.device) is None


def test_a_lost_phone_loses_sign_in_mark_and_open_invitation(db: Database, town: Town, clock: Clock) -> None:
    made, entry = member_with_pin(db, town, clock)
    open_invitation = db.write_now(accounts.invite, made, SYSTEM, clock.now())
    assert db.write_now(people.end_sign_ins, made, admin(), clock.now()) == 1
    with pytest.raises(SignInNeeded):
        db.read_now(accounts.who, entry.token.token, clock.now())
    with pytest.raises(InvitationSpent):
        db.read_now(accounts.invited, open_invitation, clock.now())
    assert db.read_now(accounts.known_device, entry.device) is None
    again = db.write_now(accounts.invite, made, SYSTEM, clock.now())
    assert db.read_now(accounts.invited, again, clock.now()).account == made


# idle limit, whole life: (just alive, just over)
LIVES = {
    "device": (None, timedelta(days=180)),
    "badge": (timedelta(minutes=30), timedelta(hours=12)),
    "desk": (timedelta(minutes=30), timedelta(hours=12)),
    "program": (None, timedelta(days=365)),
}


@pytest.mark.parametrize("means", list(LIVES))
def test_a_sign_in_ends_when_idle_or_old(db: Database, town: Town, clock: Clock, hands: Hands, means: str) -> None:
    made, _ = member_with_pin(db, town, clock)
    idle, life = LIVES[means]
    start = hands.at
    token = db.write_now(accounts.sign_in, made, means, clock.now())
    hands.at = start + (idle or life) - timedelta(seconds=1)
    who = db.read_now(accounts.who, token.token, clock.now()).actor
    assert who.account == made
    hands.at = start + (idle or life) + timedelta(seconds=1)
    with pytest.raises(SignInNeeded):
        db.read_now(accounts.who, token.token, clock.now())


def test_work_keeps_a_desk_sign_in_alive_until_its_whole_life(
    db: Database, town: Town, clock: Clock, hands: Hands
) -> None:
    made, _ = member_with_pin(db, town, clock)
    start = hands.at
    token = db.write_now(accounts.sign_in, made, "desk", clock.now())
    for _ in range(24):
        hands.at += timedelta(minutes=29, seconds=59)
        known = db.read_now(accounts.who, token.token, clock.now())
        assert known.stale
        db.write_now(accounts.seen, known.actor.sign_in, clock.now())
    hands.at = start + timedelta(hours=12)
    with pytest.raises(SignInNeeded):
        db.read_now(accounts.who, token.token, clock.now())


def test_the_store_knows_digests_only(db: Database, town: Town, clock: Clock) -> None:
    _, entry = member_with_pin(db, town, clock)
    kept = db.read_now(lambda session: session.execute(select(SignIn.digest)).scalars().all())
    assert entry.token.token.encode() not in kept
    assert accounts.digest(entry.token.token) in kept


@pytest.mark.parametrize("pin", ["123", "123456789", "12a4", "１２３４", "", " 7391"])
def test_a_pin_is_four_to_eight_plain_digits(pin: str) -> None:
    with pytest.raises(Invalid) as no:
        accounts.hash_secret(Role.VOLUNTEER, pin)
    assert no.value.faults[0][1] == "pin_shape"


@pytest.mark.parametrize("pin", ["1234", "0000", "9999", "4321", "2345", "55555555"])
def test_a_pin_that_everybody_tries_first_is_refused(pin: str) -> None:
    with pytest.raises(Invalid) as no:
        accounts.hash_secret(Role.MEMBER, pin)
    assert no.value.faults[0][1] == "pin_common"


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        ("十一个字十一个字十一个", "passphrase_length"),
        ("长" * 129, "passphrase_length"),
        ("aaaaaaaaaaaa", "passphrase_common"),
        ("password1234", "passphrase_common"),
        ("123456789012", "passphrase_common"),
        ("qwertyuiop12", "passphrase_common"),
        ("leavemealone", "passphrase_common"),
        ("SonyEricsson", "passphrase_common"),
        (" perasperaadastra ", "passphrase_common"),
        ("gfhjkmgfhjkm", "passphrase_common"),
        ("30secondstomars", "passphrase_common"),
    ],
)
def test_a_weak_passphrase_is_refused(secret: str, code: str) -> None:
    with pytest.raises(Invalid) as no:
        accounts.hash_secret(Role.OFFICE, secret)
    assert no.value.faults[0][1] == code


def test_the_list_of_common_passphrases_is_long_enough_and_whole() -> None:
    listed = passwords._common()
    assert len(listed) >= 3_000
    assert len(listed) * 8 == passwords._COMMON_LIST.stat().st_size


@pytest.mark.parametrize("secret", ["夜里的雨一直下到了天亮才停", "correct horse battery ", "x7" * 32 + "完了吗"])
def test_a_passphrase_of_any_script_and_blanks_fits_exactly(secret: str) -> None:
    stored = accounts.hash_secret(Role.OFFICE, secret)
    assert stored.startswith("$argon2id$")
    assert accounts.secret_fits(stored, secret)
    assert not accounts.secret_fits(stored, secret.strip() + "x")
    assert not accounts.secret_fits(stored, secret[:-1])


def test_no_secret_fits_where_there_is_no_account() -> None:
    assert not accounts.secret_fits(None, "7391")


def test_a_pin_opens_nothing_from_a_phone_that_is_not_known(db: Database, town: Town, clock: Clock) -> None:
    made, entry = member_with_pin(db, town, clock)
    strange = db.read_now(accounts.knock, made, None, "192.0.2.1")
    assert (strange.account, strange.stored) == (None, None)
    own = db.read_now(accounts.knock, made, entry.device, "192.0.2.1")
    assert (own.account, own.means) == (made, "device")


def test_a_pin_on_a_colleague_s_phone_is_a_badge_sign_in(db: Database, town: Town, clock: Clock) -> None:
    made, _ = member_with_pin(db, town, clock)
    _, station_phone = member_with_pin(db, town, clock)
    knocked = db.read_now(accounts.knock, made, station_phone.device, "192.0.2.1")
    assert (knocked.account, knocked.means) == (made, "badge")


def test_ten_wrong_tries_and_no_more(db: Database, town: Town, clock: Clock, hands: Hands) -> None:
    made, entry = member_with_pin(db, town, clock)
    knocked = db.read_now(accounts.knock, made, entry.device, "192.0.2.1")
    for _ in range(accounts.TRIES):
        db.write_now(accounts.count_try, knocked, clock.now())
    with pytest.raises(TooMany) as no:
        db.write_now(accounts.count_try, knocked, clock.now())
    assert 0 < int(no.value.params["seconds"]) <= accounts.TRY_WINDOW
    hands.at += timedelta(seconds=2 * accounts.TRY_WINDOW)
    db.write_now(accounts.count_try, knocked, clock.now())


def test_a_stranger_s_guessing_does_not_lock_the_owner_out(db: Database, town: Town, clock: Clock) -> None:
    made, entry = member_with_pin(db, town, clock)
    stranger = db.read_now(accounts.knock, made, None, "192.0.2.1")
    for _ in range(accounts.TRIES):
        db.write_now(accounts.count_try, stranger, clock.now())
    with pytest.raises(TooMany):
        db.write_now(accounts.count_try, stranger, clock.now())
    owner = db.read_now(accounts.knock, made, entry.device, "192.0.2.1")
    db.write_now(accounts.count_try, owner, clock.now())


def test_a_right_secret_does_not_count_as_a_try(db: Database, town: Town, clock: Clock) -> None:
    made, entry = member_with_pin(db, town, clock)
    knocked = db.read_now(accounts.knock, made, entry.device, "192.0.2.1")
    for _ in range(3 * accounts.TRIES):
        db.write_now(accounts.count_try, knocked, clock.now())
        db.write_now(accounts.let_in, knocked, None, clock.now())


def test_nobody_unknown_is_let_in(db: Database, town: Town, clock: Clock) -> None:
    knocked = db.read_now(accounts.knock, "no-such", None, "192.0.2.1")
    with pytest.raises(WrongSecret):
        db.write_now(accounts.let_in, knocked, None, clock.now())


def test_a_badge_names_its_owner_until_it_is_replaced(db: Database, town: Town, clock: Clock) -> None:
    made, _ = member_with_pin(db, town, clock)
    first = db.write_now(people.badge, made, admin(), clock.now())
    assert db.read_now(owner_of_badge, first.lower()) == made
    second = db.write_now(people.badge, made, admin(), clock.now())
    assert db.read_now(owner_of_badge, second) == made
    with pytest.raises(NotBadge):
        db.read_now(owner_of_badge, first)


def test_what_is_no_badge_opens_no_door(db: Database, town: Town, clock: Clock) -> None:
    blank = db.write_now(registry.issue, 1, None, SYSTEM, clock.now()).codes[0]
    for text in (blank, "6901234567892", "", "x" * 400):
        with pytest.raises(NotBadge):
            db.read_now(owner_of_badge, text)


def test_every_change_of_access_leaves_a_note(db: Database, town: Town, clock: Clock) -> None:
    made, entry = member_with_pin(db, town, clock)
    who = db.read_now(accounts.who, entry.token.token, clock.now()).actor
    db.write_now(accounts.sign_out, who, clock.now())
    db.write_now(people.end, made, admin(), clock.now())
    verbs = db.read_now(
        lambda session: session.execute(select(AuditNote.verb).where(AuditNote.subject == made)).scalars().all()
    )
    assert set(verbs) == {
        "account.create",
        "account.invite",
        "account.accept-invitation",
        "account.sign-in",
        "account.sign-out",
        "account.end-sign-ins",
        "account.end",
    }


def test_an_auditor_reads_all_an_administrator_accounts_and_others_their_own(
    db: Database, town: Town, clock: Clock
) -> None:
    _, entry = member_with_pin(db, town, clock)
    who = db.read_now(accounts.who, entry.token.token, clock.now()).actor
    everything = db.read_now(lambda session: session.execute(select(func.count()).select_from(AuditNote)).scalar_one())
    assert len(db.read_now(audit.notes, actor(Role.AUDITOR))) == everything
    of_accounts = db.read_now(audit.notes, admin())
    assert {note.verb.split(".")[0] for note in of_accounts} == {"account"}
    own = db.read_now(audit.notes, who)
    assert {note.handle for note in own} == {who.handle}
    assert len(own) < len(of_accounts) < everything
    newest, *_ = db.read_now(audit.notes, actor(Role.AUDITOR), None, 1)
    assert newest.id not in {note.id for note in db.read_now(audit.notes, actor(Role.AUDITOR), newest.id)}


def test_a_new_store_has_no_account_that_anybody_could_guess(db: Database) -> None:
    assert db.read_now(lambda session: session.execute(select(func.count()).select_from(Account)).scalar_one()) == 0


@pytest.mark.parametrize("handle", ["", "a b", "a\u202eb", "a\x00b", "x" * 41, "a/b"])
def test_a_staff_number_is_one_plain_word(handle: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"role": "office", "handle": handle}, NewAccount)
