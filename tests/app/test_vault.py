"""Personal fields are sealed: without the right key and the right place the bytes say nothing."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.base import store
from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import NotFound
from app.base.ids import new_id
from app.base.models import PersonKey, Store
from app.base.settings import Settings
from app.base.vault import KeyMissing, Unreadable, Vault, key_file, normal_phone


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def vault(db: Database, keys: Path, clock: Clock) -> Vault:
    return db.write_now(store.found, keys, clock.now())


def admitted(db: Database, vault: Vault) -> tuple[UUID, bytes]:
    person = new_id()
    return person, db.write_now(lambda session: vault.admit(session, person).seal("residents.name", "欧阳测试"))


def test_a_sealed_name_opens_again_after_a_restart(db: Database, vault: Vault, keys: Path, clock: Clock) -> None:
    person, sealed = admitted(db, vault)
    again = db.write_now(store.found, keys, clock.now())
    opened = db.read_now(lambda session: again.person(session, person).open("residents.name", sealed))
    assert opened == "欧阳测试"
    assert "欧阳".encode() not in sealed


@pytest.mark.parametrize("position", [0, 1, 5, 20, -1])
def test_one_changed_byte_makes_a_sealed_field_unreadable(db: Database, vault: Vault, position: int) -> None:
    person, sealed = admitted(db, vault)
    altered = bytearray(sealed)
    altered[position] ^= 1
    with pytest.raises(Unreadable):
        db.read_now(lambda session: vault.person(session, person).open("residents.name", bytes(altered)))


def test_a_sealed_field_does_not_open_in_another_column_or_for_another_person(db: Database, vault: Vault) -> None:
    person, sealed = admitted(db, vault)
    other, _ = admitted(db, vault)
    with pytest.raises(Unreadable):
        db.read_now(lambda session: vault.person(session, person).open("residents.address", sealed))
    with pytest.raises(Unreadable):
        db.read_now(lambda session: vault.person(session, other).open("residents.name", sealed))


def test_a_wrapped_key_moved_to_another_person_does_not_open(db: Database, vault: Vault) -> None:
    person, sealed = admitted(db, vault)
    other, _ = admitted(db, vault)

    def swap(session: Session) -> str:
        wrapped = session.execute(select(PersonKey.wrapped).where(PersonKey.subject == person)).scalar_one()
        session.execute(update(PersonKey).where(PersonKey.subject == other).values(wrapped=wrapped))
        return vault.person(session, other).open("residents.name", sealed)

    with pytest.raises(Unreadable):
        db.write_now(swap)


def test_an_erased_person_cannot_be_read_again(db: Database, vault: Vault, clock: Clock) -> None:
    person, _ = admitted(db, vault)
    db.write_now(vault.erase, person, clock.now())
    with pytest.raises(NotFound):
        db.read_now(vault.person, person)


def test_the_master_key_is_for_its_owner_only_and_outside_the_data(
    db: Database, vault: Vault, keys: Path, tmp_path: Path
) -> None:
    file = key_file(keys, db.read_now(lambda session: session.execute(select(Store.id)).scalar_one()))
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o400
    with pytest.raises(ValueError, match="outside"):
        Settings(data=tmp_path, keys=keys)


def test_a_store_with_sealed_rows_refuses_to_open_without_its_key_and_says_how_to_bring_it_back(
    db: Database, vault: Vault, keys: Path, clock: Clock
) -> None:
    admitted(db, vault)
    (file,) = keys.iterdir()
    file.rename(keys / "elsewhere")
    with pytest.raises(KeyMissing, match=r"is missing.*Bring the file back"):
        db.write_now(store.found, keys, clock.now())


def test_a_store_refuses_another_stores_key(db: Database, vault: Vault, keys: Path, clock: Clock) -> None:
    (file,) = keys.iterdir()
    file.chmod(0o600)
    file.write_text("00" * 32)
    with pytest.raises(KeyMissing, match="another store"):
        db.write_now(store.found, keys, clock.now())


@pytest.mark.parametrize("written", ["138 0013 8000", "+86 13800138000", "138-0013-8000", "8613800138000"])
def test_one_phone_number_written_differently_meets_in_the_blind_index(
    db: Database, vault: Vault, written: str
) -> None:
    assert vault.blind(written) == vault.blind("13800138000")
    assert vault.blind(written) != vault.blind("13800138001")
    assert normal_phone(written) == "13800138000"
