"""Headers of C99: compiled by what compilers there are, and run."""

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import audioconv as ac
from audioconv import models, nn
from audioconv.errors import ArgumentError, ModelFileError
from audioconv.models.export.c_tables import quantised
from tests.models.test_export_onnx import at_random, sound
from tests.models_at_random import random_classifier, random_detector, random_sound_event_detector

WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
SANITIZED = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover"]
DRIVER = """
#include <stdio.h>
#include "words.h"
int main(void) {
    static words_state state;
    static float samples[WORDS_HOP], posteriors[WORDS_MOST_ROWS * WORDS_LABELS];
    words_reset(&state);
    while (fread(samples, sizeof(float), WORDS_HOP, stdin) == WORDS_HOP) {
        int rows = words_step(&state, samples, posteriors);
        fwrite(posteriors, sizeof(float), (size_t)(rows * WORDS_LABELS), stdout);
    }
    return 0;
}
"""
R = np.random.default_rng(5)


def compiler(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def call(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, timeout=120, **options)
    assert done.returncode == 0, done.stderr.decode()[:2000] + done.stdout.decode()[:500]
    return done.stdout


def rows_in_c(folder, samples, *flags, cc="cc"):
    """What the header words.h gives of a stream."""
    (folder / "driver.c").write_text(DRIVER)
    call(compiler(cc), *WARNINGS, *(flags or ["-O2"]), folder / "driver.c", "-o", folder / "driver", "-lm")
    return np.frombuffer(call(folder / "driver", input=samples.tobytes()), np.float32)


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detector")
    model, features = random_detector(), models.FRAME_MODELS["ds-tcn"].features(16000)
    rng, causal, still = np.random.default_rng(1), ("causal", "same"), np.full(40, 1, np.float32)
    along = nn.DepthwiseConv2d(8, (5, 1), 1, (2, 1), ("causal", 0), rng=rng)
    block = nn.Residual(nn.Sequential([along, nn.BatchNorm(8)]))
    layers = [nn.Conv2d(1, 8, (5, 5), 2, 1, causal, rng=rng), nn.BatchNorm(8), nn.ReLU(), block]
    network = at_random(nn.Sequential([*layers, nn.Conv2d(8, 3, (1, 20), padding="valid", rng=rng)]))
    model.scorer_ = ac.detect.FrameScorer(np.array(["no", "yes"]), features, network, still, still)
    return model, models.export_c(model, folder / "words.h"), folder


@pytest.mark.parametrize("flags", [["-O2"], SANITIZED], ids=["-O2", "sanitized"])
@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_a_detector(detector, cc, flags):
    model, _, folder = detector
    heard = sound(1.0)
    wanted = model.scorer_.posteriors(heard)
    got = rows_in_c(folder, heard, *flags, cc=cc).reshape(-1, 2)
    assert np.ptp(wanted) > 0.1
    assert len(wanted) - len(got) <= 1
    np.testing.assert_allclose(got, wanted[: len(got)], atol=1e-4)


@pytest.mark.parametrize("cc", ["gcc", "clang"])
def test_it_checks_itself(detector, cc):
    _, export, folder = detector
    main = folder / "main.c"
    main.write_text('#define WORDS_MAIN\n#include "words.h"\n')
    call(compiler(cc), *WARNINGS, "-O2", main, "-o", folder / "main", "-lm")
    said = call(folder / "main").decode()
    assert "posteriors within" in said
    assert "labels: no (0.4) yes (2)" in said
    assert 4 * 700 < export.weights < 4 * 1000


def test_it_needs_nothing_but_math(detector):
    text = (detector[2] / "words.h").read_text()
    before_main = text[: text.index("#ifdef WORDS_MAIN\n/* Parity")]
    assert [line for line in before_main.splitlines() if line.startswith("#include")] == ["#include <math.h>"]
    assert re.search(r"(?i)\bd?ac_|\bmalloc|\bfree\b", text) is None


@pytest.mark.data
def test_a_thousand_hops_of_a_recording(tmp_path):
    folder, model = tmp_path, ac.KeywordDetector.load()
    models.export_c(model, folder / "words.h")
    clip = ac.read(Path(os.environ["AUDIOCONV_DATA"]) / "recordings" / "3436-172162-0000.hq.ogg")
    samples = ac.io.resample(clip.samples, clip.sample_rate, 16000).astype(np.float32)[: 1000 * 160]
    got = rows_in_c(folder, samples).reshape(-1, 8)
    wanted = model.scorer_.posteriors(samples)
    assert len(got) >= 498
    np.testing.assert_allclose(got, wanted[: len(got)], atol=1e-4)


def test_for_a_core_of_arm(detector, capsys):
    gcc, size = compiler("arm-none-eabi-gcc"), compiler("arm-none-eabi-size")
    folder = detector[2]
    main = folder / "main.c"
    main.write_text('#define WORDS_MAIN\n#include "words.h"\n')
    (folder / "state.c").write_text(
        '#include "words.h"\nwords_state state; void begin(void) { words_reset(&state); }\n'
        "int take(const float *x, float *y) { return words_step(&state, x, y); }\n"
    )
    core = ["-mcpu=cortex-m7", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv5-sp-d16"]
    call(gcc, *core, *WARNINGS, "-O2", "-c", folder / "state.c", "-o", folder / "state.o")
    text, data, bss = (int(word) for word in call(size, folder / "state.o").split(b"\n")[1].split()[:3])
    with capsys.disabled():
        print(f"\nCortex-M7: code and constants {text} bytes, data {data}, state {bss}")
    assert 4 * 700 < text < 40000
    assert data == 0
    qemu = shutil.which("qemu-arm")
    if qemu is None:
        pytest.skip("compiled; qemu-arm is not installed")
    call(gcc, "-mcpu=cortex-a7", "-mfloat-abi=hard", "-mfpu=neon-vfpv4", "--specs=rdimon.specs", *WARNINGS, "-O2", main,
         "-o", folder / "main.elf", "-lm")  # fmt: skip
    assert b"posteriors within" in call(qemu, folder / "main.elf")


# --- ops ---

F, G = {"rng": R, "padding": "causal"}, {"rng": R}
NETWORKS = {
    "planes": [
        nn.Conv2d(1, 4, (3, 5), (2, 3), (2, 1), ("causal", (4, 2)), rng=R), nn.Swish(), nn.SubSpectralNorm(4, 2),
        nn.Broadcast(nn.ReLU()), nn.AveragePool2d((2, 3), 1, 1), nn.LpPool2d((3, 1), (2, 1), (1, 0)),
        nn.MaxPool2d((2, 2), 1, (1, 1)), nn.DepthwiseConv2d(4, (3, 3), **G),
        nn.Conv2d(4, 3, (1, 9), padding="valid", **G),
    ],
    "branches": [
        nn.Conv1d(20, 8, 5, groups=4, **G), nn.BatchNorm(8), nn.Sigmoid(),
        nn.Residual(nn.Sequential([nn.Conv1d(8, 8, 7, dilation=2, **G), nn.MaxPool1d(3, 1, "same")])),
        nn.Conv1d(8, 4, 9, stride=2, **G), nn.AveragePool1d(3, 1, "same", count_include_pad=True), nn.BatchNorm(4),
        nn.Dense(4, 3, **G),
    ],
    "transposed": [
        nn.Conv1d(20, 4, 3, stride=2, **F), nn.Conv1dTranspose(4, 6, 3, stride=2, padding=(0, 1), groups=2, **G),
        nn.Maxout(2), nn.TiledConv1d(3, 3, 3, 2, **F), nn.Dropout(0.5),
    ],
    "means": [nn.Conv1d(20, 4, 3, **F), nn.Sequential([nn.LpPool1d(2, 1, (1, 0), 3), nn.GlobalAveragePool()]),
              nn.Dense(4, 3, **G)],
}  # fmt: skip
LEVELS = {"planes": {"top_db": 30.0}, "branches": {"pcen": {}}, "transposed": {"center": True}, "means": {"hop_ms": 25}}


@pytest.mark.parametrize("name", NETWORKS)
def test_ops(tmp_path, name):
    features = ac.LogMel(n_mels=20, window_ms=20, **LEVELS[name])
    network, still = at_random(nn.Sequential(NETWORKS[name])), np.full(20, -3, np.float32)
    model = random_detector()
    model.scorer_ = ac.detect.FrameScorer(np.array(["a", "b"]), features, network, still, np.full(20, 2, np.float32))
    models.export_c(model, tmp_path / "words.h")
    wanted = model.scorer_.posteriors(sound(1.5))
    got = rows_in_c(tmp_path, sound(1.5), *SANITIZED).reshape(-1, 2)
    assert np.ptp(wanted[:, 0]) > 1e-3
    assert len(got) > 25
    np.testing.assert_allclose(got[: len(wanted)], wanted[: len(got)], atol=1e-4)


@pytest.mark.parametrize("name", ["ds-cnn-s", "bc-resnet-1"])
def test_classifiers(tmp_path, name):
    model = random_classifier(name)
    model.scorer_ = dataclasses.replace(model.scorer_, tta_shifts_s=(-0.05, 0.0), tta_pitch_factors=(0.9, 1.0, 1.15))
    models.export_c(model, tmp_path / "words.h")
    assert "makes of them in WORDS_PITCHES pitches" in (tmp_path / "words.h").read_text()
    wanted = model.scorer_.stream().process(sound(1.3))
    got = rows_in_c(tmp_path, sound(1.3)).reshape(-1, 2)
    assert len(got) > 5
    np.testing.assert_allclose(got, wanted[: len(got)], atol=1e-4)


def test_sound_events_may_overlap(tmp_path):
    model = random_sound_event_detector()
    export = models.export_c(model, tmp_path / "words.h")
    got = rows_in_c(tmp_path, sound(1.5)).reshape(-1, len(model.classes_))
    assert len(got) > 10
    np.testing.assert_allclose(got, model.scorer_.posteriors(sound(1.5))[: len(got)], atol=1e-4)
    assert export.compiler is not None


def test_int8(detector, tmp_path):
    model, plain, _ = detector
    calibration = models.Calibration(sound(4.0).reshape(4, -1), np.array([0, 1, 1, 0]))
    export = models.export_c(model, tmp_path / "words.h", calibration=calibration)
    assert export.weights < plain.weights / 2
    assert export.int8.clips == 2
    assert 0 < export.int8.deviation < 0.5
    assert export.int8.float_accuracy in (0, 0.5, 1)
    got = rows_in_c(tmp_path, sound()).reshape(-1, 2)
    wanted = model.scorer_.posteriors(sound())[: len(got)]
    assert 0 < np.abs(got - wanted).max() < 0.5


def test_weights_as_whole_numbers():
    weight = R.standard_normal((3, 4, 5)).astype(np.float32)
    weight[..., 2] = 0
    whole, scale = quantised(weight)
    assert np.abs(whole).max(axis=(0, 1)).tolist() == [127, 127, 0, 127, 127]
    assert (np.abs(whole * scale - weight) <= 0.501 * scale).all()


def test_what_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"DenoiserModel is wanted, not ReLU\(\)"):
        models.export_c(nn.ReLU(), tmp_path / "words.h")
    with pytest.raises(ArgumentError, match="MiniRocket cannot be exported to C"):
        models.export_c(random_classifier("minirocket"), tmp_path / "words.h")
    with pytest.raises(ArgumentError, match=r"ends in \.h"):
        models.export_c(random_detector(), tmp_path / "words.c")
    (tmp_path / "words.h").write_text("mine")
    with pytest.raises(ModelFileError, match="exists and is not overwritten"):
        models.export_c(random_detector(), tmp_path / "words.h")


def test_nothing_is_kept_that_differs(tmp_path, monkeypatch):
    compiler("cc")
    monkeypatch.setattr(ac.detect.FrameScorer, "stream", lambda self: ConstantStream())
    with pytest.raises(ModelFileError, match="does not give what the model gives"):
        models.export_c(random_detector(), tmp_path / "words.h")
    assert not [*tmp_path.iterdir()]


class ConstantStream:
    def process(self, samples):
        return np.full((len(samples) // 320, 2), 0.5, np.float32)


def test_names_and_labels_are_those_of_c(tmp_path):
    model = random_classifier(words=np.array(['j"a\\?', "né"]))
    path = models.export_c(model, Path(tmp_path) / "1 word-x.h").path
    text = path.read_text()
    assert "static inline int model_1_word_x_step(" in text
    assert r'{"j\042a\134\077", "n\303\251"}' in text
