"""Denoisers as files: ONNX of recordings and of a step, run in onnxruntime, and headers of C99, compiled and run."""

import json
from dataclasses import replace

import numpy as np
import pytest

import audioconv as ac
from audioconv import models, nn
from audioconv.enhance import DenoiserModel
from audioconv.errors import ArgumentError, ModelFileError
from tests.compare import assert_close
from tests.models.test_export_c import SANITIZED, WARNINGS, call, compiler
from tests.models.test_export_onnx import at_random, metadata, run, zeros
from tests.models_at_random import random_denoiser

HOP = 256
DRIVER = """
#include <stdio.h>
#include "clean.h"
int main(void) {
    static clean_state state;
    static float samples[CLEAN_HOP];
    clean_reset(&state);
    while (fread(samples, sizeof(float), CLEAN_HOP, stdin) == CLEAN_HOP) {
        clean_step(&state, samples, samples);
        fwrite(samples, sizeof(float), CLEAN_HOP, stdout);
    }
    return 0;
}
"""
R = np.random.default_rng(4)


def other_layers():
    """A network that is no U-Net: pools, groups, norms, a gate, and branches of many frames."""
    causal = ("causal", "same")
    branch = nn.Sequential([
        nn.DepthwiseConv2d(8, (3, 3), 1, (4, 1), causal, rng=R), nn.BatchNorm(8), nn.Swish(),
        nn.Conv2d(8, 8, 1, groups=2, rng=R),
    ])  # fmt: skip
    down = [nn.Conv2d(4, 8, (2, 5), (1, 4), 1, ("causal", 2), rng=R), nn.ReLU(), nn.Residual(branch)]
    last = nn.Conv2dTranspose(8, 2, (1, 5), (1, 4), padding=(0, 2), rng=R)
    return at_random(nn.Sequential([*down, last, nn.Sigmoid()]))


@pytest.fixture(scope="module", params=["u-net", "other layers"])
def model(request):
    made = random_denoiser()
    return made if request.param == "u-net" else replace(made, network=other_layers())


def sound(samples, seed=0):
    swell = np.interp(np.arange(samples), np.linspace(0, samples, 9), np.random.default_rng(seed).random(9))
    return (0.2 * swell * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@pytest.fixture(scope="module")
def files(model, tmp_path_factory):
    pytest.importorskip("onnxruntime", reason="ONNX files are checked in onnxruntime")
    return models.export_onnx(model, tmp_path_factory.mktemp("denoiser") / "clean.onnx")


@pytest.mark.parametrize("samples", [1, 255, 256, 257, 5000])
def test_recordings(model, files, samples):
    sounds = np.stack([sound(samples), sound(samples, 1)])
    assert_close(run(files.clip.path, sounds), [ac.neural_denoise(x, 16000, model=model) for x in sounds], 1e-5)


def test_a_stream_as_its_metadata_say(model, files):
    from audioconv.models.export import onnx_check

    running, about, x = onnx_check.session(str(files.step.path)), metadata(files.step.path), sound(40 * HOP)
    step, late, rate = (json.loads(about[name]) for name in ("step_samples", "late_samples", "sample_rate"))
    assert (step, late, rate, json.loads(about["reduction_db"])) == (HOP, HOP, 16000, 40)
    states, blocks = zeros(running), []
    for begin in range(0, len(x), step):
        block, *kept = running.run(None, {"samples": x[begin : begin + step], **states})
        blocks.append(block)
        states = dict(zip([each.name for each in running.get_inputs()[1:]], kept, strict=True))
    found = np.concatenate(blocks)
    assert_close(found[late:], ac.neural_denoise(x, 16000, model=model)[:-late], 1e-5)


@pytest.mark.parametrize("flags", [["-O2"], SANITIZED], ids=["-O2", "sanitized"])
def test_c(model, tmp_path, flags):
    gcc, x = compiler("gcc"), sound(40 * HOP)
    made = models.export_c(model, tmp_path / "clean.h")
    assert made.hop == HOP
    assert made.said.startswith("the last 8 of 100 hops, samples within ")
    (tmp_path / "driver.c").write_text(DRIVER)
    call(gcc, *WARNINGS, *flags, tmp_path / "driver.c", "-o", tmp_path / "driver", "-lm")
    found = np.frombuffer(call(tmp_path / "driver", input=x.tobytes()), np.float32)
    assert_close(found[HOP:], ac.neural_denoise(x, 16000, model=model)[:-HOP], 1e-5)


def test_the_one_that_comes_along(tmp_path):
    pytest.importorskip("onnxruntime", reason="ONNX files are checked in onnxruntime")
    made = models.export_onnx(ac.enhance.shipped_denoiser(), tmp_path / "clean.onnx")
    assert max(made.clip.deviation, made.step.deviation) < 1e-5
    models.export_c(ac.enhance.shipped_denoiser(), tmp_path / "clean.h")


def test_a_file_that_gives_something_else_is_not_kept(tmp_path):
    made = random_denoiser()

    class Louder(DenoiserModel):
        def deployment(self):
            return replace(made.deployment(), dry=0.02 + made.deployment().dry)

    pytest.importorskip("onnxruntime", reason="ONNX files are checked in onnxruntime")
    louder = Louder(made.network, made.planes, made.channels, made.dilations)
    for export, name in ((models.export_onnx, "clean.onnx"), (models.export_c, "clean.h")):
        if name == "clean.h":
            compiler("cc")
        with pytest.raises(ModelFileError, match="nothing is written"):
            export(louder, tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        ([nn.Conv2d(4, 2, 3, rng=R)], "without looking ahead"),
        ([nn.Conv2d(4, 2, (2, 1), (2, 1), padding=("causal", 0), rng=R)], "without looking ahead"),
        ([nn.Conv2d(4, 4, 1, rng=R)], "a mask for each frame"),
    ],
)
def test_networks_that_give_no_masks_are_refused(layers, says, tmp_path):
    made = replace(random_denoiser(), network=nn.Sequential(layers))
    with pytest.raises(ArgumentError, match=says):
        models.export_c(made, tmp_path / "clean.h")


def test_int8_is_refused(tmp_path):
    calibration = models.Calibration(np.zeros((2, 16000), np.float32))
    for export, name in ((models.export_onnx, "clean.onnx"), (models.export_c, "clean.h")):
        with pytest.raises(ArgumentError, match="as float32 only"):
            export(random_denoiser(), tmp_path / name, calibration=calibration)
