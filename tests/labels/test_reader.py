"""Codes are read from photos as hands take them; files that mean harm end in a refusal, in another process."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image, ImageFilter

from app.base.errors import Refusal
from labels import codes, darkroom, reader
from labels.darkroom import Darkroom, PhotosBusy, Seen
from labels.matrix import label_matrix
from tests.bench import label_reading
from tests.labels.pictures import FORMATS, encoded, harmful, photo, png_of_size, qr, symbol, table

ADDRESS = codes.url("https://nuanxin.example.cn", "ABCDEFGHJ23" + codes.check_character("ABCDEFGHJ23"))
HARMFUL = harmful()


# ---------------------------------------------------------------- what is read


@pytest.mark.parametrize(
    ("kind", "text", "read", "named"),
    [
        (FORMATS.QRCode, ADDRESS, ADDRESS, "qr_code"),
        (FORMATS.DataMatrix, "81234567890123456789", "81234567890123456789", "data_matrix"),
        (FORMATS.EAN13, "6901234567892", "6901234567892", "ean_13"),
        (FORMATS.EAN8, "96385074", "96385074", "ean_8"),
        (FORMATS.UPCA, "036000291452", "0036000291452", "ean_13"),
        (FORMATS.UPCE, "01234565", "0012345000065", "upc_e"),
        (FORMATS.Code128, "81234567890123456789", "81234567890123456789", "code_128"),
        (FORMATS.ITF14, "16901234567899", "16901234567899", "itf"),
    ],
)
def test_each_kind_of_code_is_read_from_a_phone_s_photo(kind: object, text: str, read: str, named: str) -> None:
    assert darkroom.read(photo(symbol(text, kind))) == (Seen(read, named),)  # type: ignore[arg-type]


def test_a_gs1_datamatrix_keeps_its_mark_and_separators() -> None:
    pack = symbol("(01)06901234567892(17)260815(10)A1B(21)S9", FORMATS.DataMatrix, gs1=True, scale=6)
    assert darkroom.read(photo(pack)) == (Seen("]d201069012345678921726081510A1B\x1d21S9", "data_matrix"),)


def test_all_codes_of_one_photo_are_read() -> None:
    seen = darkroom.read(photo(qr(ADDRESS), symbol("6901234567892", FORMATS.EAN13)))
    assert set(seen) == {Seen(ADDRESS, "qr_code"), Seen("6901234567892", "ean_13")}


DEPTHS = {"PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"), "JPEG": ("L", "RGB", "CMYK"), "WEBP": ("RGB", "RGBA")}


@pytest.mark.parametrize(("kind", "mode"), [(kind, mode) for kind, modes in DEPTHS.items() for mode in modes])
def test_pictures_of_every_depth_and_colour_are_read(kind: str, mode: str) -> None:
    picture = table(qr(ADDRESS))
    made = encoded(deep(picture) if mode == "I;16" else picture.convert(mode), kind)
    assert darkroom.read(made) == (Seen(ADDRESS, "qr_code"),)


def deep(picture: Image.Image) -> Image.Image:
    """The same with sixteen bits."""
    return Image.frombytes("I;16", picture.size, b"".join(bytes((grey, grey)) for grey in picture.tobytes()))


def test_black_modules_on_nothing_are_seen_on_white() -> None:
    drawn = qr(ADDRESS)
    clear = Image.new("RGBA", drawn.size, (0, 0, 0, 0))
    clear.putalpha(drawn.point(lambda grey: 255 - grey))
    assert darkroom.read(encoded(clear, "PNG")) == (Seen(ADDRESS, "qr_code"),)


def test_a_photo_of_twenty_four_million_pixels_is_read() -> None:
    large = table(qr(ADDRESS, 12)).resize((6000, 4000))
    assert darkroom.read(encoded(large.convert("RGB"))) == (Seen(ADDRESS, "qr_code"),)
    assert darkroom.read(encoded(large.convert("RGBA"), "PNG", compress_level=1)) == (Seen(ADDRESS, "qr_code"),)


def test_a_photo_of_a_table_shows_no_code() -> None:
    assert darkroom.read(photo()) == ()


def test_where_the_photo_was_taken_is_not_told() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Aunt Wang's phone"
    told = darkroom.read(encoded(table(qr(ADDRESS)).convert("RGB"), exif=exif))
    assert told == (Seen(ADDRESS, "qr_code"),)


def test_stripes_count_only_when_read_from_two_pictures_of_them() -> None:
    stripes = table(symbol("6901234567892", FORMATS.EAN13))
    assert reader.decode(stripes, seconds=-1) == []
    assert reader.decode(stripes) == [("6901234567892", "ean_13")]
    assert reader.decode(table(qr(ADDRESS)), seconds=-1) == [(ADDRESS, "qr_code")]


@pytest.mark.parametrize("condition", label_reading.CONDITIONS)
def test_a_label_of_ours_is_read_however_it_is_held_lit_or_stained(condition: str) -> None:
    rng = random.Random(condition)
    takes = label_reading.CONDITIONS[condition]
    shown = [text for text, _ in zip(label_reading.labels(5), range(10), strict=False)]
    read = [reader.decode(takes(label_matrix(text), rng)) for text in shown]
    assert sum([(text, "qr_code")] == found for text, found in zip(shown, read, strict=True)) >= 9


def test_photographed_codes_of_others_are_read() -> None:
    outside = os.environ.get("NUANXIN_TEST_DATA")
    if not outside:
        pytest.skip("NUANXIN_TEST_DATA names no folder of outside data")
    read, there = label_reading.photos_read(Path(outside) / "codes")
    assert there > 100
    assert read / there >= 0.98


def test_every_stripe_and_square_that_is_read_is_what_was_photographed() -> None:
    outside = os.environ.get("NUANXIN_TEST_DATA")
    if not outside:
        pytest.skip("NUANXIN_TEST_DATA names no folder of outside data")
    folder = Path(outside) / "codes"
    with (folder / "photos.csv").open(encoding="utf-8", newline="") as lines:
        shown = {row["file"]: row["expected_text"] for row in csv.DictReader(lines) if row["set"] == "ean13-1"}
    assert len(shown) > 10
    for file, text in shown.items():
        found = reader.decode(reader.pixels((folder / "photos" / file).read_bytes()))
        assert {seen for seen, _ in found} <= {text}


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("name", HARMFUL)
def test_a_file_that_means_harm_is_refused_for_what_it_is(name: str) -> None:
    file, code = HARMFUL[name]
    with pytest.raises(Refusal) as refused:
        asyncio.run(Darkroom().develop(file))
    assert refused.value.code == code


def test_a_page_hidden_behind_a_picture_is_a_picture_and_nothing_more() -> None:
    assert darkroom.read(photo(qr(ADDRESS)) + b"<script>alert(1)</script>PK\x03\x04") == (Seen(ADDRESS, "qr_code"),)


MEASURE = """
import resource, subprocess, sys
with open(sys.argv[2], "rb") as photo:
    subprocess.run([sys.executable, "-I", sys.argv[1]], stdin=photo, stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_maxrss, used.ru_utime + used.ru_stime)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded by the system on Linux only")
@pytest.mark.parametrize("name", [*HARMFUL, "as large as allowed", "noise"])
def test_no_file_takes_more_than_150_mb_or_two_seconds_of_the_processor(name: str, tmp_path: Path) -> None:
    allowed = {
        "as large as allowed": lambda: encoded(Image.new("RGBA", (5000, 5000), "white"), "PNG"),
        "noise": lambda: encoded(Image.effect_noise((2500, 2000), 90).filter(ImageFilter.BoxBlur(2)), quality=80),
    }
    file = tmp_path / "photo"
    file.write_bytes(HARMFUL[name][0] if name in HARMFUL else allowed[name]())
    asked = [sys.executable, "-c", MEASURE, reader.__file__, file]
    kilobytes, seconds = map(float, subprocess.run(asked, capture_output=True, check=True).stdout.split())
    assert kilobytes * 1024 <= 150_000_000
    assert seconds < 2


ALONE = """
import json, sys
import app.main, labels.photos
from labels import darkroom
seen = darkroom.read(sys.stdin.buffer.read())
opened = {"zxingcpp", "labels.reader", "PIL.JpegImagePlugin", "PIL.PngImagePlugin", "PIL.WebPImagePlugin"}
print(json.dumps([len(seen), sorted(opened & set(sys.modules))]))
"""


def test_the_server_itself_never_opens_a_photo() -> None:
    root = Path(__file__).parents[2]
    asked = [sys.executable, "-c", ALONE]
    done = subprocess.run(asked, input=photo(qr(ADDRESS)), capture_output=True, check=True, cwd=root)
    assert json.loads(done.stdout) == [1, []]


def test_the_reading_process_is_told_nothing_of_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = tmp_path / "told"
    spy = tmp_path / "reader.py"
    spy.write_text(f"import os; open({str(told)!r}, 'w').write(repr(dict(os.environ)))")
    monkeypatch.setenv("NUANXIN_SECRET", "the master key")
    monkeypatch.setattr(darkroom, "_PROGRAM", spy)
    with pytest.raises(darkroom.PhotoBroken):
        darkroom.read(b"")
    assert "the master key" not in told.read_text()


def test_a_reader_that_never_answers_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stuck = tmp_path / "reader.py"
    stuck.write_text("import time; time.sleep(600)")
    monkeypatch.setattr(darkroom, "_PROGRAM", stuck)
    monkeypatch.setattr(darkroom, "SECONDS", 0.2)
    with pytest.raises(darkroom.PhotoBroken):
        darkroom.read(b"x" * 5_000_000)


def test_a_reader_that_was_taken_over_cannot_flood_the_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    loud = tmp_path / "reader.py"
    loud.write_text("while True: print('x' * 65536)")
    monkeypatch.setattr(darkroom, "_PROGRAM", loud)
    with pytest.raises(darkroom.PhotoBroken):
        darkroom.read(b"")


# ---------------------------------------------------------------- how many at once


def test_only_so_many_photos_wait_and_each_person_holds_two_places_at_most() -> None:
    room, wang = Darkroom(at_once=1, waiting=2), uuid4()
    with room.place(wang), room.place(wang):
        with pytest.raises(PhotosBusy), room.place(wang):
            raise AssertionError("a third place for one person")
        with room.place(uuid4()), pytest.raises(PhotosBusy), room.place(uuid4()):
            raise AssertionError("a fourth place in a room of three")
    with room.place(wang), room.place(uuid4()), room.place(uuid4()):
        pass


def test_a_refused_photo_gives_its_place_back() -> None:
    room, wang = Darkroom(at_once=1, waiting=0), uuid4()
    for _ in range(3):
        with pytest.raises(Refusal), room.place(wang):
            darkroom.look(png_of_size(9, 9)[1:])
