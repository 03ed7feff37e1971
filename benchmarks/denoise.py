"""Denoising against noisereduce: SI-SDR at 0, 5 and 10 dB, time, and memory on a file of 30 minutes.

Speech: the read recordings of AUDIOCONV_DATA, and rows of ten clips of the validation part of speech_commands with
pauses. Noises: the recordings of background_noise; the profile is from two seconds before the stretch that is mixed in.
Both are given our own smoothing and noisereduce's: settings are equal within a row.
"""

import csv
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from peak_memory import MB
from side_by_side import medians_s, show

import audioconv as ac

RATE = 16000
SNRS_DB = (0, 5, 10)
REPEATS = 9
PAUSE, PROFILE, BLOCK = RATE // 4, 2 * RATE, 128  # samples
# of the masks: ours by default, and noisereduce's by default, as the width of its triangles at half their height
SMOOTHING = {
    "32 ms x 48 Hz": ({"smooth_ms": 32, "smooth_hz": 48}, {"time_mask_smooth_ms": 32, "freq_mask_smooth_hz": 48}),
    "50 ms x 265 Hz": ({"smooth_ms": 50, "smooth_hz": 265}, {"time_mask_smooth_ms": 50, "freq_mask_smooth_hz": 500}),
}

FILE_CODE = {
    "audioconv": "import audioconv as ac; ac.process_file, ac.Denoise({rate})\n"
    "ac.process_file({source!r}, {target!r}, ac.Denoise({rate}))",
    "noisereduce": "import soundfile, noisereduce\nx, rate = soundfile.read({source!r}, dtype='float32'); "
    "soundfile.write({target!r}, noisereduce.reduce_noise(x, rate), rate)",
}
MEMORY_CODE = "import pathlib\nlines = pathlib.Path('/proc/self/status').read_text().splitlines()\n" + (
    "print(next(int(line.split()[1]) * 1024 for line in lines if line.startswith('VmHWM')))"
)


def main(options):
    try:
        import noisereduce
    except ImportError:
        print("not run: noisereduce is not installed")
        return None
    if not os.environ.get("AUDIOCONV_DATA"):
        print("not run: AUDIOCONV_DATA is not set")
        return None
    cases = list(_cases(Path(os.environ["AUDIOCONV_DATA"])))
    tables = {"quality": [], "time": _times(noisereduce, cases), "memory": _memory(cases)}
    for smoothing, (ours, theirs) in SMOOTHING.items():
        for known in (True, False):
            tables["quality"].append(_quality(noisereduce, cases, smoothing, ours, theirs, known))
    show(f"SI-SDR gained, dB, mean of {len(cases)} mixtures", tables["quality"])
    show("60 s of speech in noise at 16 kHz, one thread: ms", tables["time"])
    show("A file of 30 minutes, 16 kHz mono: peak memory, MB", tables["memory"])
    return tables


def _cases(folder):
    """(noisy, clean, noise alone, SNR in dB) for every speech, noise and SNR."""
    noises = [_mono(path) for path in sorted((folder / "background_noise").glob("*.flac"))]
    for speech in _speeches(folder):
        for noise in noises:
            stretch = np.resize(noise, len(speech) + PROFILE)
            for snr_db in SNRS_DB:
                level = np.sqrt(np.mean(speech**2) / np.mean(stretch[PROFILE:] ** 2) / 10 ** (snr_db / 10))
                noisy = (speech + level * stretch[PROFILE:]).astype(np.float32)
                yield noisy, speech, (level * stretch[:PROFILE]).astype(np.float32), snr_db


def _speeches(folder):
    for path in sorted((folder / "recordings").glob("*-*-*.hq.ogg")):
        yield _mono(path)
    with (folder / "speech_commands" / "manifest.csv").open() as lines:
        names = [row["file"] for row in csv.DictReader(lines) if row["split"] == "val"]
    rng = np.random.default_rng(0)
    for _ in range(4):
        clips = [_mono(folder / "speech_commands" / names[i]) for i in rng.choice(len(names), 10, replace=False)]
        rows = [np.pad(0.05 * clip / np.sqrt(np.mean(clip**2)), (0, PAUSE)) for clip in clips]
        yield np.concatenate(rows).astype(np.float32)


def _mono(path):
    clip = ac.read(path)
    samples = clip.samples if clip.samples.ndim == 1 else clip.samples[:, 0]
    return ac.io.resample(samples, clip.sample_rate, RATE)


def si_sdr_db(clean, found):
    """Scale-invariant signal-to-distortion ratio (Le Roux et al., SDR - half-baked or well done?, ICASSP 2019)."""
    clean, found = clean.astype(float), found.astype(float)
    target = (clean @ found) / (clean @ clean) * clean
    return 10 * np.log10((target @ target) / ((found - target) @ (found - target)))


def _quality(noisereduce, cases, smoothing, ours, theirs, known):
    """Mean gains of both, the noise being known beforehand or not; the better way of noisereduce counts where not."""
    gains = {"audioconv": [], "noisereduce": [], "snr_db": []}
    for noisy, clean, noise, snr_db in cases:
        before = si_sdr_db(clean, noisy)
        found = ac.denoise(noisy, RATE, noise=noise if known else None, **ours)
        ways = [{"stationary": True, "y_noise": noise}] if known else [{"stationary": True}, {"stationary": False}]
        others = [si_sdr_db(clean, noisereduce.reduce_noise(noisy, RATE, **way, **theirs)) for way in ways]
        gains["audioconv"].append(si_sdr_db(clean, found) - before)
        gains["noisereduce"].append([other - before for other in others])
        gains["snr_db"].append(snr_db)
    snrs, mine, others = np.array(gains["snr_db"]), np.array(gains["audioconv"]), np.array(gains["noisereduce"])
    best = others[:, others.mean(axis=0).argmax()]
    row = {"noise": "given" if known else "estimated", "smoothing": smoothing}
    for snr_db in SNRS_DB:
        here = snrs == snr_db
        row |= {
            f"audioconv, {snr_db} dB": float(mine[here].mean()),
            f"noisereduce, {snr_db} dB": float(best[here].mean()),
        }
    return row | {"audioconv": float(mine.mean()), "noisereduce": float(best.mean())}


def _times(noisereduce, cases):
    noisy = np.resize(np.concatenate([case[0] for case in cases[:12]]), 60 * RATE)
    noise = cases[0][2]
    ways = {
        "given": (
            lambda: ac.denoise(noisy, RATE, noise=noise),
            lambda: noisereduce.reduce_noise(noisy, RATE, stationary=True, y_noise=noise),
        ),
        "estimated": (lambda: ac.denoise(noisy, RATE), lambda: noisereduce.reduce_noise(noisy, RATE)),
    }
    rows = []
    for name, pair in ways.items():
        times_s = medians_s(dict(zip(("audioconv", "noisereduce"), pair, strict=True)), REPEATS)
        rows.append({
            "noise": name,
            **{way: 1e3 * seconds for way, seconds in times_s.items()},
            "noisereduce / ours": times_s["noisereduce"] / times_s["audioconv"],
        })  # fmt: skip
    gate, out = ac.Denoise(RATE), np.empty(BLOCK, np.float32)
    blocks = noisy[: len(noisy) // BLOCK * BLOCK].reshape(-1, BLOCK)
    in_blocks_s = medians_s({"audioconv": lambda: [gate.process(block, out) for block in blocks]}, REPEATS)
    rows.append({"noise": f"estimated, in blocks of {BLOCK}", "audioconv": 1e3 * in_blocks_s["audioconv"]})
    return rows


def _memory(cases):
    """The peak of a process that denoises a file, and of one that only imports what it needs."""
    if not Path("/proc/self/status").exists():
        return [{"library": "not measured: needs Linux"}]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        source, target = str(Path(folder) / "long.wav"), str(Path(folder) / "clean.wav")
        ac.write(source, np.resize(cases[0][0], 30 * 60 * RATE), RATE)
        for library, code in FILE_CODE.items():
            imports, work = code.format(source=source, target=target, rate=RATE).split("\n")
            whole, idle = (_peak(imports + "\n" + part) for part in (work, "pass"))
            rows.append({"library": library, "whole process": whole, "imports alone": idle, "the work": whole - idle})
    rows.append({"library": "noisereduce / audioconv"} | {
        name: rows[1][name] / rows[0][name] for name in ("whole process", "imports alone", "the work")
    })  # fmt: skip
    return rows


def _peak(code):
    done = subprocess.run([sys.executable, "-c", f"{code}\n{MEMORY_CODE}"], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"measuring memory failed: {done.stderr.strip().splitlines()[-1]}")
    return int(done.stdout) / MB
