"""The receive form of the counter: from a scan or a tap to a filled sheet, and from the sheet to a ``NewDonation``."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec

from app.base.edges import Call, Form
from app.base.errors import Invalid
from app.base.fields import OptionalLine, Phone, Plain
from app.base.ids import new_id
from inventory.cataloguing.catalogue import Gtin
from inventory.receiving import traces
from inventory.receiving.intake import Expiry, LabelText, LotNumber, NewDonation, NewLine
from inventory.receiving.intake_facts import Look, PersonalData, Seal
from labels import barcodes

Text = Annotated[str, msgspec.Meta(max_length=500)]
TraceText = Annotated[Plain, msgspec.Meta(max_length=500)]


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when the form opens: from the scan page, a product's button, or «same again».

    ``text`` is a scan that was not read yet, ``q`` what was typed into the product search.
    """

    text: Text = ""
    q: OptionalLine = ""
    station: UUID | None = None
    donation: UUID | None = None
    label: LabelText = ""
    item: UUID | None = None
    gtin: Gtin | None = None
    called: OptionalLine = ""
    lot_number: LotNumber = ""
    expiry: Expiry = ""
    approval_number: OptionalLine = ""
    trace_code: TraceText = ""

    def with_scan(self) -> Start:
        """The same with what the scanned text says."""
        if not self.text:
            return self
        changes: dict[str, object] = {"text": ""}
        match barcodes.read_text(self.text):
            case barcodes.Label(code=code):
                changes["label"] = code
            case barcodes.Gtin(gtin14=gtin):
                changes["gtin"] = gtin
            case barcodes.Gs1() as said:
                changes["gtin"] = said.gtin or self.gtin
                changes["lot_number"] = said.lot or self.lot_number
                changes["expiry"] = said.expiry.isoformat() if said.expiry else self.expiry
                if said.gtin and said.serial:
                    changes["trace_code"] = traces.read_codes((self.text,))[0]
            case barcodes.TraceCode(digits=digits):
                changes["trace_code"] = digits
            case barcodes.ApprovalNumber(number=number):
                changes["approval_number"] = number
            case _:
                changes["q"] = self.text[:60]
        return msgspec.structs.replace(self, **changes)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """The answers about a pack as the form asks them: one summary, or every difference ticked."""

    look: Literal["good", "differs"] = "good"
    seal: Seal = Seal.SEALED
    personal_data: PersonalData = PersonalData.NONE
    no_insert: bool = False
    no_number: bool = False
    rx_mark: bool = False
    foreign_label_only: bool = False
    lot_altered: bool = False
    expiry_altered: bool = False
    spoilt: bool = False
    sample_marking: bool = False
    decanted: bool = False
    mercury: bool = False
    volume_ml: Annotated[int, msgspec.Meta(ge=1, le=100_000)] | None = None

    def answered(self) -> Look:
        """The screening's answers; a tick against the pack always counts. Raises Invalid where none was made."""
        looked = Look(
            seal=self.seal,
            insert_present=not self.no_insert,
            number_printed=not self.no_number,
            rx_mark=self.rx_mark,
            foreign_label_only=self.foreign_label_only,
            lot_altered=self.lot_altered,
            expiry_altered=self.expiry_altered,
            appearance_ok=not self.spoilt,
            personal_data=self.personal_data,
            sample_marking=self.sample_marking,
            decanted=self.decanted,
            mercury=self.mercury,
            volume_ml=self.volume_ml,
        )
        if self.look == "differs" and looked == Look(volume_ml=self.volume_ml):
            raise Invalid(("look", "look_differs", {}))
        return looked


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """The form's other fields. ``each``: a label on every unit instead of one bag."""

    key: UUID
    station: UUID
    donation: UUID | None = None
    item: UUID | None = None
    gtin: Gtin | None = None
    called: OptionalLine = ""
    lot_number: LotNumber = ""
    expiry: Expiry = ""
    quantity: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1
    each: bool = False
    label: LabelText = ""
    approval_number: OptionalLine = ""
    declared: bool = False
    donor_phone: Phone | None = None
    made_on: Expiry = ""
    trace_code: TraceText = ""
    take_anyway: OptionalLine = ""


def donation_of(call: Call, form: Form) -> NewDonation:
    """The submitted form as the verb's order; raises Invalid naming the field."""
    sheet = call.filled(Sheet, form)
    line = call.filled(
        NewLine,
        {},
        item=sheet.item,
        gtin=sheet.gtin,
        called=sheet.called,
        lot_number=sheet.lot_number,
        expiry=sheet.expiry,
        quantity=sheet.quantity,
        packs=sheet.quantity if sheet.each else 1,
        label=sheet.label or None,
        approval_number=sheet.approval_number or None,
        look=call.filled(Seen, form).answered(),
        made_on=sheet.made_on,
        trace_codes=(sheet.trace_code,) if sheet.trace_code.strip() else (),
        take_anyway=sheet.take_anyway,
    )
    return NewDonation(
        key=sheet.key,
        station=sheet.station,
        donation=sheet.donation,
        declared=sheet.declared,
        donor_phone=sheet.donor_phone,
        line=line,
    )


def blank(start: Start, station: UUID, declared: bool) -> Form:
    """The form's first contents."""
    values = {
        "key": new_id(),
        "station": station,
        "donation": start.donation,
        "item": start.item,
        "gtin": start.gtin,
        "called": start.called,
        "lot_number": start.lot_number,
        "expiry": start.expiry,
        "label": start.label,
        "approval_number": start.approval_number,
        "trace_code": start.trace_code,
        "quantity": 1,
        "declared": "yes" if declared else "",
    }
    return {name: [str(value)] for name, value in values.items() if value not in (None, "")}
