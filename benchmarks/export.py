"""The models that come along on other machines: time of a step of a stream here, in ONNX and in C, and sizes.

Needs AUDIOCONV_DATA for what int8 costs, gcc for C, and for onnxruntime-web node and `npm ci` in examples/browser. Each
file is held against the model here when it is written, and each program in C once more with its own flags. A step is
that of the step graph; ours and C are given as many samples. What is timed begins when a classifier has a whole window.
Times are those of the processor, all in one thread, so that others on the machine do not lengthen them.
"""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from side_by_side import show

import audioconv as ac
from audioconv.cli._export import _calibration
from audioconv.models import export_c, export_onnx
from audioconv.models.export import onnx_check

MODELS = {"detector": ac.KeywordDetector.load, "classifier": ac.KeywordClassifier.load,
          "denoiser": ac.enhance.shipped_denoiser}  # fmt: skip
HERE = Path(__file__).parent
PACKAGES = HERE.parent / "examples" / "browser" / "node_modules"
CLIPS = "speech_commands_8"
FLAGS = {"-O3 -march=native": ["-O3", "-march=native"], "-O2": ["-O2"]}
LEAD_S, HEARD_S, PASSES, REPEATS, WASM_STEPS = 1.2, 1.0, 5, 15, 1000
DRIVER = """
#define {upper}_MAIN
#define main check_itself
#include "{name}.h"
#undef main
#include <stdlib.h>
#include <time.h>
static int by_size(const void *a, const void *b) {{ double d = *(double *)a - *(double *)b; return (d > 0) - (d < 0); }}
int main(void) {{
    static {name}_state state;
    static float sound[{hops} * {upper}_HOP], hop[{upper}_HOP], given[1 << 16];
    static double seconds[{passes}];
    if (check_itself()) return 1;
    if (fread(sound, sizeof(float), {hops} * {upper}_HOP, stdin) != {hops} * {upper}_HOP) return 2;
    for (int pass = 0; pass < {passes}; pass++) {{
        clock_t begin = 0;
        {name}_reset(&state);
        for (int i = 0; i < {hops}; i++) {{
            if (i == {lead}) begin = clock();
            for (int k = 0; k < {upper}_HOP; k++) hop[k] = sound[i * {upper}_HOP + k];
            {name}_step(&state, hop, given);
        }}
        seconds[pass] = (double)(clock() - begin) / CLOCKS_PER_SEC;
    }}
    qsort(seconds, {passes}, sizeof(double), by_size);
    printf("seconds %.9f\\n", seconds[{passes} / 2]);
    return 0;
}}
"""


@dataclass(frozen=True)
class Sound:
    """A stream: what comes before, and what is timed, in steps of so many samples."""

    step: int
    rate: int

    @property
    def lead(self):
        return -(-round(LEAD_S * self.rate) // self.step)

    @property
    def steps(self):
        return round(HEARD_S * self.rate) // self.step

    @property
    def samples(self):
        rng = np.random.default_rng(0)
        return (0.1 * rng.standard_normal((self.lead + self.steps) * self.step)).astype(np.float32)


def main(options):
    """Print the tables; what was measured."""
    data = os.environ.get("AUDIOCONV_DATA")
    if not data:
        print("not run: AUDIOCONV_DATA is not set")
        return None
    results = {}
    for name, load in MODELS.items():
        with TemporaryDirectory() as folder:
            rows = model_rows(load(), Path(folder), Path(data) / CLIPS, options.quick)
        show(f"the {name} that comes along, times in ms", rows)
        results[name] = rows
    return None if options.quick else results


def model_rows(model, folder, clips, quick):
    """A row for each way to run a model."""
    deployment = model.deployment()
    keywords = hasattr(deployment, "labels")
    exports = {"": None, ", int8": _calibration(model, clips)} if keywords else {"": None}
    made = {kind: export_onnx(model, folder / f"model{i}.onnx", calibration=calibration)
            for i, (kind, calibration) in enumerate(exports.items())}  # fmt: skip
    sound = Sound(made[""].step.step, deployment.sample_rate)
    ways = {"here": partial(run_here, deployment, sound)}
    ways |= {f"ONNX{kind}": partial(run_onnx, export.step.path, sound) for kind, export in made.items()}
    length = (keywords and deployment.clip_length) or round(onnx_check.PROBE_S * sound.rate)
    ways |= {f"clip{kind}": partial(run_clip, export.clip.path, length) for kind, export in made.items()}
    seconds = medians_s({name: way() for name, way in ways.items()}, 3 if quick else REPEATS)
    step = f"a step of {1e3 * sound.step / sound.rate:g} ms"
    rows = [row("here", 1e3 * seconds["here"] / sound.steps, step=step)]
    for kind, export in made.items():
        file = export.step
        rows.append(row(f"ONNX{kind}", 1e3 * seconds[f"ONNX{kind}"] / sound.steps, file.size,
                        file.deviation, file.int8, step=step))  # fmt: skip
        clip = export.clip
        rows.append(row(f"ONNX{kind}", 1e3 * seconds[f"clip{kind}"], clip.size, clip.deviation, clip.int8,
                        step=f"{length / sound.rate:g} s at once"))  # fmt: skip
    if (ms := wasm_ms(made[""].step.path, 100 if quick else WASM_STEPS)) is not None:
        rows.append(row("ONNX in onnxruntime-web (WebAssembly, node)", ms, made[""].step.size, step=step))
    for i, (kind, calibration) in enumerate(exports.items()):
        made_c = export_c(model, folder / f"model{i}.h", calibration=calibration)
        deviation = float(made_c.said.split(" within ")[1].split(",")[0])
        for flags in FLAGS if shutil.which("gcc") else ():
            ms = c_ms(made_c.path, flags, sound, made_c.hop, 1 if quick else PASSES)
            rows.append(row(f"C{kind}, gcc {flags}", ms, made_c.weights, deviation, made_c.int8, step=step))
    return rows


def row(way, ms, size=None, deviation=None, int8=None, *, step):
    """A row of the table."""
    cost = int8 and (f"{100 * int8.accuracy:.1f} % of {int8.clips} right (float32 {100 * int8.float_accuracy:.1f}), "
                     f"within {int8.deviation:.2g}")  # fmt: skip
    return {"way": way, "of": step, "ms": ms, "kB": size and size / 1e3, "float32 within": deviation, "int8": cost}


def medians_s(ways, repeats):
    """The median time of the processor of each way, which take turns."""
    times_s = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            begin = time.process_time()
            way()
            times_s[name].append(time.process_time() - begin)
    return {name: float(np.median(values)) for name, values in times_s.items()}


def run_here(deployment, sound):
    """A way that runs the timed steps in the stream of the model here."""
    stream = deployment.stream()
    steps = np.split(sound.samples, sound.lead + sound.steps)
    for block in steps[: sound.lead]:
        stream.process(block)
    return lambda: [stream.process(block) for block in steps[sound.lead :]]


def run_onnx(path, sound):
    """A way that runs the timed steps in onnxruntime."""
    running = onnx_check.session(str(path))
    first, *others = running.get_inputs()
    kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(double)": np.float64}
    begun = {each.name: np.zeros(each.shape, kinds[each.type]) for each in others}
    steps = np.split(sound.samples, sound.lead + sound.steps)

    def run(blocks, states):
        for block in blocks:
            _, *kept = running.run(None, {first.name: block, **states})
            states = dict(zip(begun, kept, strict=True))
        return states

    states = run(steps[: sound.lead], begun)
    return lambda: run(steps[sound.lead :], states)


def run_clip(path, length):
    """A way that runs sound of this length at once in onnxruntime."""
    running = onnx_check.session(str(path))
    given = {running.get_inputs()[0].name: np.resize(Sound(length, length).samples, (1, length))}
    return lambda: running.run(None, given)


def c_ms(header, flags, sound, hop, passes):
    """What a step takes in C: a program of the header with these flags, which must give what the model gives."""
    hops = sound.step // hop
    name = header.stem
    source = header.with_name("driver.c")
    source.write_text(DRIVER.format(name=name, upper=name.upper(), hops=(sound.lead + sound.steps) * hops,
                                    lead=sound.lead * hops, passes=passes))  # fmt: skip
    program = header.with_name("driver")
    subprocess.run(["gcc", "-std=c99", *FLAGS[flags], source, "-o", program, "-lm"], check=True)
    done = subprocess.run([program], input=sound.samples.tobytes(), capture_output=True, check=True)
    return 1e3 * float(done.stdout.split(b"seconds ")[1]) / sound.steps


def wasm_ms(path, steps):
    """What a step takes in onnxruntime-web, or None where it is not installed."""
    if not (shutil.which("node") and PACKAGES.is_dir()):
        return None
    command = ["node", HERE / "export_wasm.mjs", PACKAGES, path, str(steps)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
