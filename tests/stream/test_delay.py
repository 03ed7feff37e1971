"""Echoes: those of loops, whatever the cut; their tail; and another delay without a click."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from tests import naive_stages
from tests.compare import assert_close
from tests.naive_stages import over
from tests.signals import channel_noise
from tests.streaming import run

RATE = 1000


@given(
    st.integers(1, 300), st.floats(-0.99, 0.99), st.floats(0, 1), st.integers(1, 3),
    st.lists(st.integers(0, 300), min_size=1, max_size=4).filter(any),
)  # fmt: skip
def test_echoes_are_those_of_loops_at_any_cut(samples, feedback, mix, channels, cut):
    x = channel_noise(700, channels)
    stage = ac.Delay(samples / RATE, feedback, mix, sample_rate=RATE, max_delay_s=0.3, channels=channels)
    y = np.concatenate([stage.process(x[first : first + 233]) for first in range(0, 700, 233)])
    made = [np.full(700, value) for value in (float(samples), feedback, mix)]
    expected = naive_stages.delay(x.reshape(700, channels), *made)
    assert_close(y.reshape(700, channels), expected, 2e-6)
    stage.reset()
    ended = run(stage, x, cut)
    assert np.array_equal(ended[:700], y)
    assert len(ended) == 700 + stage.tail
    assert np.array_equal(stage(x), ended)


def test_an_echo_comes_when_it_should():
    y = ac.Delay(0.25, 0.0, 0.5, sample_rate=48000)(np.ones(1, "float32"))
    assert np.flatnonzero(y).tolist() == [0, 12000]
    assert len(y) == 1 + 12000
    assert len(ac.Delay(0.25, 0.5, 0.0, sample_rate=48000)(np.ones(9, "float32"))) == 9  # nothing of it is heard


@pytest.mark.parametrize("feedback", [0.3, -0.7, 0.99])
def test_the_tail_ends_60_db_below(feedback):
    stage = ac.Delay(0.005, feedback, 1.0, sample_rate=RATE)
    y = stage(np.ones(1, "float32"))
    echoes = y[5::5]
    assert abs(echoes[0]) == 1
    assert abs(echoes[-2]) > 1e-3 >= abs(echoes[-1]) * (1 - 1e-5)


@pytest.mark.parametrize(("name", "value"), [("delay_s", 0.09), ("feedback", -0.5), ("mix", 0.9)])
def test_what_is_set_is_reached_in_a_straight_line_over_the_next_block(name, value):
    x, stage = channel_noise(600), ac.Delay(0.03, 0.6, 0.4, sample_rate=RATE)
    parts = [stage.process(x[:200])]
    before = {"delay_s": 0.03, "feedback": 0.6, "mix": 0.4}
    setattr(stage, name, value)
    assert getattr(stage, name) == value
    parts += [stage.process(x[200:300]), stage.process(x[300:])]
    if name == "delay_s":
        expected = crossfaded(x)
    else:
        made = [
            np.concatenate([np.full(200, old), over(old, new, 100), np.full(300, new)])
            for old, new in ((v, value if key == name else v) for key, v in before.items())
        ]
        expected = naive_stages.delay(x[:, None], np.full(600, 30.0), *made[1:])[:, 0]
    assert_close(np.concatenate(parts), expected, 2e-6)
    stage.reset()  # which is there at once
    assert np.array_equal(stage.process(x[:5]), ac.Delay(**before | {name: value}, sample_rate=RATE).process(x[:5]))


def crossfaded(x):
    """The echo of 30 samples until 200, then that of 90, faded to over 100; feedback 0.6, mix 0.4."""
    y, line = np.empty(len(x)), np.zeros(len(x) + 100)
    fade = np.concatenate([np.zeros(200), over(0, 1, 100), np.ones(len(x) - 300)])
    for t in range(len(x)):
        late = (1 - fade[t]) * line[100 + t - 30] + fade[t] * line[100 + t - 90]
        line[100 + t] = x[t] + 0.6 * late
        y[t] = 0.6 * x[t] + 0.4 * late
    return y


def test_another_delay_does_not_click():
    tone = (0.5 * np.sin(2 * np.pi * 50 / 8000 * np.arange(4096))).astype("float32")
    stage = ac.Delay(0.1, 0.0, 1.0, sample_rate=8000)
    stage.process(tone[:2048])
    stage.delay_s = 0.021
    y = np.concatenate([stage.process(tone[2048:3072]), stage.process(tone[3072:])])
    assert np.abs(np.diff(y)).max() < 1.1 * 0.5 * 2 * np.pi * 50 / 8000


def test_bad_samples_are_zeros_and_counted_and_do_not_stay_in_the_line():
    x = channel_noise(600, 2)
    x[[5, 300, 301], 0] = np.nan, np.inf, -np.inf
    clean, stage = np.where(np.isfinite(x), x, np.float32(0)), ac.Delay(0.05, 0.9, sample_rate=RATE, channels=2)
    y = stage.process(x)
    assert stage.nonfinite_count == 3
    assert np.array_equal(y, ac.Delay(0.05, 0.9, sample_rate=RATE, channels=2).process(clean))
    stage.flush()
    assert stage.nonfinite_count == 0
    loud = ac.Delay(0.001, 0.9, sample_rate=RATE)
    assert np.isfinite(loud.process(np.full(100, 3e38, "float32"))).all()
    assert loud.nonfinite_count > 0


def test_a_fading_echo_ends_in_zeros():
    stage = ac.Delay(0.001, 0.5, 1.0, sample_rate=RATE)
    stage.process(np.ones(1, "float32"))
    y = stage.process(np.zeros(300, "float32"))
    assert y[100] > 0
    assert not y[150:].any()  # no denormals


def test_a_pickled_stage_goes_on_where_it_was():
    x, stage = channel_noise(900, 2), ac.Delay(0.05, 0.5, sample_rate=RATE, channels=2)
    stage.process(x[:400])
    copied = pickle.loads(pickle.dumps(stage))
    assert np.array_equal(copied.process(x[400:]), stage.process(x[400:]))
    copied.mix = 0.25
    assert copied.mix == 0.25


@pytest.mark.parametrize(
    ("match", "made"),
    [
        ("delay_s must be above 0", lambda: ac.Delay(0.0, sample_rate=RATE)),
        ("delay_s must be above 0 and at most 0.1", lambda: ac.Delay(0.2, sample_rate=RATE, max_delay_s=0.1)),
        ("delay_s must be .*at most 2", lambda: setattr(ac.Delay(sample_rate=RATE), "delay_s", 3.0)),
        ("feedback must be at least -0.99 and at most 0.99", lambda: ac.Delay(feedback=1.0, sample_rate=RATE)),
        ("mix must be at least 0 and at most 1", lambda: ac.Delay(mix=1.5, sample_rate=RATE)),
        ("max_delay_s must be above 0", lambda: ac.Delay(sample_rate=RATE, max_delay_s=0)),
        ("sample_rate must be a finite number", lambda: ac.Delay(sample_rate=None)),
    ],
)
def test_what_it_refuses(match, made):
    with pytest.raises(ac.ArgumentError, match=match):
        made()
