"""Draw the pictures of the pages, from the last runs of the benchmarks: python benchmarks/picture.py

docs/convolve.svg (`convolve`), docs/methods.svg (`lengths`), docs/streams.svg (`stream`) and docs/speech.svg
(`neural_denoise`).
"""

import json
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
LINES = {  # name: colour (Okabe and Ito's), words at the end of the line
    "best of the others": ("#CC79A7", "best of NumPy, lfilter,\nfftconvolve, PyTorch"),
    "oaconvolve": ("#D55E00", "scipy oaconvolve"),
    "FFTW in C": ("#009E73", "overlap-save in C\non FFTW"),
    "audioconv": ("#0072B2", "audioconv"),
}


STREAMS = {
    "pedalboard": ("#D55E00", "pedalboard (C++)"),
    "zita": ("#009E73", "zita-convolver (C++)"),
    "ours": ("#0072B2", "audioconv, called\nfrom Python"),
}
SPEECH = {
    "network": ("#0072B2", "audioconv, network"),
    "RNNoise": ("#009E73", "RNNoise"),
    "gate": ("#56B4E9", "audioconv, gate"),
    "noisy": ("#000000", "as recorded"),
    "noisereduce": ("#D55E00", "noisereduce"),
}
METHODS = {
    "direct": ("#0072B2", "direct"),
    "sparse": ("#CC79A7", "sparse, 1 tap\nof 100 not zero"),
    "overlap_add": ("#009E73", "overlap_add"),
    "fft": ("#D55E00", "fft"),
}


def main():
    matplotlib.rcParams["svg.hashsalt"] = "audioconv"  # the same picture gives the same file
    drawn = {"convolve": draw_peers, "methods": draw_methods, "streams": draw_streams, "speech": draw_speech}
    for name, draw in drawn.items():
        draw().savefig(DOCS / f"{name}.svg", metadata={"Date": None})
        print(f"{DOCS / name}.svg drawn")


def rows_of(name):
    return json.loads((HERE / "results" / f"{name}.json").read_text())["rows"]


def draw_peers():
    """Ours beside others."""
    rows = rows_of("convolve")["mono float32"]
    for row in rows:
        row["best of the others"] = row[row["best other"]]
    figure, panel, ends = *canvas(), []
    for name, (colour, words) in LINES.items():
        points = [(row["taps"], row[name]) for row in rows if row[name] is not None]
        if not points:  # measured without FFTW
            continue
        ours = name == "audioconv"
        panel.plot(*zip(*points, strict=True), "o-", color=colour, lw=2.6 if ours else 1.6, ms=5 if ours else 4)
        ends.append((points[-1], colour, words))
    panel.set_xticks([row["taps"] for row in rows])
    title = "30 seconds of mono at 48 kHz through a filter, float32, one thread"
    return finished(figure, panel, ends, title, [1, 3, 10, 30, 100])


def draw_methods():
    """Our methods: dots are measured, lines predicted."""
    rows = rows_of("lengths")
    figure, panel, ends = *canvas(), []
    for name, (colour, words) in METHODS.items():
        points = [(row["taps"], row[f"{name} ms"], row[f"{name} predicted"]) for row in rows if row[f"{name} ms"]]
        taps, measured, predicted = zip(*points, strict=True)
        panel.plot(taps, predicted, "-", color=colour, lw=1.6)
        panel.plot(taps, measured, "o", color=colour, ms=4.5)
        ends.append(((taps[-1], predicted[-1]), colour, words))
    panel.set_xticks([2, 16, 128, 1024, 8192, 65536])
    title = "10 seconds of mono at 48 kHz, float32, one thread: measured (dots) and predicted (lines)"
    return finished(figure, panel, ends, title, [0.1, 0.3, 1, 3, 10, 30, 100])


def draw_streams():
    """What a block of a stream takes of the time that it lasts."""
    rows = [row for row in rows_of("stream")["share of real time"] if (row["block"], row["signal"]) == (64, "mono")]
    figure, panel, ends = *canvas(), []
    for name, (colour, words) in STREAMS.items():
        points = [(row["taps"], 100 * row[name]) for row in rows if row[name] is not None]
        if points:
            panel.plot(*zip(*points, strict=True), "o-", color=colour, lw=2.6 if name == "ours" else 1.6, ms=5)
            ends.append((points[-1], colour, words))
    panel.set_xticks([row["taps"] for row in rows])
    title = "Live: blocks of 64 samples at 48 kHz through an impulse response, mono, one thread"
    return finished(figure, panel, ends, title, [0.1, 0.3, 1, 3, 10], "% of the time that a block lasts")


def draw_speech():
    """How good speech in noise is, before and after."""
    rows = [row for row in rows_of("neural_denoise")["wide band, 16 kHz"] if row["PESQ"] is not None]  # of noisy speech
    figure = Figure(figsize=(7.2, 4.2), layout="constrained", facecolor="white")
    panel, ends = figure.subplots(), []
    for name, (colour, words) in SPEECH.items():
        points = [(row["level, dB"], row["PESQ"]) for row in rows if row["way"] == name]
        dashes = "--" if name == "noisy" else "-"
        panel.plot(*zip(*points, strict=True), f"o{dashes}", color=colour, lw=2.6 if name == "network" else 1.6, ms=5)
        ends.append((points[-1], colour, words))
    last = max(x for (x, _), *_ in ends)
    height = 0.0
    for (x, y), colour, words in sorted(ends, key=lambda end: end[0][1]):
        height = max(y, height + 0.11)
        panel.text(x + 0.4, height, words, color=colour, va="center", fontsize=9.5)
    panel.set_xlim(right=last + 6)
    panel.set_xticks(sorted({row["level, dB"] for row in rows}))
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", color="#E0E0E0")
    panel.set_axisbelow(True)
    panel.set_xlabel("speech above noise, dB")
    panel.set_ylabel("PESQ (1 to 4.6)")
    panel.set_title("Speech in recorded noises, before and after: more is better", loc="left", fontsize=10.5)
    return figure


def canvas():
    figure = Figure(figsize=(7.2, 4.2), layout="constrained", facecolor="white")
    panel = figure.subplots()
    panel.set_xscale("log")
    panel.set_yscale("log")
    return figure, panel


def finished(figure, panel, ends, title, ticks, unit="ms"):
    """Logarithmic axes, and words at the ends of the lines."""
    for (x, _), colour, words, y in spread(ends):
        panel.text(1.15 * x, y, words, color=colour, va="center", fontsize=9.5, linespacing=1.0)
    panel.set_xlim(right=max(x for (x, _), *_ in ends) * 30)
    panel.spines[["top", "right"]].set_visible(False)
    panel.grid(axis="y", color="#E0E0E0")
    panel.set_axisbelow(True)
    panel.set_yticks(ticks)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
        axis.set_minor_locator(NullLocator())
        axis.set_minor_formatter(NullFormatter())
    panel.set_xlabel("taps of the filter")
    panel.set_ylabel(unit)
    panel.set_title(title, loc="left", fontsize=10.5)
    return figure


def spread(ends, least=1.45):
    """The ends of lines with a height for their words: at least a factor `least` apart, from the lowest upwards."""
    height = 0.0
    for end in sorted(ends, key=lambda each: each[0][1]):
        height = max(end[0][1], height * least)
        yield *end, height


if __name__ == "__main__":
    main()
