"""The fast tables and ``qrcode`` agree bit for bit, and what they draw can be read."""

from __future__ import annotations

import random
import string
from functools import lru_cache

import pytest
import zxingcpp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter
from qrcode.util import lost_point

from labels.codes import ALPHABET, check_character, new_code, url
from labels.matrix import (
    FIXED_MASK,
    LONGEST,
    Affine,
    Level,
    Matrix,
    NoSuchQr,
    _flattened,
    _grid,
    _penalty,
    best_label_matrix,
    best_level,
    best_version,
    label_matrix,
    matrix,
    roomy_level,
    runs,
)

LEVELS: tuple[Level, ...] = ("L", "M", "Q", "H")
QR_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def by_qrcode(text: str) -> Matrix:
    level = best_level(len(text))
    return matrix(text, level, best_version(len(text), level), FIXED_MASK)


def picture(made: Matrix, scale: int) -> Image.Image:
    side = made.size + 8
    image = Image.new("L", (side, side), 255)
    for x, y, wide in runs(made):
        image.paste(0, (x + 4, y + 4, x + 4 + wide, y + 5))
    return image.resize((side * scale,) * 2, Image.Resampling.NEAREST)


def read(image: Image.Image) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(image)]


def damaged(made: Matrix, angle: float, blur: float, stains: list[tuple[float, float]]) -> Image.Image:
    image = picture(made, 5).rotate(angle, expand=True, fillcolor=255).filter(ImageFilter.GaussianBlur(blur))
    for x, y in stains:
        left, top = int(x * image.width), int(y * image.height)
        image.paste(120, (left, top, left + 9, top + 9))
    return image


@pytest.mark.parametrize("host_length", range(4, 31))
def test_the_tables_draw_what_qrcode_draws_for_every_length_of_host(host_length: int) -> None:
    rng = random.Random(host_length)
    host = "".join(rng.choices(string.ascii_lowercase + string.digits, k=host_length - 3)) + ".cn"
    for scheme in ("https", "http"):
        for _ in range(3):
            text = url(f"{scheme}://{host}", new_code())
            assert label_matrix(text) == by_qrcode(text)


@settings(max_examples=60, deadline=None)
@given(st.text(QR_LETTERS, min_size=20, max_size=45).filter(lambda text: "0" * 12 not in text))
def test_the_tables_draw_what_qrcode_draws_for_any_text_of_those_letters(text: str) -> None:
    assert label_matrix(text) == by_qrcode(text)


SERVED = st.tuples(st.integers(27, 60), st.sampled_from(LEVELS), st.integers(0, 1), st.sampled_from([*range(8), None]))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(SERVED, st.data())
def test_tables_of_any_length_level_version_and_mask_draw_what_qrcode_draws(
    served: tuple[int, Level, int, int | None], data: st.DataObject
) -> None:
    length, level, larger, mask = served
    version = best_version(length, level) + larger
    table = tables(length, level, version)
    for _ in range(2):
        text = data.draw(st.text(QR_LETTERS, min_size=length, max_size=length).filter(lambda one: "0" * 12 not in one))
        assert table.matrix(text, mask) == matrix(text, level, version, mask)


@lru_cache(maxsize=32)
def tables(length: int, level: Level, version: int) -> Affine:
    return Affine(length, level, version)


@pytest.mark.parametrize("level", [*LEVELS, None])
def test_the_best_of_eight_is_the_one_that_qrcode_chooses(level: Level | None) -> None:
    chosen = set()
    for host in ("https://a.cn", "https://nuanxin.example.cn", "http://192.168.1.105:8443"):
        for _ in range(8):
            text = url(host, new_code())
            sure = level or best_level(len(text))
            best = best_label_matrix(text, level)
            assert best == matrix(text, sure)
            chosen |= {mask for mask in range(8) if best == matrix(text, sure, mask=mask)}
    assert len(chosen) > 2, "masks differ from text to text"


@settings(max_examples=40, deadline=None)
@given(st.sampled_from([21, 25, 29, 33, 45]), st.randoms(use_true_random=False))
def test_any_pattern_is_scored_as_qrcode_scores_it(size: int, rng: random.Random) -> None:
    # Coarse patterns, too: long runs, blocks and look-alike finders are rare in noise.
    grain = rng.choice([1, 1, 2, 5])
    rows = [[rng.random() < 0.5 for _ in range(size)] for _ in range(size)]
    modules = [[rows[y // grain][x // grain] for x in range(size)] for y in range(size)]
    for y in range(0, size, 4):
        modules[y][:11] = [sign == "1" for sign in rng.choice(["10111010000", "00001011101"])]
    assert _penalty(_flattened(modules), _grid(size)) == lost_point(modules)


def test_an_address_seen_before_and_one_never_seen_are_drawn_alike() -> None:
    host = "https://other.example.cn"
    first, second = url(host, new_code()), url(host, new_code())
    for text in (first, second, first):
        assert label_matrix(text, "H") == matrix(text, "H", mask=FIXED_MASK)
        assert label_matrix(text) == by_qrcode(text)


def test_twelve_zeros_in_a_row_take_the_way_of_bytes_whatever_was_seen_before() -> None:
    for text in ("HTTPS://A.CN/L/00000000000A", "HTTPS://A.CN/L/000000000000", "HTTPS://A.CN/L/A00000000000"):
        assert label_matrix(text) == matrix(text, "M" if "0" * 12 in text else best_level(len(text)), mask=FIXED_MASK)


def test_a_label_carries_the_highest_level_it_has_room_for() -> None:
    length = len(url("https://nuanxin.example.cn", new_code()))
    assert [roomy_level(length, side) for side in (26, 20.7, 18.2, 14.5, 12)] == ["H", "H", "Q", "Q", "M"]
    assert roomy_level(LONGEST, 26) == "M"


SERVED = st.tuples(st.integers(27, 60), st.sampled_from(LEVELS), st.integers(0, 1), st.sampled_from([*range(8), None]))


def test_level_q_is_kept_while_version_3_holds_the_address_and_m_follows() -> None:
    fits = {
        length: (best_version(23 + length, best_level(23 + length)), best_level(23 + length))
        for length in (6, 24, 25, 38)
    }
    assert fits == {6: (2, "Q"), 24: (3, "Q"), 25: (3, "M"), 38: (3, "M")}


def test_a_label_is_read_back_from_its_picture() -> None:
    for host in ("https://a.cn", "https://nuanxin.example.cn", "http://192.168.1.105:8443"):
        text = url(host, new_code())
        assert read(picture(label_matrix(text), 4)) == [text]


def test_the_fixed_mask_is_read_as_well_as_the_best_of_eight_when_turned_blurred_and_stained() -> None:
    rng = random.Random(7)
    fixed = best = 0
    for number in range(40):
        body = "".join(rng.choices(ALPHABET, k=11))
        text = url("https://nuanxin.example.cn", body + check_character(body))
        angle, blur = rng.uniform(-40, 40), 1.0 + number % 4 * 0.4
        stains = [(rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)) for _ in range(2)]
        fixed += read(damaged(label_matrix(text), angle, blur, stains)) == [text]
        best += read(damaged(matrix(text, "Q", 3), angle, blur, stains)) == [text]
    assert fixed >= best - 3
    assert fixed >= 28


def test_chinese_text_and_lower_case_go_as_bytes_and_are_read_back() -> None:
    for text in ("暖心小分队", "https://nuanxin.example.cn/invite/aBc-123", "0" * 40, "x"):
        assert read(picture(matrix(text, "M"), 4)) == [text]
        assert read(picture(label_matrix(text), 4)) == [text]


@pytest.mark.parametrize(
    ("text", "code"), [("", "QR_EMPTY"), ("A" * (LONGEST + 1), "QR_TOO_LONG"), ("药" * 10_000, "QR_TOO_LONG")]
)
def test_nothing_and_far_too_much_are_refused(text: str, code: str) -> None:
    for draw in (matrix, label_matrix):
        with pytest.raises(NoSuchQr) as refused:
            draw(text)
        assert refused.value.code == code


def test_a_text_that_a_given_version_cannot_hold_is_refused() -> None:
    with pytest.raises(NoSuchQr) as refused:
        matrix("A" * 60, "H", version=1, mask=0)
    assert refused.value.code == "QR_TOO_LONG"


@given(st.integers(1, 12).flatmap(lambda size: st.lists(st.integers(0, 2**size - 1), min_size=size, max_size=size)))
def test_bars_cover_exactly_the_dark_modules(rows: list[int]) -> None:
    made = Matrix(len(rows), tuple(rows))
    dark = [(x + step, y) for x, y, wide in runs(made) for step in range(wide)]
    assert sorted(dark) == sorted(
        (x, y) for y, row in enumerate(rows) for x in range(made.size) if row >> (made.size - 1 - x) & 1
    )
