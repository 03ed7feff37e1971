"""Write the figures of README.md, between its marks, from the last runs of the benchmarks."""

import json
from pathlib import Path

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
BEGIN, END = "<!-- figures: python benchmarks/readme.py -->\n", "<!-- end of figures -->\n"


def main():
    README.write_text(with_figures(README.read_text()))
    print(f"{README}: figures written")


def with_figures(text):
    """A page with the table between the marks made anew."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + table() + END + rest.split(END)[1]


def table():
    """The comparison, a row a tool that people use."""
    taps = rows_of("convolve")["mono float32"]
    blocks = [row for row in rows_of("stream")["share of real time"] if row["signal"] == "mono"]
    planes = rows_of("convolve2d")["any kernel"]
    steps = [row for row in rows_of("train") if row.get("what") == "training, batch of 100, 2 threads"]
    clips = [row for row in rows_of("infer") if row.get("what") == "inference, one clip, 1 thread"]
    gate = next(row for row in rows_of("denoise")["quality"] if row["noise"] == "estimated")
    speech = {row["way"]: row for row in rows_of("neural_denoise")["wide band, 16 kHz"] if row["level, dB"] == 5}
    ours, rnnoise = speech["network"], speech["RNNoise"]
    rows = [
        ("`scipy.signal.oaconvolve`", "30 s through 16 to 240,000 taps", times(taps, "oaconvolve / ours")),
        ("overlap-save in C on FFTW", "the same", times(taps, "FFTW in C / ours")),
        ("zita-convolver, C++", "a stream in blocks of 64 to 512", times(blocks, "zita / ours")),
        ("pedalboard, C++", "the same", times(blocks, "pedalboard / ours")),
        ("OpenCV `filter2D`", "a minute's spectrogram", times(planes, "OpenCV / ours")),
        ("PyTorch", "a step of training of four small networks", times(steps, "PyTorch / audioconv")),
        ("PyTorch; ONNX Runtime", "one clip through them",
         f"{times(clips, 'PyTorch / audioconv')}; {times(clips, 'ONNX Runtime / audioconv')}"),
        ("noisereduce", "speech in six noises, SI-SDR gained",
         f"{gate['audioconv']:.1f} dB instead of {gate['noisereduce']:.1f} dB"),
        ("RNNoise", "speech at 5 dB: SI-SDR, PESQ, STOI",
         f"{quality(ours)} instead of {quality(rnnoise)}"),
    ]  # fmt: skip
    head = "| what people use | for | audioconv beside it, in one run |\n|---|---|---|\n"
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def quality(row):
    return f"{row['SI-SDR']:.1f} dB, {row['PESQ']:.2f}, {row['STOI']:.3f}"


def rows_of(name):
    return json.loads((HERE / "results" / f"{name}.json").read_text())["rows"]


def times(rows, name):
    """The least and the most of a ratio, in words."""
    ratios = [row[name] for row in rows if row.get(name) is not None]
    return f"{min(ratios):.1f} to {max(ratios):.1f} times as fast"


if __name__ == "__main__":
    main()
