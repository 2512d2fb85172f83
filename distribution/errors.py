"""What the people side of distribution refuses."""

from __future__ import annotations

from app.base.errors import Refusal


class AlreadyRegistered(Refusal):
    """Somebody of this name is registered at this door."""

    code = "ALREADY_REGISTERED"


class NoSuchDoor(Refusal):
    """No door in scope has this serial."""

    code = "NO_SUCH_DOOR"
    status = 404


class GuardianNeeded(Refusal):
    """Data of a child under 14 is held with a guardian's consent only (PIPL art. 31)."""

    code = "GUARDIAN_NEEDED"


class NoPhone(Refusal):
    """No phone number is known of this person."""

    code = "NO_PHONE"
    status = 404


class NeedPromised(Refusal):
    """Goods are set aside for the need, so it cannot be closed any more."""

    code = "NEED_PROMISED"


class NeedClosed(Refusal):
    """The need was met or closed before."""

    code = "NEED_CLOSED"


class PlanClosed(Refusal):
    """The plan was approved before, or a newer one has taken its place."""

    code = "PLAN_CLOSED"


class LineClosed(Refusal):
    """The medicine is no longer waiting for a decision."""

    code = "LINE_CLOSED"


class MayNotGo(Refusal):
    """The rules bar this medicine for this person; nobody may release it."""

    code = "MAY_NOT_GO"


class DoctorNeeded(Refusal):
    """This case is a doctor's to decide."""

    code = "DOCTOR_NEEDED"
    status = 403


class LinePacked(Refusal):
    """The medicine is in a closed bag; the station unpacks it first."""

    code = "LINE_PACKED"
