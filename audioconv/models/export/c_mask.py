"""A denoiser as a header of C99: samples in, samples out, hop by hop."""

from __future__ import annotations

import numpy as np

from audioconv.models._mask_unet import FEATURES
from audioconv.models.export import onnx_check
from audioconv.models.export.c_tables import Tables, declaration
from audioconv.models.export.c_text import float_text, header_text, probe, twiddles
from audioconv.models.export.mask_deployment import MaskDeployment

PROBE_S, EXPECTED_HOPS = 0.1, 8  # what a header holds: sound, over and over, and what the last hops of it become
LEAST_HOPS = 100

ABOUT = """a denoiser from samples to samples, {weights}, in C99.

   ac_reset(&state); then for each hop of AC_HOP samples: ac_step(&state, samples, denoised), AC_LATE samples late."""


class MaskHeader:
    """The text of a header."""

    def __init__(self, model: MaskDeployment) -> None:
        self.model, self.hop = model, model.hop
        self.tables = Tables(model.nodes(), int8=False)

    def _numbers(self) -> dict[str, object]:
        """What is defined."""
        model, nodes = self.model, len(self.tables.nodes.nodes)
        return {
            "SAMPLE_RATE": model.sample_rate, "HOP": model.hop, "LATE": model.hop, "FFT": len(model.window),
            "BINS": model.bins, "SPECTRUM_SCALE": float_text(model.scale), "DRY": float_text(model.dry),
            "TINY": float_text(model.tiny), "KEPT": float_text(model.kept),
            "LEAST_MEAN": float_text(model.least_mean), "FEATURES": FEATURES, "OUTPUTS": 2 * model.bins,
            "MEMORY": self.tables.memory, "SUMS": max(1, self.tables.sums), "VALUES": 1 + nodes, "NODES": nodes,
            "Y": self.tables.y,
        }  # fmt: skip

    def _parity(self) -> list[str]:
        """The probe, and what its end becomes here."""
        model, rate = self.model, self.model.sample_rate
        heard = np.rint(8000 * onnx_check.probes(round(PROBE_S * rate), rate, np.random.default_rng(7))[0])
        reach = model.network.stream((model.bins, FEATURES)).receptive_field
        hops = max(LEAST_HOPS, reach + EXPECTED_HOPS)
        samples = np.resize(heard.astype(np.float32) / np.float32(1 << 15), hops * model.hop)
        made = np.concatenate((np.zeros(model.hop, np.float32), model.denoised(samples)))
        expected = made[(hops - EXPECTED_HOPS) * model.hop : hops * model.hop]
        limit = min(onnx_check.TOLERANCE, onnx_check.SHARE * float(np.abs(expected).max()))
        return [
            f"enum {{ AC_PROBE_HOPS = {hops}, AC_PROBE_SAMPLES = {heard.size}, AC_EXPECTED_HOPS = {EXPECTED_HOPS} }};",
            f"#define AC_TOLERANCE {float_text(limit)}",
            probe(heard),
            declaration("ac_expected", expected),
        ]

    def text(self) -> str:
        """The whole header, with the prefixes AC_ and ac_."""
        window = declaration("ac_window", self.model.window)
        return header_text(
            ABOUT, self.model.facts, self._numbers(), int8=False, declared=[], parity=self._parity(), template="mask.h",
            tables=[window, twiddles(len(self.model.window)), *self.tables.text],
        )  # fmt: skip
