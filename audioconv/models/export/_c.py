"""Models as one header of C99: samples in, posteriors or samples out, hop by hop, with nothing but math.h."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path as PathObject
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from audioconv import nn
from audioconv.errors import ArgumentError, ModelFileError
from audioconv.features import Mfcc
from audioconv.features.level import MIN_POWER
from audioconv.io import atomic_write, display_path, writable_path
from audioconv.models._minirocket import MiniRocket
from audioconv.models.export import onnx_check
from audioconv.models.export.c_mask import MaskHeader
from audioconv.models.export.c_tables import Tables, declaration, quantised
from audioconv.models.export.c_text import float_text, header_text, probe, twiddles
from audioconv.models.export.deployment import Deployable, Deployment, deployment_of
from audioconv.models.export.flows import Pace, paces, shortest_step
from audioconv.models.export.mask_deployment import NO_INT8, MaskDeployment
from audioconv.models.export.onnx_int8 import Calibration, Cost, cost_of
from audioconv.nn.layers.convolution import Convolution

if TYPE_CHECKING:
    from audioconv._typing import Array, Path

ABOUT = """a model from samples to posteriors, {weights}, in C99.

   ac_reset(&state); then for each hop of AC_HOP samples: rows = ac_step(&state, samples, posteriors);"""
ABOUT_CLIPS = """
   A row comes each AC_WINDOW_FRAMES hops, of the last AC_CLIP_FRAMES frames: the mean of what the network
   makes of them in AC_PITCHES pitches, each moved by AC_SHIFT_FRAMES frames (test-time augmentation). All that is done
   in the step of the row."""
PROBE_S, HEARD_S = 0.1, 3.0  # what a header holds, and what it is repeated to
COMPILERS = "cc", "gcc", "clang"
FLAGS = "-O2", "-std=c99", "-Wall", "-Wextra", "-Werror"
TIMEOUT_S = 300


@dataclass(frozen=True)
class CExport:
    """What `export_c` has written.

    Parameters
    ----------
    path : Path
    size : int, in bytes
    weights : int, in bytes
        As constants of the program.
    memory : int, in bytes
        Of the queues of the network.
    compiler : str, optional
        What compiled and ran the header before it was kept; none if this machine has none.
    said : str
        What its main said.
    hop : int, in samples
        That a step takes.
    int8 : Cost, optional
        What weights as int8 cost, on every second clip of the calibration.
    """

    path: PathObject
    size: int
    weights: int
    memory: int
    compiler: str | None
    said: str
    hop: int
    int8: Cost | None


def export_c(
    model: Deployable, path: Path, *, calibration: Calibration | None = None, overwrite: bool = False
) -> CExport:
    """Write a model as a header of C99 that needs nothing but math.h: no allocation, no other library.

    The functions are `NAME_reset` and `NAME_step`, NAME being that of the file: a step takes one hop of samples, and
    gives posteriors when they are due, or of a denoiser as many samples, a hop late. Weights, front end, labels and
    thresholds are in it, and what a probe gives: with `-DNAME_MAIN` it is a program that checks itself. Where there is
    a C compiler the header is compiled and run before it is kept.

    Parameters
    ----------
    model : KeywordClassifier, KeywordDetector, SoundEventDetector or DenoiserModel
        Trained.
    path : path that ends in ".h"
    calibration : Calibration, optional
        Write weights as int8 with a scale for each filter, in a quarter of the space, and say what that costs on these
        clips. What is computed stays float32. Not of denoisers.
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    export : CExport

    Raises
    ------
    ArgumentError, ShapeError
        For a layer that cannot be exported, which is named.
    ModelFileError
        If the file cannot be written, is there already, or does not give what the model gives.

    Examples
    --------
    >>> import tempfile, audioconv as ac
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export = ac.models.export_c(ac.KeywordDetector.load(), f"{folder}/words.h")
    >>> export.path.name, export.weights // 1000  # kB
    ('words.h', 385)
    """
    target = PathObject(os.fspath(path))
    if target.suffix != ".h":
        raise ArgumentError(f"the name of a C header ends in .h, not as {display_path(target)}")
    if writable_path(target, ModelFileError).exists() and not overwrite:
        raise ModelFileError(f"{display_path(target)} exists and is not overwritten; give another name, or "
                             "--force (overwrite=True)")  # fmt: skip
    plain, cost = deployment_of(model), None
    header: _Header | MaskHeader
    if isinstance(plain, MaskDeployment):
        if calibration is not None:
            raise ArgumentError(NO_INT8)
        header = MaskHeader(plain)
    else:
        given = plain if calibration is None else plain.with_network(_int8_twin(plain.network))
        header = _Header(given, calibration is not None)
        cost = None if calibration is None else _cost(plain, given, calibration)
    text = _named(header.text(), target.stem)
    compiler, said = _checked(text, _prefix(target.stem))
    with atomic_write(target, ModelFileError) as part:
        part.write_text(text, encoding="ascii", newline="\n")
    tables = header.tables
    return CExport(target, len(text), tables.bytes, 4 * tables.memory, compiler, said, header.hop, cost)


def _int8_twin(network: nn.Layer | MiniRocket) -> nn.Layer | MiniRocket:
    """A network whose weights are those that int8 keeps: batch norms are folded in filter by filter, as scales are."""
    twin = copy.deepcopy(network)

    def narrow(layer: Any) -> None:
        if isinstance(layer, Convolution):
            whole, scale = quantised(layer.weight)
            layer.weight = whole * scale
        for inner in layer.children():
            narrow(inner)

    narrow(twin)
    return twin


def _cost(plain: Deployment, small: Deployment, calibration: Calibration) -> Cost:
    """By the posteriors of clips, of rows the highest of each label."""

    def outputs(model: Deployment) -> Array:
        found = [model.posteriors(clip) for clip in calibration.clips[1::2]]
        return np.stack([each.max(axis=0) if each.ndim > 1 else each for each in found])

    return cost_of(outputs(plain), outputs(small), calibration)


class _Header:
    """The text of a header."""

    def __init__(self, model: Deployment, int8: bool) -> None:
        if isinstance(model.network, MiniRocket):
            raise ArgumentError("MiniRocket cannot be exported to C: its ten thousand features need a clip as a whole; "
                                "export it as ONNX")  # fmt: skip
        self.model, self.int8, self.hop = model, int8, model.log_mel.hop
        nodes = model.nodes()
        self.tables = Tables(nodes, int8)
        self._bands = model.absolute_features or (model.log_mel,)
        if model.clip_length is None:
            hops = shortest_step(nodes.nodes, nodes.x)
            found = paces(nodes.nodes, nodes.x, Pace(hops, 0))
            assert found is not None
            self._most_rows = ceil(Fraction(found[nodes.y].rows, hops)) + 1
        else:
            self._most_rows = 1

    def _numbers(self) -> dict[str, object]:
        """What is defined."""
        model, log_mel = self.model, self.model.log_mel
        clips = model.clip_length is not None
        numbers: dict[str, object] = {
            "SAMPLE_RATE": log_mel.sample_rate, "HOP": log_mel.hop, "WINDOW": log_mel.win_length,
            "FFT": log_mel.fft_size, "PADDING": log_mel.padding[0], "MELS": log_mel.n_mels,
            "ENERGIES": log_mel.n_mels * len(self._bands), "OFFSET": float_text(log_mel.offset),
            "FEATURES": model.features.n_features,
            "COSINES": int(isinstance(model.features, Mfcc)), "TOP_DB": int(log_mel.top_db is not None),
            "PCEN": int(log_mel.pcen is not None), "LABELS": len(model.labels),
            "OUTPUTS": len(model.labels) + (not (clips or model.multi_label)), 
            "MULTI_LABEL": int(model.multi_label), "MOST_ROWS": self._most_rows,
            "MEMORY": self.tables.memory, "SUMS": max(1, self.tables.sums), "VALUES": 1 + len(self.tables.nodes.nodes),
            "NODES": len(self.tables.nodes.nodes), "Y": self.tables.y, "CLIP_FRAMES": model.frames if clips else 0,
        }  # fmt: skip
        if clips:
            most = model.frames
            numbers |= {"WINDOW_FRAMES": model.window_frames, "PITCHES": len(self._bands),
                        "SHIFT_FRAMES": ", ".join(str(min(max(s, -most), most)) for s in model.shifts)}  # fmt: skip
        if log_mel.top_db is not None:
            numbers |= {"LEAST": float_text(MIN_POWER), "FLOOR": float_text(10 ** (-log_mel.top_db / 10))}
        if log_mel.pcen is not None:
            names = "SMOOTHING", "GAIN", "BIAS", "POWER", "EPS", "BIAS_RAISED"
            values = log_mel.pcen.numbers(log_mel.hop / log_mel.sample_rate)
            numbers |= {name: float_text(value) for name, value in zip(names, values, strict=True)}
        return numbers

    def _front_end(self) -> list[str]:
        """Arrays of the front end."""
        model, log_mel = self.model, self.model.log_mel
        spans, weights = [], []
        for row in np.concatenate([features.filters for features in self._bands]):
            used = np.flatnonzero(row)
            first, end = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 0)
            spans.append(f"{{{first}, {end - first}}}")
            weights.append(row[first:end])
        arrays = [
            declaration("ac_window", log_mel._window),
            twiddles(log_mel.fft_size),
            f"static const short ac_bands[][2] = {{{', '.join(spans)}}};",
            declaration("ac_band_weights", np.concatenate(weights)),
            declaration("ac_mean", model.mean),
            declaration("ac_std", model.std),
        ]
        if isinstance(model.features, Mfcc):
            arrays.append(declaration("ac_basis", model.features._basis))
        return arrays

    def _parity(self) -> list[str]:
        """The probe, and what it gives here."""
        model, log_mel = self.model, self.model.log_mel
        rate, hop = log_mel.sample_rate, log_mel.hop
        heard = np.rint(8000 * onnx_check.probes(round(PROBE_S * rate), rate, np.random.default_rng(7))[0])
        hops = ceil(max(HEARD_S, 2 * (model.clip_length or 0) / rate) * rate / hop)
        samples = np.resize(heard.astype(np.float32) / np.float32(1 << 15), hops * hop)
        rows = model.stream().process(samples)[: -self._most_rows]
        if not rows.size:
            raise ModelFileError(
                f"{HEARD_S:g} s of sound complete no row of posteriors, so that there is no parity check"
            )
        limit = min(onnx_check.TOLERANCE, onnx_check.SHARE * float(rows.max()))
        return [
            f"enum {{ AC_PROBE_HOPS = {hops}, AC_PROBE_SAMPLES = {heard.size}, AC_PROBE_ROWS = {len(rows)} }};",
            f"#define AC_TOLERANCE {float_text(limit)}",
            probe(heard),
            declaration("ac_expected", rows),
        ]

    def text(self) -> str:
        """The whole header, with the prefixes AC_ and ac_."""
        model = self.model
        told = model.facts.get("thresholds", [None] * len(model.labels))
        thresholds = [2.0 if threshold is None else threshold for threshold in told]
        labels = ", ".join(_string(str(label)) for label in model.labels)
        return header_text(
            ABOUT if model.clip_length is None else ABOUT + ABOUT_CLIPS,
            {name: value for name, value in model.facts.items() if name != "thresholds"},
            self._numbers(),
            int8=self.int8,
            declared=[
                f"static const char *const ac_labels[] = {{{labels}}};",
                "/* From which a posterior counts, smoothed; above 1: it is never told. */",
                declaration("ac_thresholds", thresholds),
            ],
            tables=[*self._front_end(), *self.tables.text],
            parity=self._parity(),
            template="front_end.h",
        )


def _string(text: str) -> str:
    """A string of C; what is not plain is bytes of UTF-8 in octal."""
    plain = [chr(byte) if 32 <= byte < 127 and chr(byte) not in '"\\?' else f"\\{byte:03o}" for byte in text.encode()]
    return f'"{"".join(plain)}"'


def _prefix(stem: str) -> str:
    """What names in a header begin with."""
    name = re.sub(r"\W", "_", stem, flags=re.ASCII)
    return name if re.match(r"[A-Za-z]", name) else f"model_{name}"


def _named(text: str, stem: str) -> str:
    prefix = _prefix(stem)
    text = re.sub(r"\bac_", f"{prefix}_", text)
    return re.sub(r"\bAC_", f"{prefix.upper()}_", text)


def _checked(text: str, prefix: str) -> tuple[str | None, str]:
    """Compile and run a header's main; (compiler, what it said).

    Raises
    ------
    ModelFileError
        If it does not compile, or does not give what it should.
    """
    compiler = next(filter(None, map(shutil.which, COMPILERS)), None)
    if compiler is None:
        return None, "not compiled, because there is no C compiler here"
    with TemporaryDirectory(prefix="audioconv-") as folder:
        source, program = PathObject(folder) / "model.h", PathObject(folder) / "model"
        source.write_text(text, encoding="ascii")
        main = PathObject(folder) / "main.c"
        main.write_text(f'#define {prefix.upper()}_MAIN\n#include "model.h"\n')
        made = subprocess.run(
            [compiler, *FLAGS, str(main), "-o", str(program), "-lm"], capture_output=True, text=True, timeout=TIMEOUT_S
        )
        if made.returncode:
            raise ModelFileError(f"{compiler} does not compile the header; nothing is written: {made.stderr[:500]}")
        done = subprocess.run([str(program)], capture_output=True, text=True, timeout=TIMEOUT_S)
        if done.returncode:
            raise ModelFileError(f"the header does not give what the model gives; nothing is written: {done.stdout}")
    return compiler, done.stdout.splitlines()[0]
