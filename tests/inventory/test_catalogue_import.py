"""Goods files: looked at before anything is written, never twice, never over what a person said, never half a row."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import event, func, select, update
from sqlalchemy.exc import OperationalError

from app.base import spreadsheets
from app.base.clock import Clock
from app.base.db import Database
from app.base.errors import NotFound
from app.base.ids import new_id
from app.base.spreadsheets import SheetEmpty
from app.base.workbooks import Sheet, workbook
from inventory.cataloguing import catalogue
from inventory.cataloguing.catalogue_models import ItemNumber
from inventory.cataloguing.catalogue_rows import (
    Current,
    ItemRow,
    current,
    put_items,
    with_barcodes,
    with_codes,
    with_numbers,
)
from inventory.importing import catalogue_import, import_runs
from inventory.importing.catalogue_import import Columns, GoodRowsOnly, ImportMoved, NameColumnMissing, Part
from inventory.importing.import_match import Judged, Seen
from inventory.importing.import_models import ImportPart, ImportState
from inventory.importing.import_runs import Run
from inventory.models import Item
from inventory.receiving.intake_facts import Flag, Kind, OtcClass, Verdict
from tests.inventory import world as worlds
from tests.inventory.world import World

HEAD = ("批准文号", "品名", "规格", "剂型", "条码")
ASPIRIN = ("国药准字H20000001", "测试阿司匹林片", "0.3g*20'S", "片剂", "6900000000014")
SYRUP = ("国药准字Z20000002", "测试止咳糖浆", "100ml", "糖浆剂", "")
MASK = ("", "测试口罩", "10 只", "", "")


@pytest.fixture
def world(db: Database, clock: Clock, tmp_path: Path) -> World:
    return worlds.build(db, clock, tmp_path / "keys")


def file(*rows: Sequence[Any], head: Sequence[str] = HEAD) -> bytes:
    return workbook([Sheet(title="目录", headings=tuple(head), rows=rows)])


class Desk:
    """A coordinator at the import pages."""

    def __init__(self, world: World, who: str = "coordinator") -> None:
        self.world, self.db, self.who = world, world.db, world.people[who]

    def upload(self, data: bytes, key: UUID | None = None) -> UUID:
        draft = catalogue_import.draft(spreadsheets.read(data))
        return self.db.write_now(catalogue_import.begin, key or new_id(), draft, "测试", self.who, self.world.now)

    def choose(self, run: UUID, **more: Any) -> None:
        given = {"columns": tuple(self.look(run).columns), "source": "测试", **more}
        self.db.write_now(catalogue_import.choose_columns, run, Columns(**given), self.world.now)

    def check(self, run: UUID) -> None:
        seen = Seen()
        while part := self.part(run, ImportState.CHECKING):
            check = self.db.read_now(catalogue_import.checked, part, seen)
            self.db.write_now(catalogue_import.keep_check, run, [check], self.world.now)

    def preview(self, *rows: Sequence[Any], head: Sequence[str] = HEAD, **more: Any) -> UUID:
        run = self.upload(file(*rows, head=head))
        self.choose(run, **more)
        self.check(run)
        return run

    def part(self, run: UUID, state: ImportState) -> Part | None:
        return self.db.read_now(catalogue_import.next_part, run, state)

    def agree(self, run: UUID, *, good_rows: bool = False) -> bool:
        return self.db.write_now(catalogue_import.apply, run, good_rows, self.who, self.world.now)

    def apply_part(self, run: UUID) -> bool:
        part = self.part(run, ImportState.APPLYING)
        return part is not None and self.db.write_now(catalogue_import.apply_part, run, part, self.who, self.world.now)

    def apply(self, run: UUID, *, good_rows: bool = False) -> None:
        self.agree(run, good_rows=good_rows)
        while self.apply_part(run):
            pass

    def bring_in(self, *rows: Sequence[Any], head: Sequence[str] = HEAD, **more: Any) -> UUID:
        run = self.preview(*rows, head=head, **more)
        self.apply(run, good_rows=True)
        return run

    def look(self, run: UUID) -> Run:
        return self.db.read_now(import_runs.look, run, self.world.now)

    def rows(self, run: UUID, outcome: str = "all") -> tuple[Judged, ...]:
        return self.db.read_now(import_runs.rows_of, run, outcome)

    def outcomes(self, run: UUID) -> list[str]:
        return [row.outcome for row in self.rows(run)]

    def faults(self, run: UUID) -> list[tuple[int, str, str]]:
        return [(row.number, fault.field, fault.code) for row in self.rows(run) for fault in row.faults]

    def items(self) -> int:
        return self.db.read_now(lambda session: session.execute(select(func.count()).select_from(Item)).scalar_one())

    def item(self, number: str) -> Current:
        ((item,),) = self.db.read_now(with_numbers, [number]).values()
        return self.db.read_now(current, [item])[item]

    def correct(self, number: str, **fields: Any) -> None:
        """A person changes an item by hand."""
        was = self.item(number)
        row = ItemRow(facts=replace(was.facts, **fields), item=was.item, edition=was.edition)
        (put,) = self.db.write_now(put_items, [row], self.who, self.world.now)
        assert put.outcome == "changed"


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


# ---------------------------------------------------------------- columns


def guessed(head: Sequence[str], *rows: Sequence[Any]) -> tuple[str, ...]:
    return catalogue_import.draft(spreadsheets.read(file(*rows, head=head))).columns


def test_columns_are_known_by_their_headings_in_either_language() -> None:
    assert guessed(("品 名*", "规格型号", "生产厂家", "Barcode", "注记"), ("口罩", "10", "厂", "", "")) == (
        "name_zh", "strength", "maker", "barcode", "",
    )  # fmt: skip
    assert guessed(("Product name", "Approval No.", "Dosage form"), ("a", "b", "c")) == ("name_zh", "approval", "form")


def test_columns_without_known_headings_are_known_by_their_cells() -> None:
    rows = [
        ("国药准字H20000001", "6900000000014", "86900000000012", "片"),
        ("国药准字H20000002", "6900000000021", "86900000000029", "片"),
    ]
    assert guessed(("甲", "乙", "丙", "丁"), *rows) == ("approval", "barcode", "drug_code", "")


def test_a_number_of_somebody_elses_system_is_not_taken_for_our_code() -> None:
    assert guessed(("编号", "名称"), ("10001", "口罩"), ("10002", "手套")) == ("", "name_zh")
    assert guessed(("编号", "名称"), ("med-001", "口罩"), ("sup-002", "手套")) == ("code", "name_zh")


def test_a_file_with_headings_only_is_empty() -> None:
    with pytest.raises(SheetEmpty):
        catalogue_import.draft(spreadsheets.read(file()))


def test_the_sheet_that_looks_most_like_goods_is_read() -> None:
    sheets = [
        Sheet(title="说明", headings=("a", "b"), rows=[("x", "y")]),
        Sheet(title="货", headings=HEAD, rows=[ASPIRIN]),
    ]
    draft = catalogue_import.draft(spreadsheets.read(workbook(sheets)))
    assert (draft.sheet, draft.other_sheets, draft.rows) == ("货", 1, 1)


def test_one_column_must_be_the_name_and_none_stands_twice(desk: Desk) -> None:
    run = desk.upload(file(ASPIRIN))
    for columns in (
        ("approval", "", "", "", ""),
        ("name_zh", "name_zh", "", "", ""),
        ("name_zh", "nothing", "", "", ""),
    ):
        with pytest.raises(NameColumnMissing):
            desk.choose(run, columns=columns)
    with pytest.raises(ImportMoved):
        desk.choose(run, columns=("name_zh",))
    assert desk.look(run).state is ImportState.COLUMNS


# ---------------------------------------------------------------- new items


def test_a_row_of_name_number_and_strength_makes_an_item_that_nobody_gets_unseen(desk: Desk) -> None:
    desk.bring_in(ASPIRIN)
    made = desk.item("国药准字H20000001")
    assert made.facts.otc_class is made.held.otc_class is OtcClass.OTC_UNSEEN
    assert (made.held.intake_default, made.held.release_by, made.verified) == (Verdict.QUARANTINE, "none", False)
    assert (made.facts.actives, made.facts.min_age_months, made.facts.contra) == ((), None, {})
    assert {"otc_class", "actives", "storage"} <= set(made.facts.unverified)
    assert made.barcodes == {"06900000000014"}


def test_a_class_that_only_a_file_tells_is_not_believed_until_a_medic_has_looked(desk: Desk) -> None:
    desk.bring_in((*ASPIRIN, "乙类"), (*SYRUP, "处方药"), head=(*HEAD, "OTC分类"))
    told = desk.item("国药准字H20000001")
    assert (told.facts.otc_class, told.held.otc_class) == (OtcClass.OTC_B, OtcClass.OTC_UNSEEN)
    assert desk.item("国药准字Z20000002").held.otc_class is OtcClass.RX


def test_an_injection_is_flagged_by_its_name(desk: Desk) -> None:
    desk.bring_in(("国药准字H20000003", "测试注射用头孢", "1g", "", ""))
    assert Flag.INJECTION in desk.item("国药准字H20000003").held.flags


def test_goods_without_a_kind_are_medicine_unless_their_number_says_otherwise(desk: Desk) -> None:
    device, disinfectant = (
        ("国械注准20203140001", "血压计", "", "", ""),
        ("沪卫消证字(2020)第0001号", "消毒液", "", "", ""),
    )
    desk.bring_in(device, disinfectant, MASK)
    assert desk.item("国械注准20203140001").facts.kind is Kind.DEVICE
    assert desk.item("沪卫消证字(2020)第0001号").facts.kind is Kind.DISINFECTANT
    ((mask,),) = [desk.world.db.read_now(catalogue.find, "测试口罩")]
    assert mask.kind is Kind.MEDICINE


@pytest.mark.skipif("NUANXIN_TEST_DATA" not in os.environ, reason="NUANXIN_TEST_DATA names no folder of outside data")
@pytest.mark.slow
def test_the_official_list_is_known_by_its_columns_and_comes_in_once(
    sqlite_db: Database, clock: Clock, tmp_path: Path
) -> None:
    desk = Desk(worlds.build(sqlite_db, clock, tmp_path / "keys"))
    data = (Path(os.environ["NUANXIN_TEST_DATA"]) / "nmpa_imported.csv").read_bytes()
    draft = catalogue_import.draft(spreadsheets.read(data))
    assert draft.official
    assert dict(zip(draft.headings, draft.columns, strict=True))["药品编码"] == "drug_code"
    before = desk.items()
    run = desk.upload(data)
    desk.choose(run)
    desk.check(run)
    counts = desk.look(run).counts
    assert counts.get("faulty", 0) == 0
    assert counts["new"] + counts["same"] == 3141
    desk.apply(run)
    assert desk.items() == before + counts["new"]
    several = desk.item("86979250000088")
    assert several.drug_codes == {"86979250000088", "86979150000249"}
    again = desk.upload(data)
    desk.choose(again)
    desk.check(again)
    assert desk.look(again).counts == {"same": 3141}


# ---------------------------------------------------------------- the same file again


def test_importing_twice_adds_nothing_twice(desk: Desk) -> None:
    desk.bring_in(ASPIRIN, SYRUP, MASK)
    there = desk.items()
    run = desk.preview(ASPIRIN, SYRUP, MASK)
    assert desk.outcomes(run) == ["same", "same", "same"]
    desk.apply(run)
    assert desk.items() == there


def test_a_newer_file_changes_what_it_says_otherwise_and_tells_from_what_to_what(desk: Desk) -> None:
    desk.bring_in(ASPIRIN)
    run = desk.preview(("国药准字H20000001", "测试阿司匹林肠溶片", "0.3g*20'S", "片剂", "6900000000021"))
    (row,) = desk.rows(run, "changes")
    assert [(one.field, one.ours, one.theirs) for one in row.changes] == [
        ("name_zh", "测试阿司匹林片", "测试阿司匹林肠溶片"),
        ("barcodes", "06900000000014", "06900000000021"),
    ]
    desk.apply(run)
    changed = desk.item("国药准字H20000001")
    assert changed.facts.name_zh == "测试阿司匹林肠溶片"
    assert changed.barcodes == {"06900000000014", "06900000000021"}


def test_another_strength_under_the_same_number_is_another_item(desk: Desk) -> None:
    desk.bring_in(ASPIRIN)
    run = desk.preview(("国药准字H20000001", "测试阿司匹林片", "0.5g", "片剂", ""))
    assert desk.outcomes(run) == ["new"]


def test_blank_cells_take_nothing_away(desk: Desk) -> None:
    desk.bring_in(ASPIRIN)
    run = desk.preview(("国药准字H20000001", "测试阿司匹林片", "0.3g*20'S", "", "-"))
    assert desk.outcomes(run) == ["same"]


def test_our_own_code_goes_before_every_other_sign(desk: Desk) -> None:
    run = desk.bring_in(("med-001", "对乙酰氨基酚片（测试）"), head=("品种编号", "名称"))
    (row,) = desk.rows(run)
    assert (row.outcome, row.code) == ("changes", "med-001")
    (item,) = desk.db.read_now(with_codes, ["med-001"]).values()
    assert desk.db.read_now(current, [item])[item].facts.name_zh == "对乙酰氨基酚片（测试）"


def test_a_barcode_on_something_else_is_asked_about_and_not_taken(desk: Desk) -> None:
    desk.bring_in(ASPIRIN)
    run = desk.preview(("", "完全另一种东西", "", "", "6900000000014"))
    assert desk.faults(run) == [(2, "barcode", "OTHER_NAME")]


def test_two_products_of_one_barcode_with_numbers_of_their_own_are_two_items(desk: Desk) -> None:
    desk.bring_in(ASPIRIN, ("国药准字Z20000009", "测试另一种药", "1g", "片剂", "6900000000014"))
    assert len(desk.db.read_now(with_barcodes, ["6900000000014"])["06900000000014"]) == 2


def test_a_file_that_contradicts_itself_says_in_which_rows(desk: Desk) -> None:
    run = desk.preview(ASPIRIN, ASPIRIN, ("国药准字H20000001", "别的名字", "0.3g*20'S", "片剂", ""))
    assert desk.outcomes(run) == ["new", "same", "faulty"]
    assert desk.rows(run)[1].twin == 2
    assert desk.faults(run) == [(4, "row", "TWIN")]


# ---------------------------------------------------------------- what people said since


def test_re_import_does_not_overwrite_what_a_person_corrected(desk: Desk) -> None:
    desk.bring_in(ASPIRIN, SYRUP)
    desk.correct("国药准字H20000001", name_zh="阿司匹林片（改正）")
    run = desk.preview(ASPIRIN, SYRUP)
    assert desk.outcomes(run) == ["conflict", "same"]
    (kept,) = desk.rows(run, "conflict")[0].kept
    assert (kept.field, kept.ours, kept.theirs) == ("name_zh", "阿司匹林片（改正）", "测试阿司匹林片")
    desk.apply(run)
    assert desk.item("国药准字H20000001").facts.name_zh == "阿司匹林片（改正）"


def test_what_nobody_corrected_is_still_brought_up_to_date(desk: Desk) -> None:
    desk.bring_in(ASPIRIN)
    desk.correct("国药准字H20000001", name_zh="阿司匹林片（改正）")
    desk.bring_in((*ASPIRIN, "新厂家"), head=(*HEAD, "生产厂家"))
    now = desk.item("国药准字H20000001").facts
    assert (now.name_zh, now.note) == ("阿司匹林片（改正）", "新厂家")


def test_what_a_medic_verified_stays(desk: Desk) -> None:
    desk.bring_in(ASPIRIN)
    verified = desk.item("国药准字H20000001").item
    desk.db.write_now(
        lambda session: (
            session.execute(
                update(Item)
                .where(Item.id == verified)
                .values(verified_by=desk.who.account, verified_on=desk.world.today)
            )
            and None
        )
    )
    run = desk.preview(("国药准字H20000001", "改名的片", "0.3g*20'S", "片剂", ""))
    assert desk.outcomes(run) == ["conflict"]


def test_a_correction_between_preview_and_import_is_kept_and_told(desk: Desk) -> None:
    desk.bring_in(ASPIRIN)
    run = desk.preview(("国药准字H20000001", "文件里的名字", "0.3g*20'S", "片剂", ""))
    desk.correct("国药准字H20000001", name_zh="人改的名字")
    desk.apply(run)
    assert desk.item("国药准字H20000001").facts.name_zh == "人改的名字"
    assert desk.outcomes(run) == ["conflict"]
    assert desk.look(run).counts["left"] == 1


def test_goods_that_came_in_between_preview_and_import_are_not_doubled(desk: Desk) -> None:
    first, second = desk.preview(ASPIRIN, MASK), desk.preview(ASPIRIN, MASK)
    desk.apply(first)
    there = desk.items()
    desk.apply(second)
    assert desk.items() == there
    assert desk.outcomes(second) == ["conflict", "conflict"]


# ---------------------------------------------------------------- faults, row by row


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (("国药准字H2000000", "药", "", "", ""), ("approval", "APPROVAL")),
        (("", "", "1g", "", ""), ("name_zh", "NAME_MISSING")),
        (("", "药", "", "", "690000000001"), ("barcode", "BARCODE_SHORT")),
        (("", "药", "", "", "6900000000015"), ("barcode", "BARCODE_CHECK")),
        (("", "药", "", "", "6901230000000"), ("barcode", "BARCODE_CUT")),
        (("", "药", "", "", "6.90123E+12"), ("barcode", "CUT")),
        (("", "药", "", "", "12345"), ("barcode", "BARCODE")),
    ],
)
def test_each_rows_fault_is_named(desk: Desk, row: Sequence[Any], fault: tuple[str, str]) -> None:
    assert desk.faults(desk.preview(SYRUP, row)) == [(3, *fault)]


def test_a_medicine_is_counted_in_boxes_and_never_in_tablets(desk: Desk) -> None:
    head = ("名称", "单位", "类别", "贮藏", "是否需要", "ATC", "品种编号", "药品编码", "OTC分类")
    rows = [
        ("甲药", "片", "药品", "", "", "", "", "", ""),
        ("乙药", "盒", "外星", "", "", "", "", "", ""),
        ("丙药", "盒", "药品", "放火星上", "", "", "", "", ""),
        ("丁药", "盒", "药品", "阴凉干燥处", "也许", "", "", "", ""),
        ("戊药", "盒", "药品", "", "", "N2", "", "", ""),
        ("己药", "盒", "药品", "", "", "", "m-1", "", ""),
        ("庚药", "盒", "药品", "", "", "", "", "1234", ""),
        ("辛罩", "盒", "口罩", "", "", "", "", "", "乙类"),
        ("壬药", "盒", "药品", "", "", "", "", "", "丙类"),
    ]
    columns = ("name_zh", "unit", "kind", "storage", "wanted", "atc", "code", "drug_code", "otc_class")
    run = desk.preview(*rows, head=head, columns=columns)
    assert [fault[1:] for fault in desk.faults(run)] == [
        ("unit_zh", "item_unit"), ("kind", "KIND"), ("storage", "STORAGE"), ("wanted", "YES_NO"), ("atc", "ATC"),
        ("code", "OUR_CODE"), ("drug_code", "DRUG_CODE"), ("otc_class", "CLASS_OF_KIND"), ("otc_class", "OTC_CLASS"),
    ]  # fmt: skip


def test_without_a_word_from_a_person_not_one_row_goes_in_beside_a_faulty_one(desk: Desk) -> None:
    before = desk.items()
    run = desk.preview(ASPIRIN, ("", "", "1g", "", ""))
    with pytest.raises(GoodRowsOnly):
        desk.agree(run)
    assert desk.items() == before
    desk.apply(run, good_rows=True)
    assert desk.items() == before + 1
    assert desk.outcomes(run) == ["new", "faulty"]


def test_columns_can_be_chosen_again_after_the_preview(desk: Desk) -> None:
    run = desk.preview(("", "", "片", "", ""), ASPIRIN)
    desk.db.write_now(catalogue_import.back_to_columns, run, desk.world.now)
    desk.choose(run, columns=("approval", "strength", "name_zh", "form", ""))
    desk.check(run)
    assert [row.name for row in desk.rows(run)] == ["片", "0.3g*20'S"]


# ---------------------------------------------------------------- double taps, stops, failures


def test_a_double_tap_uploads_once_and_applies_once(desk: Desk) -> None:
    key = new_id()
    assert desk.upload(file(ASPIRIN), key) == desk.upload(file(ASPIRIN), key)
    run = desk.preview(ASPIRIN)
    before = desk.items()
    assert [desk.agree(run), desk.agree(run)] == [True, False]
    part = desk.part(run, ImportState.APPLYING)
    assert part is not None
    for _ in range(2):
        desk.db.write_now(catalogue_import.apply_part, run, part, desk.who, desk.world.now)
    assert desk.items() == before + 1
    assert desk.look(run).counts["added"] == 1


def test_an_upload_of_somebody_else_is_not_found_by_its_key(desk: Desk) -> None:
    key = new_id()
    desk.upload(file(ASPIRIN), key)
    with pytest.raises(NotFound):
        Desk(desk.world, "office").upload(file(SYRUP), key)


def many(count: int) -> Iterable[Sequence[str]]:
    return ((f"国药准字H{number:08d}", f"测试药{number}号", "1g", "片剂", "") for number in range(count))


def test_a_stop_between_parts_is_told_and_gone_on_with(desk: Desk, hands: Any) -> None:
    before = desk.items()
    run = desk.preview(*many(catalogue_import.PART + 1))
    desk.agree(run)
    assert desk.apply_part(run)
    assert (desk.look(run).done, desk.look(run).stalled) == (1, False)
    hands.at += import_runs.STALLED * 2
    assert desk.look(run).stalled
    assert not desk.apply_part(run)
    assert desk.look(run).state is ImportState.DONE
    assert desk.items() == before + catalogue_import.PART + 1


def test_a_part_that_fails_leaves_nothing_half_written(desk: Desk) -> None:
    run = desk.preview(*many(3))
    desk.agree(run)
    part = desk.part(run, ImportState.APPLYING)
    assert part is not None

    def fail(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if statement.startswith("UPDATE import_parts"):
            raise OperationalError("a fault", None, RuntimeError("torn wire"))

    before = (desk.items(), desk.look(run))
    event.listen(desk.db.engine, "before_cursor_execute", fail)
    try:
        with pytest.raises(OperationalError):
            desk.db.write_now(catalogue_import.apply_part, run, part, desk.who, desk.world.now)
    finally:
        event.remove(desk.db.engine, "before_cursor_execute", fail)
    assert (desk.items(), desk.look(run)) == before
    assert (
        desk.db.read_now(
            lambda session: session.execute(
                select(func.count()).select_from(ItemNumber).where(ItemNumber.number.like("国药准字H000000%"))
            ).scalar_one()
        )
        == 0
    )
    desk.apply_part(run)
    assert desk.items() == before[0] + 3


def test_a_dropped_file_is_forgotten_and_one_nobody_decided_about_after_a_day(desk: Desk, hands: Any) -> None:
    dropped, left = desk.preview(ASPIRIN), desk.preview(SYRUP)
    desk.db.write_now(catalogue_import.drop, dropped, desk.world.now)
    hands.at += catalogue_import.KEPT_UNDECIDED * 2
    desk.upload(file(MASK))
    assert [desk.look(run).state for run in (dropped, left)] == [ImportState.DROPPED] * 2
    kept = desk.db.read_now(lambda session: session.execute(select(ImportPart.run)).scalars().all())
    assert not {dropped, left} & set(kept)
    with pytest.raises(ImportMoved):
        desk.agree(dropped)
    with pytest.raises(ImportMoved):
        desk.db.write_now(catalogue_import.drop, desk.bring_in(ASPIRIN), desk.world.now)
