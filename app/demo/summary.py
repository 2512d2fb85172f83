"""What a demonstration came to: counted from the store itself, told in both languages, kept beside the store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO
from uuid import UUID

import msgspec
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import check
from app.base import accounts, audit
from app.base.clock import Clock
from app.base.db import Database
from app.base.i18n import LANGUAGES, Messages
from app.base.models import Store
from app.base.permissions import PHONE_ROLES, SYSTEM, Role
from app.demo.town import Hand, Town
from distribution.journey import State
from distribution.models import Confirmation, Need, NeedState, Parcel, Resident, Team, TeamMember
from inventory import ledger
from inventory.models import DonationLine, ReleaseDecision, Station
from inventory.receiving.intake_facts import Verdict
from labels.models import Label

USES = 50
"""How often a demonstration's sign-in link can be opened."""


class Donations(msgspec.Struct, frozen=True, kw_only=True):
    """Packs by the screening's verdict; ``released`` are those that a second person let onto the shelf."""

    accepted: int
    quarantined: int
    refused: int
    released: int


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Needs by their state."""

    open: int
    promised: int
    met: int


class Deliveries(msgspec.Struct, frozen=True, kw_only=True):
    """Journeys to a door by their end; ``returned`` are those failed ones whose goods are back at a station."""

    delivered: int
    failed: int
    returned: int


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody to look around as: a link that signs in with one tap, a program's token, or staff number and secret."""

    role: Role
    scope: str
    handle: str
    sign_in: str
    token: str
    secret: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """The store in figures, and whether ledger and audit agree with themselves."""

    donations: Donations
    labels: int
    needs: Needs
    parcels: int
    deliveries: Deliveries
    movements: int
    residents: int
    teams: int
    members: int
    stations: int
    ledger_ok: bool
    audit_ok: bool


class Report(Counts, frozen=True, kw_only=True):
    """All that a demonstration prints; ``seconds`` is how long it took to make."""

    store: UUID
    seconds: float
    accounts: tuple[Login, ...]
    files: tuple[str, ...]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to open a demonstration again: accounts with their tokens. Every person in it is invented."""

    store: UUID
    seconds: float
    pin: str
    passphrase: str
    hands: tuple[Hand, ...]
    files: tuple[str, ...]

    def secret(self, role: Role) -> str:
        """The PIN or the passphrase, whichever the role signs in with."""
        return self.pin if role in PHONE_ROLES else self.passphrase


def shown(town: Town) -> tuple[Hand, ...]:
    """Two of each role that has a scope, in two communities; one of each that holds everywhere."""
    here, there = town.communities[:2]
    return (
        *(station.volunteers[0] for station in town.stations[:2]),
        *(team.members[0] for team in town.teams[:2]),
        *(team.leader for team in town.teams[:2]),
        here.medics[0],
        there.medics[-1],
        here.coordinators[0],
        there.coordinators[0],
        town.offices[0],
        town.administrators[0],
        town.auditors[0],
    )


def report(db: Database, kept: Kept, base_url: str, clock: Clock) -> Report:
    """Count, check, and make fresh sign-in links: the earlier ones stop working."""
    now = clock.now()
    links = [db.write_now(accounts.invite, hand.account, SYSTEM, now, uses=USES, demo=True) for hand in kept.hands]
    while db.write_now(audit.seal):
        continue
    counts = db.read_now(count, clock)
    logins = tuple(
        Login(
            role=hand.role,
            scope=hand.scope,
            handle=hand.handle,
            sign_in=f"{base_url}/join/{link}",
            token=hand.token,
            secret=kept.secret(hand.role),
        )
        for hand, link in zip(kept.hands, links, strict=True)
    )
    return Report(
        **msgspec.structs.asdict(counts), store=kept.store, seconds=kept.seconds, accounts=logins, files=kept.files
    )


def count(session: Session, clock: Clock) -> Counts:
    """The store in figures."""
    verdicts = _by(session, DonationLine.verdict, DonationLine.taken_back_at.is_(None))
    releases = _by(session, ReleaseDecision.outcome)
    needs = _by(session, Need.state)
    parcels = _by(session, Parcel.state)
    ends = _by(session, Confirmation.outcome, Confirmation.effective)
    faulty = {part for part, _ in check.faults(session, clock.now())}
    return Counts(
        donations=Donations(
            accepted=verdicts.get(Verdict.ACCEPT, 0),
            quarantined=verdicts.get(Verdict.QUARANTINE, 0),
            refused=verdicts.get(Verdict.REJECT, 0),
            released=releases.get("released", 0),
        ),
        labels=_rows(session, Label),
        needs=Needs(
            open=needs.get(NeedState.OPEN, 0),
            promised=needs.get(NeedState.PROMISED, 0),
            met=needs.get(NeedState.MET, 0),
        ),
        parcels=sum(parcels.values()),
        deliveries=Deliveries(
            delivered=ends.get(State.DELIVERED, 0),
            failed=ends.get(State.FAILED, 0),
            returned=parcels.get(State.RETURNED, 0),
        ),
        movements=ledger.count(session),
        residents=_rows(session, Resident),
        teams=_rows(session, Team),
        members=_rows(session, TeamMember),
        stations=_rows(session, Station),
        ledger_ok=not faulty - {"audit"},
        audit_ok="audit" not in faulty,
    )


def _by(session: Session, column: Any, *where: Any) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).where(*where).group_by(column))
    return {str(row[0]): row[1] for row in rows}


def _rows(session: Session, model: type) -> int:
    return session.execute(select(func.count()).select_from(model)).scalar_one()


def store_id(session: Session) -> UUID:
    """Which store this is."""
    return session.execute(select(Store.id)).scalar_one()


def keep(kept: Kept, file: Path) -> None:
    """Write the file that marks a finished demonstration; readable by its owner only."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(msgspec.json.format(msgspec.json.encode(kept), indent=2))


def kept(file: Path) -> Kept:
    """The file again; raises FileNotFoundError, msgspec.ValidationError."""
    return msgspec.json.decode(file.read_bytes(), type=Kept)


def tell(done: Report, words: Messages, keys: Path, out: TextIO) -> None:
    """Print the figures in both languages, then who can sign in and by which link."""
    for language in LANGUAGES:
        print(file=out)
        for line in _lines(done, words, language):
            print(line, file=out)
        print(words.say(language, "demo.keys", folder=keys), file=out)
    print(file=out)
    _tell_logins(done.accounts, words, out)
    print(file=out, flush=True)


def _lines(done: Report, words: Messages, language: str) -> Iterable[str]:
    figures = {
        "town": {"stations": done.stations, "teams": done.teams, "members": done.members, "residents": done.residents},
        "donations": msgspec.structs.asdict(done.donations),
        "labels": {"labels": done.labels, "parcels": done.parcels},
        "needs": msgspec.structs.asdict(done.needs),
        "deliveries": msgspec.structs.asdict(done.deliveries),
    }
    for name, values in figures.items():
        yield words.say(language, f"demo.summary.{name}", **values)
    good = done.ledger_ok and done.audit_ok
    yield words.say(language, f"demo.summary.{'agrees' if good else 'disagrees'}", movements=done.movements)
    yield words.say(language, "demo.summary.seconds", seconds=round(done.seconds))


def _tell_logins(logins: Sequence[Login], words: Messages, out: TextIO) -> None:
    for language in LANGUAGES:
        print(words.say(language, "demo.logins", uses=USES), file=out)
    for login in logins:
        role = " / ".join(words.say(language, f"role.{login.role}") for language in LANGUAGES)
        print(f"  {role} · {login.scope}\n    {login.sign_in}", file=out)
        print(
            "    " + " / ".join(words.say(language, "demo.secret", **_secret(login)) for language in LANGUAGES),
            file=out,
        )


def _secret(login: Login) -> dict[str, str]:
    return {"handle": login.handle, "secret": login.secret}
