"""Our label code: every slip of the pen is caught, and every honest way of writing it is understood."""

from __future__ import annotations

import re
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labels import codes
from labels.codes import ALPHABET, BadLabelAddress, MistypedCode, check_character, new_code, parse, shown, url

bodies = st.text(ALPHABET, min_size=11, max_size=11)
whole_codes = bodies.map(lambda body: body + check_character(body))


def caught(text: str) -> str:
    with pytest.raises(MistypedCode) as refused:
        parse(text)
    return refused.value.code


def test_a_new_code_has_twelve_characters_of_the_alphabet_and_parses() -> None:
    for _ in range(200):
        code = new_code()
        assert re.fullmatch(f"[{ALPHABET}]{{12}}", code)
        assert parse(code) == code


def test_a_new_code_can_be_mistaken_neither_for_a_number_nor_for_a_word() -> None:
    assert not any(code.isdigit() or code.isalpha() for code in (new_code() for _ in range(3000)))


def test_all_the_letters_of_the_alphabet_are_drawn() -> None:
    drawn = "".join(new_code()[:11] for _ in range(1000))
    assert set(drawn) == set(ALPHABET)
    assert set("0O1IL").isdisjoint(ALPHABET)
    assert len(ALPHABET) == 31


@given(whole_codes)
def test_every_single_wrong_character_is_caught(code: str) -> None:
    for place in range(12):
        for letter in ALPHABET.replace(code[place], ""):
            assert caught(code[:place] + letter + code[place + 1 :]) == "CODE_CHECK"


def place_pair(place: int, gap: int, first: str, second: str) -> tuple[str, str]:
    """A fixed code with ``first`` and ``second`` at ``place`` and ``place + gap``, and its two swapped."""
    frame = list("ABCDEFGHJKM")
    right, wrong = list(frame), list(frame)
    right[place], right[place + gap] = first, second
    wrong[place], wrong[place + gap] = second, first
    return "".join(right), "".join(wrong)


@pytest.mark.parametrize("gap", [1, 2])
def test_every_swap_of_neighbours_and_every_swap_over_one_is_caught(gap: int) -> None:
    for place in range(11 - gap):
        for first, second in permutations(ALPHABET, 2):
            right, wrong = place_pair(place, gap, first, second)
            # The check is linear: what is caught here is caught whatever the other characters are.
            assert check_character(right) != check_character(wrong)


@given(whole_codes, st.integers(10, 11), st.sampled_from([1, 2]))
def test_swaps_with_the_check_character_are_caught(code: str, place: int, gap: int) -> None:
    if place - gap < 0 or code[place] == code[place - gap]:
        return
    swapped = list(code)
    swapped[place], swapped[place - gap] = code[place - gap], code[place]
    assert caught("".join(swapped)) == "CODE_CHECK"


def test_every_twin_error_is_caught() -> None:
    for place in range(10):
        for one, other in permutations(ALPHABET, 2):
            right, wrong = list("ABCDEFGHJKM"), list("ABCDEFGHJKM")
            right[place] = right[place + 1] = one
            wrong[place] = wrong[place + 1] = other
            assert check_character("".join(right)) != check_character("".join(wrong))


def test_twins_at_the_check_character_are_caught() -> None:
    for letter in ALPHABET:
        for other in ALPHABET.replace(letter, ""):
            twins = [body for body in (f"ABCDEFGHJK{letter}",) if check_character(body) == letter]
            assert all(caught(body[:10] + other * 2) == "CODE_CHECK" for body in twins)
    # Both weigh 2 and 1; three times a difference of less than 31 is never a multiple of 31.
    assert all(3 * difference % 31 for difference in range(1, 31))


@given(whole_codes)
def test_case_blanks_hyphens_full_width_and_our_address_are_forgiven(code: str) -> None:
    wide = "".join(chr(ord(letter) + 0xFEE0) for letter in code)
    spaced = f" {code[:4]} {code[4:8]}\u3000{code[8:]}\n"
    for written in (code.lower(), shown(code), shown(code).replace("-", "－"), spaced, wide):
        assert parse(written) == code
    for address in (f"https://a.cn/L/{code}", f"HTTP://192.168.1.5:8443/L/{shown(code).lower()}/"):
        assert parse(address) == code


@pytest.mark.parametrize("text", ["", "A", "ABCDEFGHJKM", "ABCDEFGHJKMNP", "é" * 40, "A" * 10_000, "😀" * 10_000])
def test_a_text_of_another_length_is_no_code(text: str) -> None:
    assert caught(text) == "CODE_LENGTH"


@pytest.mark.parametrize("letter", list("0O1IL"))
def test_the_five_letters_that_no_label_carries_are_named_with_their_place_and_what_they_may_be(letter: str) -> None:
    with pytest.raises(MistypedCode) as refused:
        parse("ABCD-E" + letter + "GH-JKMN")
    wrong = refused.value
    assert (wrong.code, wrong.position, wrong.letter) == ("CODE_LETTER", 6, letter)
    assert wrong.likely
    assert set(wrong.likely) <= set(ALPHABET)


def test_the_lookalike_that_the_check_character_vouches_for_comes_first() -> None:
    for meant in "QD":
        body = f"ABCD{meant}FGH234"
        with pytest.raises(MistypedCode) as refused:
            parse("ABCD0FGH234" + check_character(body))
        assert refused.value.likely[0] == meant


@given(st.text(max_size=40))
def test_any_text_is_a_code_or_a_plain_no_that_does_not_repeat_it(text: str) -> None:
    try:
        code = parse(text)
    except MistypedCode as wrong:
        code, said, letter = "", str(wrong), wrong.letter
    else:
        said, letter = "", ""
    assert len(code) == 12 or said in ("CODE_LENGTH", "CODE_LETTER", "CODE_CHECK")
    assert len(letter) <= 1


def test_people_read_groups_of_four() -> None:
    assert shown("ABCDEFGHJKMN") == "ABCD-EFGH-JKMN"


def test_the_address_is_upper_case_so_that_the_qr_stays_small() -> None:
    assert url("https://nuanxin.example.cn/", "ABCDEFGHJKMN") == "HTTPS://NUANXIN.EXAMPLE.CN/L/ABCDEFGHJKMN"
    assert url("http://192.168.1.105:8443", "ABCDEFGHJKMN") == "HTTP://192.168.1.105:8443/L/ABCDEFGHJKMN"


@pytest.mark.parametrize(
    "base",
    ["", "nuanxin.cn", "ftp://a.cn", "https://a.cn/path", "https://a.cn?x=1", "https://暖心.cn", "https://u:p@a.cn"],
)
def test_an_address_that_alphanumeric_mode_cannot_carry_is_refused(base: str) -> None:
    with pytest.raises(BadLabelAddress) as refused:
        url(base, "ABCDEFGHJKMN")
    assert refused.value.code == "LABEL_ADDRESS"


@pytest.mark.parametrize("body", ["", "ABCDEFGHJK", "ABCDEFGHJKMN", "ABCDEFGHJK0"])
def test_a_check_character_is_only_made_for_eleven_letters_of_the_alphabet(body: str) -> None:
    with pytest.raises(ValueError, match="eleven"):
        check_character(body)


def test_half_width_folds_signs_and_the_wide_blank() -> None:
    assert codes.half_width("Ｈ２０（１）　药") == "H20(1) 药"
