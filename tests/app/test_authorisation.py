"""Who may do what: every operation of the OpenAPI document, by every role, against a table written by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from app.base import store
from app.base.clock import Clock
from app.base.db import Database
from app.base.permissions import Role
from app.openapi import document
from tests.app.client import client, signed_in

LETTERS = {
    "V": Role.VOLUNTEER,
    "M": Role.MEMBER,
    "L": Role.LEADER,
    "P": Role.MEDIC,
    "C": Role.COORDINATOR,
    "O": Role.OFFICE,
    "A": Role.ADMINISTRATOR,
    "U": Role.AUDITOR,
}
EVERYONE = "VMLPCOAU"
ANYONE = "-"

# Written by hand from the programme's table of verbs, not from the code's.
TABLE = {
    "readHealth": ANYONE,
    "issueToken": ANYONE,
    "readMe": EVERYONE,
    "endOwnToken": EVERYONE,
    "readOwnDoings": EVERYONE,
    "listPolicies": EVERYONE,
    "readPolicy": EVERYONE,
    "listPolicyVersions": EVERYONE,
    "listPolicyProposals": EVERYONE,
    "proposePolicy": "O",
    "withdrawPolicy": "O",
    "signPolicy": "P",
    "declinePolicy": "P",
    "createAccount": "ACL",
    "inviteAccount": "ACL",
    "listAccounts": "ACL",
    "endAccount": "ACL",
    "endSignIns": "ACL",
    "readAudit": "UA",
    # labels
    "lookUp": "VMLPCO",
    "scanLine": "VMLPCO",
    "issueLabels": "VCO",
    "listLabelBatches": "VCO",
    "printLabels": "VCO",
    "printThings": "VCO",
    "reprintLabel": "V",
    "endLabel": "V",
    "readPhoto": "VMLPCO",
    # goods
    "listItems": EVERYONE,
    "findItem": EVERYONE,
    "readItem": EVERYONE,
    "uploadGoods": "CO",
    "readImport": "CO",
    "listImportRows": "CO",
    "chooseImportColumns": "CO",
    "applyImport": "CO",
    "addItem": "CO",
    "editItem": "CO",
    "verifyItem": "P",
    "withdrawItemChange": "PCO",
    "judgeBarcode": "PCO",
    "addIngredient": "P",
    "listKits": EVERYONE,
    "exportForm": "VLPCOU",
    "readKitStock": "VLPCOU",
    "listKitVersions": "VLPCOU",
    "saveRecipe": "CO",
    "enactRecipe": "CO",
    "retireRecipe": "CO",
    "listKitBags": "VLPCOU",
    "readKitBag": "VLPCOU",
    "assembleKits": "V",
    "takeKitsApart": "V",
    "putKitTogether": "V",
    "listStations": "VLPCOU",
    "listPlaces": "VLPCOU",
    "readPlace": "VLPCOU",
    "receiveDonation": "VCO",
    "takeBackLine": "VCO",
    "receiveBoxes": "VCO",
    "takeBackBoxes": "VCO",
    "movePack": "V",
    "movePackBack": "V",
    "countPlace": "VLPCOU",
    "listStocktakes": "VCO",
    "openStocktake": "VCO",
    "readStocktake": "VCO",
    "readStocktakeReport": "VCO",
    "countScan": "V",
    "countFound": "V",
    "withdrawScan": "V",
    "finishCount": "VCO",
    "startRecount": "V",
    "finishRecount": "V",
    "readVariances": "CO",
    "approveVariances": "CO",
    "refuseVariances": "CO",
    "endStocktake": "CO",
    "listActs": "VCOP",
    "readAct": "VCOP",
    "undoAct": "VCOP",
    "readDonation": "VCOPU",
    "listHeld": "VPCO",
    "listTraceRepeats": "VPCO",
    "releasePack": "VPCO",
    "releasePacks": "VPCO",
    "unreleasePacks": "VPCO",
    "refusePack": "VPCO",
    "refusePacks": "VPCO",
    "identifyPack": "P",
    "lookAtPack": "VCO",
    "publishAppeal": "CO",
    "withdrawAppeal": "CO",
    "readAppeals": ANYONE,
    "readLevels": "VLPCOU",
    "readBalance": "VLPCOU",
    "listExpiring": "VLPCOU",
    "listStockAlerts": "VLPCOU",
    "takeStockAlert": "VCO",
    "setLevels": "CO",
    "readItemHistory": "VLPCOU",
    "readLotHistory": "VLPCOU",
    "readPlaceHistory": "VLPCOU",
    "readDoings": EVERYONE,
    "readItemLevel": "VLPCOU",
    "readPack": "VLPCOU",
    "listRecalls": "VPCOU",
    "openRecall": "PO",
    "readRecall": "VPCOU",
    "openRecallDoor": "CO",
    "recordRecallCall": "CO",
    "takeRecalledKitApart": "VPO",
    "closeRecall": "PO",
    "withdrawRecall": "PO",
    # between stations, lost, thrown away
    "listTransfers": "VLPCOU",
    "readTransfer": "VLPCOU",
    "draftTransfer": "VCO",
    "sendPack": "V",
    "takeOutPack": "V",
    "departTransfer": "V",
    "callOffTransfer": "VCO",
    "receiveTransfer": "V",
    "receiveSurplus": "V",
    "reportMissing": "V",
    "receiveBack": "V",
    "writeOffMissing": "CO",
    "listLosses": "VLPCOU",
    "reportLoss": "V",
    "decideLoss": "CO",
    "findAgain": "V",
    "readBin": "VLPCOU",
    "setAside": "V",
    "clearExpired": "V",
    "putBackFromBin": "V",
    "listDisposals": "VLPCOU",
    "readDisposal": "VLPCOU",
    "sealBin": "V",
    "witnessDisposal": "VPCO",
    "reopenBin": "V",
    "handBinOver": "V",
    # people
    "registerResident": "CO",
    "correctResident": "CO",
    "listResidents": "MLCO",
    "recordNeed": "MLCO",
    "listNeeds": "MLCO",
    "closeNeed": "MLCO",
    "proposePlan": "CO",
    "listPlans": "CO",
    "readPlan": "CO",
    "approvePlan": "CO",
    "listMedicCases": "P",
    "decideMedicCase": "P",
    "decideMedicCases": "P",
    "listTeams": "MLCO",
    # the way to the door
    "listParcelsToPack": "V",
    "packScan": "V",
    "dropParcelLine": "V",
    "unpackParcel": "V",
    "claimParcelLabel": "V",
    "parcelLabel": "V",
    "readParcel": "VMLCO",
    "parcelLeaflet": "VMLCO",
    "listReadyParcels": "LCO",
    "planRound": "LCO",
    "assignToRound": "LCO",
    "withdrawFromRound": "LCO",
    "listRounds": "MLCO",
    "readRound": "MLCO",
    "roundSheet": "MLCO",
    "takeOverParcel": "M",
    "handOverParcel": "M",
    "failDelivery": "M",
    "takeBackParcel": "V",
    "listIncidents": "CO",
    "closeIncident": "CO",
}


def operations(app: Litestar) -> dict[str, tuple[str, str]]:
    """(method, path with ids filled in) of every operation in the document."""
    found = {}
    for path, methods in document(app)["paths"].items():
        for method, operation in methods.items():
            if method in {"get", "post", "put", "patch", "delete"}:
                filled = re.sub(r"\{name\}", "intake", path)
                found[operation["operationId"]] = (method.upper(), re.sub(r"\{[^}]+\}", str(uuid4()), filled))
    return found


def test_every_operation_stands_in_the_table_and_nothing_else_does(at: TestClient[Any]) -> None:
    assert set(operations(at.app)) == set(TABLE)


@pytest.fixture
def at(sqlite_db: Database, clock: Clock, tmp_path: Path) -> Iterator[TestClient[Any]]:
    sqlite_db.write_now(store.found, tmp_path / "keys", clock.now())
    with client(sqlite_db, clock, tmp_path) as browser:
        yield browser


def asked(at: TestClient[Any], method: str, path: str, headers: dict[str, str]) -> int:
    body = {"json": {}} if method in {"POST", "PUT", "PATCH"} else {}
    status: int = at.request(method, path, headers=headers, **body).status_code
    return status


@pytest.mark.parametrize("letter", LETTERS)
def test_a_role_gets_as_far_as_its_verbs_and_no_farther(
    at: TestClient[Any], sqlite_db: Database, clock: Clock, tmp_path: Path, letter: str
) -> None:
    wrong = {}
    headers = signed_in(sqlite_db, clock, tmp_path, LETTERS[letter])
    # Whoever ends the own token can ask nothing more, so that comes last.
    for name, (method, path) in sorted(operations(at.app).items(), key=lambda entry: entry[0] == "endOwnToken"):
        status = asked(at, method, path, headers)
        allowed = letter in TABLE[name] or TABLE[name] == ANYONE
        # An allowed call with an empty body or a made-up id is told so; nobody's empty call may fall over.
        if (status == 403) is allowed or status == 401 or status >= 500:
            wrong[name] = status
    assert wrong == {}


def test_without_sign_in_only_the_public_operations_answer(at: TestClient[Any]) -> None:
    answers = {name: asked(at, method, path, {}) for name, (method, path) in operations(at.app).items()}
    assert {name for name, status in answers.items() if status != 401} == {
        name for name, letters in TABLE.items() if letters == ANYONE
    }


def test_a_made_up_token_is_nobody(at: TestClient[Any]) -> None:
    for name, (method, path) in operations(at.app).items():
        if TABLE[name] != ANYONE:
            assert asked(at, method, path, {"authorization": "Bearer " + "x" * 43}) == 401, name
