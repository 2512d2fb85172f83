"""What is refused about care parcels."""

from __future__ import annotations

from app.base.errors import Refusal


class KitNotInForce(Refusal):
    """The version of the recipe does not hold today: it is a draft, comes later, was replaced or retired."""

    code = "KIT_NOT_IN_FORCE"


class KitShort(Refusal):
    """The scanned packs do not make that many kits (any more); nothing has moved."""

    code = "KIT_SHORT"


class KitApart(Refusal):
    """84 and alcohol come into one bag, and nobody said that each has its inner bag and the card is in."""

    code = "KIT_APART"


class KitEnded(Refusal):
    """The bag was taken apart or went into a parcel before."""

    code = "KIT_ENDED"


class KitStale(Refusal):
    """Somebody else has saved a newer version of the recipe meanwhile; what was typed is still there."""

    code = "KIT_STALE"


class KitDay(Refusal):
    """A recipe begins or ends to hold today or later, never backwards."""

    code = "KIT_DAY"
    status = 400


class KitTwice(Refusal):
    """An item stands on two lines of a recipe, or stands in for itself."""

    code = "KIT_TWICE"
    status = 400


class KitNotDraft(Refusal):
    """Only the newest draft of a recipe can be put into force."""

    code = "KIT_NOT_DRAFT"


class KitRecalled(Refusal):
    """Something in the bag is called back: it goes nowhere until the bag was taken apart."""

    code = "KIT_RECALLED"


class KitExpired(Refusal):
    """The last good day of something in the bag is over: it goes nowhere until the bag was taken apart."""

    code = "KIT_EXPIRED"


class KitStopped(Refusal):
    """Somebody still looks into something in the bag: it goes nowhere until the bag was taken apart."""

    code = "KIT_STOPPED"
