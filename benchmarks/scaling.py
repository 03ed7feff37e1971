"""Many files: files a second by processes and by a Dask cluster, against plain loops; memory; what an archive takes.

Each file is filtered by an impulse response of 0.3 s and written. All ways filter the same files, take turns, and what
they wrote is compared. How long a way takes to begin (processes that start) is measured by a few files just before, and
left out of files a second. Dask is taken if dask.distributed is there, pedalboard if it is.
"""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import soundfile
from side_by_side import show

import audioconv as ac

RATE, TAPS, CLIP_S = 16000, 4800, 0.5
FULL = {"files": 4000, "turns": 2, "long_s": 7200}
QUICK = {"files": 1000, "turns": 1, "long_s": 60}  # so many that they take longer than processes to start
FEW = 4  # files that show how long it takes to begin
ROUNDING = 2 / 32768  # of 16-bit samples: theirs round as they like
ARCHIVE_H, MACHINES = 100_000, (1, 16, 256)
LINK_MB_S = 1250  # to the storage: 10 Gbit/s
MOST_MB = 300  # a worker may take
ONE, TWO, DASK = "audioconv, 1 process", "audioconv, 2 processes", "audioconv, Dask with 2 workers"

FILTER = """
import sys, time
sys.path.insert(0, {folder!r})
import scaling, audioconv as ac
scaling.Filtering()({short!r}, {target!r} + '.wav')
start = time.perf_counter()
summary = ac.map_files(scaling.Filtering(), {source!r}, {target!r}, jobs=1)
assert summary.done == 1, summary.failures
print(time.perf_counter() - start, scaling.peak_mb())
"""
FEATURES = """
import pathlib, audioconv.cli
audioconv.cli.app(["features", {source!r}, {table!r}, "--jobs", "1"], standalone_mode=False)
lines = pathlib.Path("/proc/self/status").read_text().splitlines()
print(next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")))  # without this file's imports
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
        return peak_mb()


def peak_mb():
    """The most memory that this process has taken. The system's count for a process begins with that of its parent."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def plain_loop(files, target):
    """What a script does: read, oaconvolve, write."""
    from scipy.signal import oaconvolve  # here, so that the workers' memory is theirs

    taps = response()
    for file in files:
        x, rate = soundfile.read(file, dtype="float32")
        soundfile.write(target / file.name, oaconvolve(x, taps).astype("float32"), rate, subtype="PCM_16")


def pedalboard_loop(files, target):
    """The same by pedalboard, which gives no tail, so that zeros are appended, and has a level of its own."""
    import pedalboard

    taps = response()
    board = pedalboard.Convolution(taps, sample_rate=RATE)
    gain = np.sqrt(np.sum(taps * taps)) / 0.125
    for file in files:
        x, rate = soundfile.read(file, dtype="float32")
        y = gain * board(np.pad(x, (0, TAPS - 1)), rate, reset=True)
        soundfile.write(target / file.name, y, rate, subtype="PCM_16")


def make_files(folder, count):
    """Clips of noise."""
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


def ways(cluster):
    """Each way as a function of files and the folder of outputs."""
    found = {
        ONE: lambda files, target: ac.map_files(Filtering(), files, target, jobs=1),
        TWO: lambda files, target: ac.map_files(Filtering(), files, target, jobs=2),
        "scipy + soundfile, a loop": plain_loop,
    }
    if cluster is not None:
        address = cluster.scheduler_address
        found[DASK] = lambda files, target: ac.map_files(Filtering(), files, target, scheduler=address)
    try:
        import pedalboard  # noqa: F401

        found["pedalboard + soundfile, a loop"] = pedalboard_loop
    except ImportError:
        print("pedalboard is not installed (pip install pedalboard)")
    return found


def measure(found, folder, turns, files):
    """Of each way: seconds for few files and for all, each with those that this process computes; means of all turns.

    The ways take turns, and what they wrote is compared.
    """
    spent = {name: np.zeros((2, 2)) for name in found}
    for turn in range(turns):
        targets = {name: folder / f"{turn} {name}" for name in found}
        for name, way in found.items():
            few = timed(way, files[:FEW], folder / f"{turn} few {name}")
            spent[name] += np.array([few, timed(way, files, targets[name])]) / turns
        for target in targets.values():
            check_equal(targets[ONE], target)
        for target in targets.values():
            shutil.rmtree(target)
    return spent


def timed(way, files, target):
    """Seconds, and seconds that this process computes."""
    target.mkdir()
    start, computed = time.perf_counter(), time.process_time()
    summary = way(files, target)
    took = time.perf_counter() - start, time.process_time() - computed
    if summary is not None and summary.done != len(files):
        raise SystemExit(f"{target.name}: {summary}, {summary.failures[:3]}")
    return took


def peak_of_workers(files, folder, **where):
    """The most memory that a worker took, in MB."""
    return max(ac.map_files(Measured(str(folder)), files[:1000], **where).values)


def in_a_process(code, **paths):
    """The numbers that code prints at last."""
    code = code.format(folder=str(Path(__file__).parent), **{name: str(path) for name, path in paths.items()})
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the long file failed: {done.stderr}")
    return [float(text) for text in done.stdout.splitlines()[-1].split()]


def long_file(folder, seconds, short):
    """(seconds to filter a long file, MB at the peak, MB of its features in a table), in processes of their own."""
    source = make_long(folder / "long.wav", seconds)
    took, filter_mb = in_a_process(FILTER, source=source, target=folder / "long out", short=short)
    (features_mb,) = in_a_process(FEATURES, source=source, table=folder / "long.parquet")
    return took, filter_mb, features_mb


def archive(name, audio_s_a_second, file_s, handed_out):
    """What the archive takes on so many machines as this one, and what limits it."""
    mb_a_s = 2 * 2 * RATE / 1e6  # of audio: read and written, 16 bits
    rows = []
    for machines in MACHINES:
        speeds = {
            "processors": machines * audio_s_a_second,
            "handing out files": handed_out * file_s,
            "a link of 10 Gbit/s to the storage": LINK_MB_S / mb_a_s,
        }
        limit = min(speeds, key=speeds.get)
        rows.append({
            "archive of": name, "machines": machines, "hours": ARCHIVE_H / speeds[limit],
            "files a second": speeds[limit] / file_s, "storage, MB/s": mb_a_s * speeds[limit], "limit": limit,
        })  # fmt: skip
    return rows


def table(spent, count, memory):
    """Rows of the ways, and files a second of each."""
    too_few = [name for name, ((few_s, _), (all_s, _)) in spent.items() if all_s <= few_s]
    if too_few:
        raise SystemExit(f"{', '.join(too_few)}: {count} files took no longer than {FEW}; is the machine busy?")
    speed = {name: (count - FEW) / (all_s - few_s) for name, ((few_s, _), (all_s, _)) in spent.items()}
    rows = [
        {
            "way": name,
            "files": count,
            "seconds": all_s,
            "of these to begin": few_s,
            "files a second": speed[name],
            "times 1 process": speed[name] / speed[ONE],
            "times 2 processes": speed[name] / speed[TWO],
            "MB a worker": memory.get(name),
        }
        for name, ((few_s, _), (all_s, _)) in spent.items()
    ]
    return rows, speed


def main(options):
    sizes = QUICK if options.quick else FULL
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scaling-")))
        files = make_files(folder / "in", sizes["files"])
        cluster = local_cluster(stack)
        for name, way in ways(cluster).items():  # kernels are compiled, workers have loaded what they need
            timed(way, files[:FEW], folder / f"warm {name}")
        spent = measure(ways(cluster), folder, sizes["turns"], files)
        memory = {TWO: peak_of_workers(files, folder, jobs=2)}
        if cluster is not None:
            memory[DASK] = peak_of_workers(files, folder, scheduler=cluster.scheduler_address)
        long_s, filter_mb, features_mb = long_file(folder, sizes["long_s"], files[0])
    rows, speed = table(spent, len(files), memory)
    hours = f"one file of {sizes['long_s'] / 3600:.3g} h"
    rows += [
        dict.fromkeys(rows[0]) | {"way": f"audioconv filter, {hours}", "seconds": long_s, "MB a worker": filter_mb},
        dict.fromkeys(rows[0]) | {"way": f"audioconv features, {hours}", "MB a worker": features_mb},
    ]
    show(f"{len(files)} clips of {CLIP_S:g} s through {TAPS} taps, mean of {sizes['turns']} turn(s)", rows)
    handed_out = (len(files) - FEW) / float(np.diff(spent[TWO][:, 1])[0])
    print(f"one process hands out {handed_out:.0f} files a second; at most {MOST_MB} MB a worker are wanted")
    cores = len(os.sched_getaffinity(0))
    archives = archive(f"clips of {CLIP_S:g} s", speed[TWO] * CLIP_S * cores / 2, CLIP_S, handed_out)
    archives += archive("files of 2 h", sizes["long_s"] / long_s * cores, 7200, handed_out)
    show(f"{ARCHIVE_H} hours on machines of {cores} cores such as this, from the figures above", archives)
    return {"ways": rows, "archives": archives, "handing out": [{"files a second": handed_out}]}


def local_cluster(stack):
    try:
        from distributed import LocalCluster
    except ImportError:
        print("dask.distributed is not installed (pip install 'audioconv[dask]')")
        return None
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.CRITICAL}
    return stack.enter_context(LocalCluster(**options))
