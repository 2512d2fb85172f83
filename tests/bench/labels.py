"""What a label costs: ``python -m tests.bench.labels [--json] [--rounds N]``.

Measures, side by side in one run: the QR matrices of 1,000 distinct addresses against ``qrcode`` as is and against the
C++ writer of zxing-cpp at the same level and version; 1,000 labels with Chinese words (50 lots of 20 boxes) on A4, in
a fresh process against a fresh process of ``qrcode`` and Pillow as they come at 300 dpi, and warm; the memory of a
PDF of 10,000; and how well our own labels and photographed codes are read.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labels.templates import PrintedLabel

HOST = "https://nuanxin.example.cn"
MATRICES, LABELS, LOTS, BULK = 1_000, 1_000, 50, 10_000
WARM_RUNS = 7
NAMES = (
    "对乙酰氨基酚片",
    "布洛芬缓释胶囊",
    "连花清瘟胶囊",
    "蒙脱石散",
    "盐酸小檗碱片",
    "氯雷他定片",
    "健胃消食片",
    "医用外科口罩",
)

GOALS = {
    "matrix_vs_qrcode": ">= 1000",
    "matrix_vs_cpp": ">= 50",
    "matrix_best_of_8_vs_qrcode": ">= 30",
    "sheet_cold_vs_naive": ">= 10",
    "sheet_warm_labels_per_s": ">= 15000",
    "bulk_extra_mb": "<= 120",
    "read_own_worst": ">= 0.97",
    "read_own": "",
    "read_photos": "",
}


def main() -> None:
    """Run the bench and print its table; with ``--child`` one of the processes that it measures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true", help="one JSON object as the last line")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--child", choices=CHILDREN, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.child:
        print(CHILDREN[given.child]())
        return
    figures = {**matrices(given.rounds), **sheets(given.rounds), **bulk(), **reading()}
    print(f"{'figure':30}{'measured':>12}{'goal':>12}")
    for name, goal in GOALS.items():
        print(f"{name:30}{_plain(figures[name]):>12}{goal:>12}")
    print({name: value for name, value in figures.items() if name not in GOALS})
    if given.json:
        print(json.dumps(figures))


def _plain(value: object) -> str:
    return " ".join(f"{key}={share}" for key, share in value.items()) if isinstance(value, dict) else str(value)


# ---------------------------------------------------------------- matrices


def addresses(count: int) -> list[str]:
    """Distinct addresses, as labels carry them."""
    from labels.codes import new_code, url

    return [url(HOST, code) for code in {new_code() for _ in range(count)}]


def matrices(rounds: int) -> dict[str, object]:
    """Microseconds a matrix, each the median of ``rounds``, level Q and version 3 for all."""
    import qrcode
    import zxingcpp

    from labels.matrix import best_label_matrix, label_matrix

    def by_qrcode(text: str) -> Any:
        code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_Q, border=0)
        code.add_data(text)
        code.make()
        return code.modules

    def by_cpp(text: str) -> Any:
        code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="Q", version=3)
        return zxingcpp.write_barcode_to_image(code, scale=1, add_quiet_zones=False)

    if len(by_qrcode(addresses(1)[0])) != by_cpp(addresses(1)[0]).shape[0]:
        raise RuntimeError("the writers measured do not draw the same version")
    rows = []
    for _ in range(rounds):
        texts = addresses(MATRICES)
        label_matrix(texts[0])
        # Each way sees texts that it has not seen before; ours are first shown other codes of the same host.
        best_us, printed_us = _each_us(best_label_matrix, addresses(MATRICES)), _each_us(label_matrix, texts)
        rows.append((printed_us, best_us, _each_us(by_cpp, texts), _each_us(by_qrcode, texts)))
    printed, best, cpp, oracle = (statistics.median(column) for column in zip(*rows, strict=True))
    return {
        "matrix_vs_qrcode": round(oracle / printed),
        "matrix_vs_cpp": round(cpp / printed, 1),
        "matrix_best_of_8_vs_qrcode": round(oracle / best, 1),
        "matrix_us": round(printed, 2),
        "matrix_best_of_8_us": round(best, 1),
        "matrix_cpp_us": round(cpp, 1),
        "matrix_qrcode_us": round(oracle),
        "matrices_per_s": round(1e6 / printed),
    }


def _each_us(make: Callable[[str], object], texts: Sequence[str]) -> float:
    began = time.perf_counter()
    for text in texts:
        make(text)
    return (time.perf_counter() - began) / len(texts) * 1e6


# ---------------------------------------------------------------- sheets


def goods(count: int, lots: int) -> list[PrintedLabel]:
    """Labels of ``lots`` different lots in turn, each with a code of its own."""
    from labels.codes import new_code, shown, url
    from labels.templates import LabelText, PrintedLabel

    texts = [
        LabelText(
            title=f"{NAMES[lot % len(NAMES)]} {1 + lot % 9}0mg×{12 + lot % 4 * 6}片",
            caption="有效期至",
            big=f"20{27 + lot % 3}-{1 + lot % 12:02}-28",
            lines=(f"批号 2024{lot:04}A", "密封，阴凉干燥处保存"),
            warning="外用" if lot % 5 == 0 else "",
        )
        for lot in range(lots)
    ]
    codes = [new_code() for _ in range(count)]
    return [
        PrintedLabel(payload=url(HOST, code), code=shown(code), text=texts[number * lots // count])
        for number, code in enumerate(codes)
    ]


def sheets(rounds: int) -> dict[str, object]:
    """Fresh processes in turn, start to end; then the same work again and again in this one, always new codes."""
    ours, naive = [], []
    for _ in range(rounds):
        ours.append(_process_s("ours"))
        naive.append(_process_s("naive"))
    cold, slow = statistics.median(ours), statistics.median(naive)
    return {
        "sheet_cold_vs_naive": round(slow / cold, 1),
        "sheet_warm_labels_per_s": round(_warm(LOTS)),
        "sheet_cold_s": round(cold, 3),
        "sheet_naive_s": round(slow, 2),
        "sheet_warm_one_text_per_s": round(_warm(1)),
        "sheet_warm_every_text_its_own_per_s": round(_warm(LABELS)),
        "sheet_kb": round(_sheet_kb()),
    }


def _process_s(child: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tests.bench.labels", "--child", child], check=True, capture_output=True)
    return time.perf_counter() - began


def _warm(lots: int) -> float:
    from labels.sheets import sheet_pdf

    rates = []
    for _ in range(WARM_RUNS):
        labels = goods(LABELS, lots)
        began = time.perf_counter()
        sheet_pdf(labels)
        rates.append(LABELS / (time.perf_counter() - began))
    return statistics.median(rates[1:])


def _sheet_kb() -> float:
    from labels.sheets import sheet_pdf

    return len(sheet_pdf(goods(LABELS, LOTS))) / 1024


def print_ours() -> int:
    """1,000 labels on 42 A4 pages; answers the size of the PDF."""
    from labels.sheets import sheet_pdf

    return len(sheet_pdf(goods(LABELS, LOTS)))


def print_naive() -> int:
    """The same labels as a programmer first writes it: ``qrcode`` draws each code, Pillow each page at 300 dpi.

    In one bit, as that is the quickest for Pillow; the words are set in lines where they fit, without measuring.
    """
    import qrcode
    from PIL import Image, ImageDraw, ImageFont
    from pylopdf_fonts_zh_cn import sans_path

    dot = 300 / 25.4
    sizes = {
        name: ImageFont.truetype(str(sans_path()), size) for name, size in (("small", 33), ("code", 50), ("big", 71))
    }
    labels, pages = goods(LABELS, LOTS), []
    for first in range(0, LABELS, 24):
        page = Image.new("1", (2480, 3508), 1)
        draw = ImageDraw.Draw(page)
        for place, label in enumerate(labels[first : first + 24]):
            x, y = int(place % 3 * 70 * dot), int((place // 3 * 37 + 0.5) * dot)
            code = qrcode.QRCode(error_correction=qrcode.ERROR_CORRECT_Q, box_size=10, border=0)
            code.add_data(label.payload)
            code.make()
            page.paste(code.make_image().get_image(), (x + 59, y + 65))
            text, at = label.text, y + 60
            written = [(text.title, "small"), (label.code, "code"), (text.caption, "small"), (text.big, "big")]
            for words, size in [*written, *((line, "small") for line in text.lines), (text.warning, "small")]:
                draw.text((x + 410, at), words, font=sizes[size], fill=0)
                at += {"small": 45, "code": 62, "big": 85}[size]
        pages.append(page)
    out = io.BytesIO()
    pages[0].save(out, "PDF", save_all=True, append_images=pages[1:], resolution=300)
    return len(out.getvalue())


# ---------------------------------------------------------------- memory, reading


def bulk() -> dict[str, object]:
    """The memory of 10,000 labels as one PDF: the highest that the process reached above what it held when idle."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.labels", "--child", "bulk"], check=True, capture_output=True, text=True
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def print_bulk() -> str:
    """Prints one label, rests, then 10,000 of 500 lots; the list of labels counts as part of the work."""
    from labels.sheets import sheet_pdf

    sheet_pdf(goods(1, 1))
    idle = _memory_kb("VmRSS")
    began = time.perf_counter()
    size = len(sheet_pdf(goods(BULK, LOTS * 10)))
    taken = time.perf_counter() - began
    extra = (_memory_kb("VmHWM") - idle) / 1024
    return json.dumps(
        {"bulk_extra_mb": round(extra, 1), "bulk_s": round(taken, 2), "bulk_pdf_mb": round(size / 2**20, 1)}
    )


def _memory_kb(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def reading() -> dict[str, object]:
    """How our own labels and photographed codes are read, as ``tests.bench.label_reading`` measures it."""
    from tests.bench.label_reading import figures

    return figures()


CHILDREN: dict[str, Callable[[], object]] = {"ours": print_ours, "naive": print_naive, "bulk": print_bulk}


if __name__ == "__main__":
    main()
