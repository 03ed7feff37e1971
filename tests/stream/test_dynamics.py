"""Compressor and noise gate: those of the textbook, whatever the cut, and without clicks when they are set."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from tests import naive_stages
from tests.compare import assert_close
from tests.naive_stages import coefficient, over
from tests.signals import channel_noise
from tests.streaming import run

RATE = 8000
TIMES_MS = st.sampled_from([0.0, 0.1, 3.0, 150.0])
CUTS = st.lists(st.integers(0, 300), min_size=1, max_size=4).filter(any)
MAKE = {
    "compressor": lambda channels: ac.Compressor(-20.0, 4.0, sample_rate=RATE, release_ms=20, channels=channels),
    "gate": lambda channels: ac.NoiseGate(-12.0, sample_rate=RATE, hold_ms=3, release_ms=10, channels=channels),
}
STAGES = pytest.mark.parametrize("make", MAKE.values(), ids=MAKE)


def speech_like(samples, channels=1, seed=0):
    """Noise that comes and goes."""
    level = 10 ** (np.sin(np.arange(samples) / 90) - 1)
    x = channel_noise(samples, channels, seed)
    return (x * (level if channels == 1 else level[:, None])).astype("float32")


def settings_of(stage, frames):
    """The numbers of the oracle for each frame."""
    values = {"threshold": stage.threshold_db, "ratio": stage.ratio, "knee": stage.knee_db, "makeup": stage.makeup_db,
              "attack": coefficient(stage.attack_ms, RATE), "release": coefficient(stage.release_ms, RATE)}  # fmt: skip
    return {name: np.full(frames, value, float) for name, value in values.items()}


@given(
    st.floats(-60, 6), st.floats(1, 50), st.floats(0, 20), TIMES_MS, TIMES_MS, st.integers(1, 3), CUTS,
    st.integers(0, 9),
)  # fmt: skip
def test_a_compressor_is_that_of_the_textbook_at_any_cut(threshold, ratio, knee, attack, release, channels, cut, seed):
    x = speech_like(700, channels, seed)
    stage = ac.Compressor(threshold, ratio, sample_rate=RATE, attack_ms=attack, release_ms=release, knee_db=knee,
                          makeup_db=3.0, channels=channels)  # fmt: skip
    y = run(stage, x, cut)
    expected = naive_stages.compressor(x.reshape(700, channels), settings_of(stage, 700))
    assert_close(y.reshape(700, channels), expected, 1e-6)
    assert np.array_equal(stage(x), y)


@given(
    st.floats(-60, 0), st.floats(0, 20), TIMES_MS, st.integers(0, 40), TIMES_MS, st.floats(0, 100),
    st.integers(1, 3), CUTS, st.integers(0, 9),
)  # fmt: skip
def test_a_gate_is_that_of_loops_at_any_cut(
    threshold, hysteresis, attack, hold, release, reduction, channels, cut, seed
):
    x = speech_like(700, channels, seed)
    stage = ac.NoiseGate(threshold, sample_rate=RATE, attack_ms=attack, hold_ms=1000 * hold / RATE, release_ms=release,
                         hysteresis_db=hysteresis, reduction_db=reduction, channels=channels)  # fmt: skip
    y = run(stage, x, cut)
    opens = 10 ** (threshold / 20)
    expected = naive_stages.noise_gate(
        x.reshape(700, channels), opens, opens * 10 ** (-hysteresis / 20), 10 ** (-reduction / 20),
        coefficient(attack, RATE), coefficient(release, RATE), hold,
    )  # fmt: skip
    assert_close(y.reshape(700, channels), expected, 1e-6)
    assert np.array_equal(stage(x), y)


@pytest.mark.parametrize("above_db", [-10, 0, 12])
def test_levels_in_and_out_are_those_of_the_curve(above_db):
    """Above the threshold each `ratio` dB give one; in the middle of the knee it is an eighth of its width less."""
    stage = ac.Compressor(-30.0, 4.0, sample_rate=RATE, attack_ms=0, release_ms=0, knee_db=8.0)
    y = stage(np.full(9, 10 ** ((above_db - 30) / 20), "float32"))
    wanted = {-10: -40.0, 0: -30 - 0.75 * 4**2 / 16, 12: -30 + 12 / 4}[above_db]
    assert 20 * np.log10(y[-1]) == pytest.approx(wanted, abs=1e-4)


def test_attack_and_release_take_their_time():
    x = np.concatenate([np.full(RATE, 1.0), np.full(RATE, 0.01)]).astype("float32")
    stage = ac.Compressor(-20.0, 2.0, sample_rate=RATE, attack_ms=10, release_ms=50, knee_db=0)
    reduction = -20 * np.log10(stage(x) / x)
    assert reduction[80] == pytest.approx(10 * (1 - np.exp(-81 / 80)), rel=1e-3)
    assert reduction[RATE - 1] == pytest.approx(10.0, rel=1e-5)
    released, attacked = np.exp(-np.arange(1, RATE) / 400), np.exp(-1 / 80)
    expected = 10.0
    for way in released[:400]:
        expected = attacked * expected + (1 - attacked) * 10 * way
    assert reduction[RATE + 399] == pytest.approx(expected, rel=1e-3)


def test_what_a_gate_lets_through_keeps_its_bits_and_the_rest_is_silent():
    x = np.concatenate([channel_noise(800) * 1e-4, channel_noise(800), channel_noise(4000) * 1e-4]).astype("float32")
    stage = ac.NoiseGate(-40.0, sample_rate=RATE, attack_ms=0, hold_ms=5, release_ms=2, reduction_db=np.inf)
    y = stage(x)
    assert not y[:800].any()
    assert np.array_equal(y[800:1600], x[800:1600])
    closing = 1600 - 1 - np.flatnonzero(np.abs(x[1599::-1]) >= 0.005)[0] + 40
    assert np.array_equal(y[1600 : closing + 1], x[1600 : closing + 1])
    assert 0 < np.abs(y[closing + 2]) < np.abs(x[closing + 2])
    assert not y[-2000:].any()
    assert not stage.is_open


def test_the_gain_of_all_channels_is_one():
    quiet, loud = channel_noise(500, seed=1) * np.float32(0.001), channel_noise(500, seed=2)
    x = np.stack([quiet, loud], axis=1)
    for make in MAKE.values():
        y = make(2)(x)
        ratio = y.astype(float) / x
        assert_close(ratio[:, 0], ratio[:, 1], 1e-6)


CHANGES = {"threshold_db": -30.0, "ratio": 2.0, "knee_db": 0.5, "makeup_db": -6.0, "attack_ms": 1.0, "release_ms": 5.0}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_set_on_a_compressor_is_reached_in_a_straight_line_over_the_next_block(name):
    x, stage = speech_like(600), MAKE["compressor"](1)
    before = settings_of(stage, 600)
    parts = [stage.process(x[:200])]
    setattr(stage, name, CHANGES[name])
    assert getattr(stage, name) == CHANGES[name]
    parts += [stage.process(x[200:300]), stage.process(x[300:])]
    after, expected = settings_of(stage, 600), dict(before)
    for key, start in before.items():
        line = over(start[0], after[key][0], 100)
        if key == "ratio":
            line = 1 / (1 - over(1 - 1 / start[0], 1 - 1 / after[key][0], 100))
        expected[key] = np.concatenate([start[:200], line, after[key][300:]])
    assert_close(np.concatenate(parts), naive_stages.compressor(x[:, None], expected)[:, 0], 1e-6)
    stage.reset()
    y = stage.process(x)
    assert_close(y, naive_stages.compressor(x[:, None], after)[:, 0], 1e-6)


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        ("compressor", "makeup_db", 12.0), ("compressor", "threshold_db", -40.0), ("compressor", "ratio", 20.0),
        ("compressor", "knee_db", 0.0), ("gate", "threshold_db", 0.0), ("gate", "reduction_db", 10.0),
    ],
)  # fmt: skip
def test_what_is_set_does_not_click(make, name, value):
    """A tone while a parameter jumps: no step from sample to sample beyond that of the louder of the tones."""
    tone = (0.5 * np.sin(2 * np.pi * 50 / RATE * np.arange(4096))).astype("float32")
    stage = MAKE[make](1)
    stage.process(tone[:2048])
    setattr(stage, name, value)
    y = np.concatenate([stage.process(tone[2048:3072]), stage.process(tone[3072:])])
    assert np.abs(np.diff(y)).max() < 1.3 * np.abs(y).max() * 2 * np.pi * 50 / RATE


@STAGES
@pytest.mark.parametrize("channels", [1, 2])
def test_bad_samples_are_zeros_and_counted(make, channels):
    x = speech_like(600, channels).reshape(600, channels)
    x[[5, 300, 301], 0] = np.nan, np.inf, -np.inf
    clean, stage = np.where(np.isfinite(x), x, np.float32(0)), make(channels)
    y = stage.process(x)
    assert stage.nonfinite_count == 3
    assert np.array_equal(y, make(channels).process(clean))
    assert len(stage.flush()) == 0
    assert stage.nonfinite_count == 0
    assert np.array_equal(stage.process(clean), y)  # as new


@STAGES
def test_silence_stays_silence_and_leaves_no_denormals(make):
    stage = make(1)
    stage.process(channel_noise(100))
    y = stage.process(np.concatenate([np.zeros(50 * RATE), np.full(9, 1e-39)]).astype("float32"))
    assert not y[:-9].any()
    memory = stage._memory
    assert not ((memory != 0) & (np.abs(memory) < 1e-300)).any()


@STAGES
def test_a_pickled_stage_goes_on_where_it_was(make):
    x, stage = speech_like(900, 2), make(2)
    stage.process(x[:400])
    copied = pickle.loads(pickle.dumps(stage))
    assert np.array_equal(copied.process(x[400:]), stage.process(x[400:]))
    assert repr(copied) == repr(stage)


@STAGES
def test_it_writes_in_place_and_runs_in_a_chain(make):
    x, stage = speech_like(500, 2), make(2)
    expected = stage(x)
    out = x.copy()
    assert stage.process(out, out=out) is out
    assert np.array_equal(out, expected)
    chain = ac.Chain([make(2), ac.Gain(6.0, channels=2)])
    assert chain.rate_in == RATE
    assert_close(chain(x), ac.Gain(6.0, channels=2)(expected), 1e-6)
    with pytest.raises(ac.ArgumentError, match="made for 8000 Hz, but what comes before it for 48000"):
        ac.Chain([ac.Limiter(sample_rate=48000, channels=2), make(2)])


def test_what_they_did_may_be_read():
    stage = ac.Compressor(-20.0, 2.0, sample_rate=RATE, attack_ms=0, release_ms=0, knee_db=0)
    stage.process(np.ones(3, "float32"))
    assert stage.gain_reduction_db == pytest.approx(10.0)
    stage.reset()
    assert stage.gain_reduction_db == 0
    gate = MAKE["gate"](1)
    assert not gate.is_open
    gate.process(np.ones(1, "float32"))
    assert gate.is_open


@pytest.mark.parametrize(
    ("match", "made"),
    [
        ("ratio must be at least 1", lambda: ac.Compressor(ratio=0.5, sample_rate=RATE)),
        ("attack_ms must be at least 0", lambda: ac.Compressor(attack_ms=-1, sample_rate=RATE)),
        ("release_ms must be at least 0", lambda: ac.Compressor(release_ms=-1, sample_rate=RATE)),
        ("knee_db must be at least 0", lambda: ac.Compressor(knee_db=-1, sample_rate=RATE)),
        ("makeup_db must be a finite number of dB", lambda: ac.Compressor(makeup_db=1000, sample_rate=RATE)),
        ("threshold_db must be a finite number", lambda: ac.Compressor(np.inf, sample_rate=RATE)),
        ("sample_rate must be above 0", lambda: ac.Compressor(sample_rate=0)),
        ("hold_ms must be at least 0", lambda: ac.NoiseGate(hold_ms=-1, sample_rate=RATE)),
        ("hysteresis_db must be at least 0", lambda: ac.NoiseGate(hysteresis_db=-1, sample_rate=RATE)),
        ("reduction_db must be at least 0", lambda: ac.NoiseGate(reduction_db=-1, sample_rate=RATE)),
        ("reduction_db must be a finite number", lambda: ac.NoiseGate(reduction_db=np.nan, sample_rate=RATE)),
        ("threshold_db must be a finite number", lambda: setattr(MAKE["gate"](1), "threshold_db", "low")),
        ("ratio must be at least 1", lambda: setattr(MAKE["compressor"](1), "ratio", 0)),
    ],
)
def test_what_they_refuse(match, made):
    with pytest.raises(ac.ArgumentError, match=match):
        made()


def test_what_is_refused_changes_nothing():
    stage = MAKE["compressor"](1)
    with pytest.raises(ac.ArgumentError):
        stage.ratio = 0.5
    x = speech_like(300)
    assert stage.ratio == 4.0
    assert np.array_equal(stage.process(x), MAKE["compressor"](1).process(x))
