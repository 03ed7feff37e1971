"""Many files: files a second by processes and by a Dask cluster, against plain loops; memory; what an archive takes.

Each file is filtered by an impulse response of 0.3 s and written. All ways filter the same files, take turns, and what
they wrote is compared first. Dask is taken if dask.distributed is there, pedalboard if it is.
"""

import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import oaconvolve
from side_by_side import show

import audioconv as ac

RATE, TAPS, CLIP_S = 16000, 4800, 1.0
FILES, REPEATS, LONG_S = 10_000, 3, 7200
QUICK = {"files": 60, "repeats": 1, "long_s": 60}
ROUNDING = 2 / 32768  # of 16-bit samples: theirs round as they like
ARCHIVE_H, MACHINES = 100_000, (1, 16, 256)
MOST_MB = 300  # a worker may take

CODE = """
import resource, sys
sys.path.insert(0, {folder!r})
import scaling, audioconv as ac
filtering = scaling.Filtering()
summary = ac.map_files(filtering, {source!r}, {target!r}, jobs=1)
assert summary.done == 1, summary.failures
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def response():
    """An impulse response that decays, of unit energy in its loudest bin at most."""
    rng = np.random.default_rng(1)
    taps = rng.standard_normal(TAPS) * np.exp(-6 * np.arange(TAPS) / TAPS)
    return (taps / np.abs(np.fft.rfft(taps)).max()).astype("float32")


class Filtering:
    """Our way: a stage for each process, and `process_file`."""

    def __repr__(self):
        return "Filtering()"

    def __call__(self, source, target):
        if "stage" not in vars(self):
            self.stage = ac.Chain([ac.Fir(response()).stream()])
        ac.process_file(source, target, self.stage, dither=False)

    def __getstate__(self):
        return {}


class Measured:
    """The same, and the memory of the process at its peak so far."""

    def __init__(self, folder):
        self.folder, self.filtering = folder, Filtering()

    def __call__(self, source):
        target = Path(self.folder) / f"{os.getpid()}-{source.name}"
        self.filtering(source, target)
        target.unlink()
        return os.getpid(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def plain_loop(files, target):
    """What a script does: read, oaconvolve, write."""
    taps = response()
    for file in files:
        x, rate = soundfile.read(file, dtype="float32")
        soundfile.write(target / file.name, oaconvolve(x, taps).astype("float32"), rate, subtype="PCM_16")


def pedalboard_loop(files, target):
    """The same by pedalboard, whose convolution gives no tail: zeros are appended."""
    import pedalboard

    board = pedalboard.Convolution(response(), sample_rate=RATE)
    for file in files:
        x, rate = soundfile.read(file, dtype="float32")
        y = board(np.pad(x, (0, TAPS - 1)), rate, reset=True)
        soundfile.write(target / file.name, y, rate, subtype="PCM_16")


def make_files(folder, count):
    """Clips of noise of a second."""
    rng = np.random.default_rng(0)
    folder.mkdir()
    for i in range(count):
        x = rng.uniform(-0.5, 0.5, int(RATE * CLIP_S))
        soundfile.write(folder / f"{i:06d}.wav", x, RATE, subtype="PCM_16")
    return sorted(folder.iterdir())


def make_long(path, seconds):
    """A long file, written block by block."""
    rng = np.random.default_rng(2)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(seconds):
            file.write(rng.uniform(-0.5, 0.5, RATE))
    return path


def check_equal(ours, theirs):
    for file in sorted(ours.glob("*.wav"))[:20]:
        x, y = (soundfile.read(folder / file.name)[0] for folder in (ours, theirs))
        if x.shape != y.shape or np.abs(x - y).max() > ROUNDING:
            raise SystemExit(f"{theirs.name} has other samples than {ours.name} in {file.name}")


def ways(files, cluster):
    """Each way as a function of the folder of outputs."""
    source = files[0].parent
    found = {
        "audioconv, 1 process": lambda target: ac.map_files(Filtering(), source, target, jobs=1),
        "audioconv, 2 processes": lambda target: ac.map_files(Filtering(), source, target, jobs=2),
        "scipy + soundfile, a loop": lambda target: plain_loop(files, target),
    }
    if cluster is not None:
        found["audioconv, Dask with 2 workers"] = lambda target: ac.map_files(
            Filtering(), source, target, scheduler=cluster.scheduler_address
        )
    try:
        import pedalboard  # noqa: F401

        found["pedalboard + soundfile, a loop"] = lambda target: pedalboard_loop(files, target)
    except ImportError:
        print("pedalboard is not installed (pip install pedalboard)")
    return found


def measure(found, folder, repeats, files):
    """Median seconds of each way; they take turns, and what they wrote is compared."""
    seconds = {name: [] for name in found}
    for turn in range(repeats):
        written = {}
        for name, way in found.items():
            written[name] = folder / f"{turn} {name}"
            written[name].mkdir()
            start = time.perf_counter()
            summary = way(written[name])
            seconds[name].append(time.perf_counter() - start)
            if summary is not None and summary.done != len(files):
                raise SystemExit(f"{name}: {summary}, {summary.failures[:3]}")
        for target in written.values():
            check_equal(written["audioconv, 1 process"], target)
        for target in written.values():
            shutil.rmtree(target)
    return {name: float(np.median(values)) for name, values in seconds.items()}


def peak_mb(files, folder, **where):
    """The most memory that a worker took, in MB."""
    found = ac.map_files(Measured(str(folder)), files[: min(len(files), 2000)], **where)
    return max(mb for _, mb in found.values)


def long_file(folder, seconds):
    """(seconds, MB at the peak) of one long file, in a process of its own."""
    source = make_long(folder / "long.wav", seconds)
    code = CODE.format(folder=str(Path(__file__).parent), source=str(source), target=str(folder / "long out"))
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the long file failed: {done.stderr}")
    return time.perf_counter() - start, int(done.stdout) / 1024


def sends_a_second(files):
    """Files a second that one process can hand out: their names are all that is looked at."""
    start, count = time.perf_counter(), 20 * len(files)
    ac.map_files(os.path.basename, (files[i % len(files)] for i in range(count)), jobs=2)
    return count / (time.perf_counter() - start)


def archive(name, audio_s_a_second, file_s, handed_out, mb_a_s):
    """What the archive takes on so many machines as this one, and what each of them asks of the rest."""
    rows = []
    for machines in MACHINES:
        wanted = machines * audio_s_a_second / file_s
        speed = min(wanted, handed_out) * file_s
        rows.append({
            "archive of": name,
            "machines": machines,
            "hours": ARCHIVE_H * 3600 / speed / 3600,
            "files a second": min(wanted, handed_out),
            "storage, MB/s": mb_a_s * speed / audio_s_a_second,
            "limit": "handing out files" if wanted > handed_out else "processors",
        })  # fmt: skip
    return rows


def main(options):
    quick = QUICK if options.quick else {"files": FILES, "repeats": REPEATS, "long_s": LONG_S}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scaling-")))
        files = make_files(folder / "in", quick["files"])
        cluster = _cluster(stack)
        ac.map_files(Filtering(), files[:2], folder / "warm", jobs=1)  # kernels
        seconds = measure(ways(files, cluster), folder, quick["repeats"], files)
        memory = {
            "audioconv, 1 process": None,
            "audioconv, 2 processes": peak_mb(files, folder, jobs=2),
            "audioconv, Dask with 2 workers": cluster and peak_mb(files, folder, scheduler=cluster.scheduler_address),
        }
        long_s, long_mb = long_file(folder, quick["long_s"])
        handed_out = sends_a_second(files)
        bytes_a_file = 2 * files[0].stat().st_size
    one, two = seconds["audioconv, 1 process"], seconds["audioconv, 2 processes"]
    rows = [
        {
            "way": name,
            "files": len(files),
            "files a second": len(files) / took,
            "times 1 process": one / took,
            "times 2 processes": two / took,
            "MB a worker": memory.get(name),
        }
        for name, took in seconds.items()
    ]
    rows.append({
        "way": f"audioconv, one file of {quick['long_s'] / 3600:g} h", "files": 1, "files a second": 1 / long_s,
        "times 1 process": None, "times 2 processes": None, "MB a worker": long_mb,
    })  # fmt: skip
    show(f"{len(files)} clips of {CLIP_S:g} s through {TAPS} taps, {quick['repeats']} turn(s)", rows)
    print(f"one process hands out {handed_out:.0f} files a second; at most {MOST_MB} MB a worker are wanted")
    cores = len(os.sched_getaffinity(0))
    short = len(files) * CLIP_S / two * (cores / 2)
    whole = quick["long_s"] / long_s * cores
    archives = archive("clips of 1 s", short, CLIP_S, handed_out, bytes_a_file * short / CLIP_S / 1e6)
    archives += archive("long files", whole, quick["long_s"], handed_out, 4 * RATE * whole / 1e6)
    show(f"{ARCHIVE_H} hours on machines of {cores} cores such as this, from the figures above", archives)
    return rows + archives


def _cluster(stack):
    try:
        from distributed import LocalCluster
    except ImportError:
        print("dask.distributed is not installed (pip install 'audioconv[dask]')")
        return None
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.CRITICAL}
    return stack.enter_context(LocalCluster(**options))
