"""What packing, rounds and the door refuse; each has its own code so that colour, sound and words can fit it."""

from __future__ import annotations

from app.base.errors import Refusal


class WrongStep(Refusal):
    """The parcel is at a point of its journey where this cannot be done."""

    code = "WRONG_STEP"


class NotAPack(Refusal):
    """The scanned label is another thing's, not a pack's."""

    code = "NOT_A_PACK"


class NotAParcel(Refusal):
    """The scanned label is another thing's, not a parcel's."""

    code = "NOT_A_PARCEL"


class NotOurLabel(Refusal):
    """What was scanned or typed is no label of ours, or was mistyped."""

    code = "NOT_OUR_LABEL"


class WrongPack(Refusal):
    """The item is not one that this parcel still waits for."""

    code = "WRONG_PACK"


class WrongLot(Refusal):
    """The item is right, its lot is not the one that was planned."""

    code = "WRONG_LOT"


class PackElsewhere(Refusal):
    """The pack belongs to another station."""

    code = "PACK_ELSEWHERE"


class ExpiredPack(Refusal):
    """The pack's last good day is over."""

    code = "EXPIRED_PACK"


class RecalledPack(Refusal):
    """The pack's lot was recalled."""

    code = "RECALLED_PACK"


class HeldPack(Refusal):
    """The pack still waits for a second person's release."""

    code = "HELD_PACK"


class PackTaken(Refusal):
    """The pack is right, but all of it is promised to, or lies in, other parcels."""

    code = "PACK_TAKEN"


class KitElsewhere(Refusal):
    """The care parcel stands at another station."""

    code = "KIT_ELSEWHERE"


class KitNotWanted(Refusal):
    """The care parcel holds something, or so much of it, that this parcel does not wait for."""

    code = "KIT_NOT_WANTED"


class AlreadyPacked(Refusal):
    """The pack lies in this parcel already; nothing was counted twice."""

    code = "ALREADY_PACKED"


class AwaitsMedic(Refusal):
    """A medicine of this parcel still needs a medic's recorded release."""

    code = "AWAITS_MEDIC"


class UnsafeParcel(Refusal):
    """Judged again, the parcel may not go to this door."""

    code = "UNSAFE_PARCEL"


class NotReady(Refusal):
    """A parcel that is not packed and labelled, or is another team's, cannot go on a round."""

    code = "PARCEL_NOT_READY"


class NotYet(Refusal):
    """The round is of a later day."""

    code = "ROUND_NOT_TODAY"


class WrongParcel(Refusal):
    """The scanned parcel is not the one that this door waits for."""

    code = "WRONG_PARCEL"


class HandOverIncomplete(Refusal):
    """Counselling or agreement is missing, so this does not count as delivered (DS17)."""

    code = "HAND_OVER_INCOMPLETE"


class ReachedResident(Refusal):
    """The parcel was handed over: what was in it is never restocked (DS20)."""

    code = "REACHED_RESIDENT"


class NotLabelled(Refusal):
    """The parcel has no label yet that could be printed."""

    code = "PARCEL_NOT_LABELLED"


class ParcelStopped(Refusal):
    """Its label may have been copied: nobody carries or hands it over before a coordinator has looked into it."""

    code = "PARCEL_STOPPED"


class IncidentClosed(Refusal):
    """Somebody has looked into it and closed it before."""

    code = "INCIDENT_CLOSED"
