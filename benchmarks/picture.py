"""Draw docs/convolve.svg, time against taps, from the last run of the benchmark: python benchmarks/picture.py"""

import json
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

HERE = Path(__file__).parent
TARGET = HERE.parent / "docs" / "convolve.svg"
LINES = {  # name: colour (Okabe and Ito's), words at the end of the line
    "best of the others": ("#CC79A7", "best of NumPy, lfilter,\nfftconvolve, PyTorch"),
    "oaconvolve": ("#D55E00", "scipy oaconvolve"),
    "FFTW in C": ("#009E73", "overlap-save in C\non FFTW"),
    "audioconv": ("#0072B2", "audioconv"),
}


def main():
    rows = json.loads((HERE / "results" / "convolve.json").read_text())["rows"]["mono float32"]
    for row in rows:
        row["best of the others"] = row[row["best other"]]
    matplotlib.rcParams["svg.hashsalt"] = "audioconv"  # the same picture gives the same file
    figure = draw(rows)
    figure.savefig(TARGET, metadata={"Date": None})
    print(f"{TARGET} drawn")


def draw(rows):
    figure = Figure(figsize=(7.2, 4.2), layout="constrained", facecolor="white")
    panel = figure.subplots()
    ends = []
    for name, (colour, words) in LINES.items():
        points = [(row["taps"], row[name]) for row in rows if row[name] is not None]
        if not points:  # measured without FFTW
            continue
        ours = name == "audioconv"
        panel.plot(*zip(*points, strict=True), "o-", color=colour, lw=2.6 if ours else 1.6, ms=5 if ours else 4)
        ends.append((points[-1], colour, words))
    panel.set_xscale("log")
    panel.set_yscale("log")
    for (x, _), colour, words, y in spread(ends):
        panel.text(1.15 * x, y, words, color=colour, va="center", fontsize=9.5, linespacing=1.0)
    panel.set_xlim(right=panel.get_xlim()[1] * 12)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", color="#E0E0E0")
    panel.set_axisbelow(True)
    panel.set_xticks([row["taps"] for row in rows])
    panel.set_yticks([1, 3, 10, 30, 100])
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    panel.set_xlabel("taps of the filter")
    panel.set_ylabel("ms")
    panel.set_title("30 seconds of mono at 48 kHz through a filter, float32, one thread", loc="left", fontsize=10.5)
    return figure


def spread(ends, least=1.45):
    """The ends of lines with a height for their words: at least a factor `least` apart, from the lowest upwards."""
    height = 0.0
    for end in sorted(ends, key=lambda each: each[0][1]):
        height = max(end[0][1], height * least)
        yield *end, height


if __name__ == "__main__":
    main()
