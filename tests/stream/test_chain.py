"""Stages of sound and their chains: what each computes, and that neither the cut nor the chain matters."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

import audioconv as ac
from tests.compare import assert_close
from tests.signals import channel_noise
from tests.streaming import run

RNG = np.random.default_rng
RATE = 16000
SOS = signal.butter(6, [0.05, 0.4], "bandpass", output="sos")


def a_chain(channels):
    ir = RNG(1).standard_normal(500).astype("float32")
    inside = ac.Chain([ac.Biquad(SOS[:1], channels=channels), ac.StreamConvolver(ir, channels=channels)])
    return ac.Chain([ac.Gain(-6.0, channels=channels), ac.DryWet(inside, 0.3), ac.Biquad(SOS, channels=channels)])


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_sections_are_those_of_scipy(channels):
    x = channel_noise(1000, channels)
    y = run(ac.Biquad(SOS, channels=channels), x, [1000])
    assert y.dtype == np.float32
    assert_close(y, signal.sosfilt(SOS, x.astype(float), axis=0), 1e-7)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=4), st.sampled_from([1, 2]))
def test_the_cut_does_not_matter(sizes, channels):
    x = channel_noise(1500, channels)
    chain = a_chain(channels)
    whole = run(chain, x, [1500])
    assert len(whole) == 1500 + 499
    assert_close(run(chain, x, sizes), whole, 2e-6)  # and after a flush it is as new
    chain.process(x[:100])
    chain.reset()
    assert np.array_equal(run(chain, x, [512]), whole)


@pytest.mark.parametrize("channels", [1, 2])
def test_a_chain_is_its_stages_one_after_the_other(channels):
    x, ir = channel_noise(2000, channels), RNG(1).standard_normal(300).astype("float32")

    def stages():
        return [ac.Biquad(SOS, channels=channels), ac.StreamConvolver(ir, channels=channels, max_block=4000),
                ac.Gain(3.0, channels=channels)]  # fmt: skip

    expected = x
    for stage in stages():
        expected = np.concatenate([stage.process(expected), stage.flush()])
    assert_close(run(ac.Chain(stages()), x, [64]), expected, 2e-6)


def test_a_filter_of_a_chain_is_streamed_for_its_channels():
    x, taps = channel_noise(200, 2), np.array([0.5, 0.25], "float32")
    y = run(ac.Chain([ac.Fir(taps), ac.Gain(0.0, channels=2)]), x, [33])
    assert_close(y, ac.convolve(x, taps), 1e-6)
    assert len(run(ac.Chain([ac.Fir(taps)]), channel_noise(9), [9])) == 10


def test_a_new_gain_is_reached_in_a_straight_line_over_one_block():
    gain = ac.Gain(0.0)
    gain.gain_db = 20 * np.log10(3.0)
    assert_close(gain.process(np.ones(4, "float32")), [1.5, 2.0, 2.5, 3.0], 1e-7)
    assert_close(gain.process(np.ones(2, "float32")), [3.0, 3.0], 1e-7)
    gain.gain_db = -np.inf
    assert gain.process(np.ones(2, "float32"))[-1] == 0


def test_dry_and_wet_are_mixed():
    x, stage = channel_noise(600), ac.DryWet(ac.Biquad(SOS), 0.25)
    wet = signal.sosfilt(SOS, x.astype(float))
    assert_close(stage.process(x), 0.75 * x + 0.25 * wet, 1e-6)
    stage = ac.DryWet(ac.Gain(20.0), 0.0)
    stage.wet = 1.0
    assert_close(stage.process(np.ones(2, "float32")), [5.5, 10.0], 1e-6)
    assert_close(run(ac.DryWet(ac.StreamConvolver(np.ones(3, "float32")), 0.5), np.ones(2, "float32"), [1]),
                 [1.0, 1.5, 1.0, 0.5], 1e-6)  # fmt: skip


def test_a_stage_writes_where_it_is_told():
    x = channel_noise(50)
    expected = ac.Gain(6.0).process(x)
    out = x.copy()
    assert ac.Gain(6.0).process(out, out=out) is out
    assert np.array_equal(out, expected)
    filtered, other = ac.Biquad(SOS), ac.Biquad(SOS)
    out.flags.writeable = False
    for wrong, error in ((np.empty(3, "float32"), ac.ShapeError), (np.empty(50), ac.DtypeError), (out, ac.ShapeError)):
        with pytest.raises(error, match="out must be"):
            filtered.process(x, out=wrong)
    assert np.array_equal(filtered.process(x), other.process(x))  # nothing had happened


def test_fading_sound_ends_in_zeros():
    stage = ac.Biquad([[1.0, 0, 0, 1, -0.999, 0]])
    stage.process(np.array([1.0], "float32"))
    y = stage.process(np.zeros(200_000, "float32"))
    assert y[50_000] > 0
    assert not y[100_000:].any()  # no denormals


def bad_samples(channels):
    """Noise, and the same with samples that are not finite, and with zeros instead of them."""
    x = channel_noise(2000, channels)
    spoilt = x.copy()
    spoilt.reshape(-1)[[700, 1205, 1206]] = np.nan, np.inf, -np.inf
    return x, spoilt, np.where(np.isfinite(spoilt), spoilt, np.float32(0))


@pytest.mark.parametrize("sizes", [[2000], [64], [1], [0, 300, 7]])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_bad_sample_does_no_lasting_harm(channels, sizes):
    x, spoilt, clean = bad_samples(channels)

    def chain():
        inside = ac.Chain([ac.Biquad(SOS, channels=channels), ac.Limiter(-6.0, sample_rate=RATE, channels=channels)])
        return ac.Chain([ac.Gain(3.0, channels=channels), ac.DryWet(inside, 0.5), ac.Biquad(SOS, channels=channels)])

    for make in (
        chain,
        lambda: ac.Biquad(SOS, channels=channels),
        lambda: ac.Limiter(sample_rate=RATE, channels=channels),
    ):
        stage = make()
        y = run(stage, spoilt, sizes)
        assert np.isfinite(y).all()
        assert np.array_equal(y, run(make(), clean, sizes))
        before = 700 // channels + stage.latency
        assert np.array_equal(y[:before], run(make(), x, sizes)[:before])  # what came before keeps its bits
        stage.process(spoilt[:1000])
        copied = pickle.loads(pickle.dumps(stage))
        assert stage.nonfinite_count == copied.nonfinite_count == (1 if channels == 1 else 3)
        stage.flush()
        assert stage.nonfinite_count == 0
        assert np.array_equal(run(stage, clean, sizes), y)  # as new


def test_a_bad_sample_in_one_channel_leaves_the_others_alone():
    x = channel_noise(1000, 2)
    spoilt = x.copy()
    spoilt[100:103, 0] = np.nan, np.inf, -np.inf
    assert np.array_equal(ac.Biquad(SOS, channels=2).process(spoilt)[:, 1], ac.Biquad(SOS).process(x[:, 1].copy()))


def test_a_result_ends_with_the_signal_unless_zeros_follow():
    x, stage = channel_noise(100), ac.Biquad(SOS)
    assert len(run(stage, x)) == 100
    y = run(stage, np.concatenate([x, np.zeros(50, "float32")]))
    assert np.abs(y[100:]).max() > 0.01


@pytest.mark.parametrize("made", [lambda: a_chain(2), lambda: ac.Biquad(SOS, channels=2)])
def test_a_pickled_stage_goes_on_where_it_was(made):
    stage, x = made(), channel_noise(700, 2)
    stage.process(x[:300])
    copy = pickle.loads(pickle.dumps(stage))
    assert np.array_equal(copy.process(x[300:]), stage.process(x[300:]))


def test_what_stages_refuse():
    with pytest.raises(ac.ShapeError, match="sos must have shape"):
        ac.Biquad(np.ones(6))
    with pytest.raises(ac.ArgumentError, match="a0"):
        ac.Biquad(np.zeros((1, 6)))
    with pytest.raises(ac.ArgumentError, match="wet must be"):
        ac.DryWet(ac.Gain(), 1.5)
    with pytest.raises(ac.ArgumentError, match="gain_db"):
        ac.Gain(np.nan)
    with pytest.raises(ac.ArgumentError, match=r"stage 2 of the chain, Gain, takes 2 .* Gain before it gives 1"):
        ac.Chain([ac.Gain(), ac.Gain(channels=2)])
    with pytest.raises(ac.ArgumentError, match="at least one stage"):
        ac.Chain([])
    with pytest.raises(ac.ArgumentError, match="cannot be a stage"):
        ac.Chain([np.ones(3)])
    with pytest.raises(ac.DtypeError, match="float32"):
        ac.Chain([ac.StreamConvolver(np.ones(3), dtype="float64")])
    with pytest.raises(ac.DtypeError, match="must be float32"):
        ac.Gain().process(np.ones(3))
    with pytest.raises(ac.ShapeError, match="must have shape"):
        ac.Gain(channels=2).process(np.ones(3, "float32"))


@pytest.mark.parametrize(
    ("kind", "low_db", "middle_db", "high_db"),
    [
        ("lowpass", 0, -3.01, -np.inf), ("highpass", -np.inf, -3.01, 0), ("bandpass", -np.inf, 0, -np.inf),
        ("notch", 0, -np.inf, 0), ("allpass", 0, 0, 0), ("peak", 0, 12, 0), ("lowshelf", 12, 6, 0),
        ("highshelf", 0, 6, 12),
    ],
)  # fmt: skip
@pytest.mark.parametrize("frequency_hz", [200.0, 9000.0])
def test_shapes_have_their_gains(kind, low_db, middle_db, high_db, frequency_hz):
    filter = ac.Biquad.design(kind, 48000, frequency_hz, gain_db=12.0)
    response = np.fft.rfft(filter.process(np.eye(1, 48000, dtype="float32")[0]).astype(float))
    for gain_db, bin in ((low_db, 0), (middle_db, int(frequency_hz)), (high_db, 24000)):
        found = np.abs(response[bin])
        if gain_db == -np.inf:
            assert found < 1e-4
        else:
            assert abs(20 * np.log10(found) - gain_db) < 0.02


def test_what_shapes_refuse():
    for options, match in (
        (("low", 48000, 100), "kind"), (("peak", 48000, 24000), "frequency_hz"), (("peak", 48000, 100, 0), "q must"),
    ):  # fmt: skip
        with pytest.raises(ac.ArgumentError, match=match):
            ac.Biquad.design(*options[:3], **({"q": options[3]} if options[3:] else {}))
    with pytest.raises(ac.ArgumentError, match="gain_db"):
        ac.Biquad.design("peak", 48000, 100, gain_db=np.inf)


def limited(x, threshold, look_ahead, release):
    """A limiter, frame by frame and sum by sum; x (samples, channels)."""
    need = np.minimum(1.0, threshold / np.maximum(np.abs(x).max(axis=1), 1e-30))
    gain, gains = 1.0, [1.0] * look_ahead
    for n in range(len(x)):
        gain = min(need[max(0, n - look_ahead) : n + 1].min(), gain + (1 - gain) * release)
        gains.append(gain)
    means = [np.mean(gains[n : n + look_ahead + 1]) for n in range(len(x))]
    late = np.concatenate([np.zeros((look_ahead, x.shape[1])), x])[: len(x)]
    return late * np.array(means)[:, None]


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 99),
    st.integers(0, 40),
    st.sampled_from([1, 2]),
    st.lists(st.integers(1, 300), min_size=1, max_size=3),
)
def test_a_limiter_equals_loops_at_any_cut_and_lets_nothing_through(seed, look_ahead, channels, sizes):
    x = channel_noise(700, channels, seed) * np.float32(0.7)
    x[200:210] *= 8
    limiter = ac.Limiter(-6.0, sample_rate=1000, look_ahead_ms=look_ahead, release_ms=30, channels=channels)
    assert limiter.latency == look_ahead
    y, ended = run(limiter, x, sizes), np.concatenate([x, np.zeros_like(x[:look_ahead])])
    threshold = 10 ** (-6 / 20)
    expected = limited(ended.reshape(len(y), channels).astype(float), threshold, look_ahead, -np.expm1(-1 / 30))
    assert_close(y.reshape(len(y), channels), expected, 1e-6)
    assert np.abs(y).max() <= threshold * (1 + 1e-6)
    assert np.array_equal(run(limiter, x, [700]), y)


def test_what_is_below_the_threshold_is_only_late():
    x = channel_noise(300) * np.float32(0.1)
    y = run(ac.Limiter(0.0, sample_rate=48000), x, [128])
    assert np.array_equal(y[72:], x)
    assert not y[:72].any()


def test_a_chain_is_late_by_its_stages():
    chain = ac.Chain(
        [ac.Gain(20.0), ac.Limiter(-1.0, sample_rate=48000), ac.StreamConvolver(np.ones(3, "float32") / 3)]
    )
    assert chain.latency == 72
    y = run(chain, channel_noise(500), [64])
    assert len(y) == 500 + 72 + 2
    assert np.abs(y).max() <= 10 ** (-1 / 20) * (1 + 1e-6)
    with pytest.raises(ac.ArgumentError, match="sample_rate"):
        ac.Limiter(sample_rate=0)
    with pytest.raises(ac.ArgumentError, match="threshold_db"):
        ac.Limiter(np.inf, sample_rate=48000)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("sizes", [[7, 0, 300], [2000]])
def test_the_dry_signal_is_as_late_as_the_stage(channels, sizes):
    x, ir = channel_noise(1000, channels), RNG(2).standard_normal(60).astype("float32")
    inside = ac.Chain([
        ac.Limiter(60.0, sample_rate=1000, look_ahead_ms=40, channels=channels),  # which does nothing but be late
        ac.StreamConvolver(ir, channels=channels),
    ])  # fmt: skip
    stage = ac.DryWet(inside, 0.25)
    assert stage.latency == 40
    wet = ac.convolve(x, ir)
    expected = 0.25 * wet
    expected[:1000] += 0.75 * x
    for _ in range(2):  # a flush leaves it as new
        y = run(stage, x, sizes)
        assert not y[:40].any()
        assert_close(y[40:], expected, 1e-6)


def moving_sections(x, before, after, at, length):
    """Sections in direct form II transposed, whose coefficients go from one to the other over `length` samples."""
    y, state = x.astype(float), np.zeros((len(before), 2))
    for t in range(len(x)):
        done = min(max((t + 1 - at) / length, 0.0), 1.0)
        for section, z in zip((1 - done) * before + done * after, state, strict=True):
            b0, b1, b2, _, a1, a2 = section
            v, y[t] = y[t], b0 * y[t] + z[0]
            z[:] = b1 * v - a1 * y[t] + z[1], b2 * v - a2 * y[t]
    return y


@pytest.mark.parametrize("length", [1, 7, 256, 700])
def test_new_sections_are_reached_in_a_straight_line_over_one_block(length):
    x = channel_noise(3000)
    other = signal.butter(6, [0.2, 0.7], "bandpass", output="sos")
    filter = ac.Biquad(SOS)
    parts = [filter.process(x[:1000])]
    filter.sos = other
    parts += [filter.process(x[1000 : 1000 + length]), filter.process(x[1000 + length :])]
    assert_close(np.concatenate(parts), moving_sections(x, SOS, other, 1000, length), 2e-7)
    assert np.array_equal(filter.sos, other)
    filter.sos = SOS
    filter.reset()  # which is at the new sections at once
    assert_close(filter.process(x), signal.sosfilt(SOS, x.astype(float)), 1e-7)


def test_new_sections_do_not_click():
    """A tone through a shelf that goes up by 12 dB: no step from sample to sample beyond that of the louder tone."""
    tone = np.sin(2 * np.pi * 200 / 48000 * np.arange(4096)).astype("float32")
    filter = ac.Biquad.design("lowshelf", 48000, 1000.0)
    filter.process(tone[:2048])
    filter.sos = ac.Biquad.design("lowshelf", 48000, 1000.0, gain_db=12.0).sos
    y = np.concatenate([filter.process(tone[2048:3072]), filter.process(tone[3072:])])
    assert np.abs(y[1500:]).max() > 3.5
    assert np.abs(np.diff(y)).max() < 1.1 * 4 * 2 * np.pi * 200 / 48000
    with pytest.raises(ac.ShapeError, match="as many sections as before, 1, not 3"):
        filter.sos = SOS[:3]


def test_a_stage_keeps_the_dimensions_of_its_blocks():
    chain = ac.Chain([ac.Gain(6.0), ac.Limiter(sample_rate=1000, look_ahead_ms=3)])
    column = channel_noise(20).reshape(-1, 1)
    assert run(chain, column, [6]).shape == (23, 1)
    assert run(chain, column[:, 0], [6]).shape == (23,)
    assert run(ac.Biquad(SOS), column, [6]).shape == (20, 1)


def test_stages_show_themselves_in_a_line():
    inside = ac.Limiter(-12.0, sample_rate=RATE, channels=2)
    chain = ac.Chain([ac.Gain(-6.0), ac.MatrixMixer([[1.0, 1.0]]), ac.DryWet(inside, 0.25), ac.Monitor(64, channels=2)])
    assert repr(chain) == "Chain([Gain, MatrixMixer, DryWet, Monitor], channels=1, out_channels=2, latency=24)"
    shown = [*map(repr, chain.stages), repr(inside), repr(ac.Fir(np.ones(3, "float32"))), repr(ac.Resample(2, 1))]
    assert shown == [
        "Gain(gain_db=-6, channels=1)",
        "MatrixMixer(channels=1, out_channels=2)",
        "DryWet(stage=Chain([Limiter], channels=2, latency=24), wet=0.25, channels=2)",
        "Monitor(frames=64, channels=2)",
        f"Limiter(threshold_db=-12, sample_rate={RATE}, look_ahead_ms=1.5, release_ms=50, channels=2)",
        "Fir(taps=3, dtype='float32')",
        "Resample(rate_in=2, rate_out=1, channels=1, quality='HQ')",
    ]
    stream = ac.StreamConvolver(np.ones((100, 2), "float32"), latency=64)
    assert repr(stream) == "StreamConvolver(taps=100, max_block=512, latency=64, channels=1, out_channels=2)"
    assert all("\n" not in repr(stage) for stage in (*chain.stages, ac.Source(np.ones(9, "float32")), ac.Sink(9)))


def test_a_notebook_shows_a_chain_as_a_table():
    chain = ac.Chain([ac.Gain(-6.0), ac.MatrixMixer([[1.0, 1.0]]), ac.Limiter(-12.0, sample_rate=RATE, channels=2)])
    table = chain._repr_html_()
    assert table.startswith("<table>")
    assert table.count("<tr>") == 1 + len(chain.stages)
    assert f"3 stages, latency {chain.latency} samples, {RATE} Hz" in table
    assert "<td>1</td><td>Gain</td><td>1</td><td>0</td><td>gain_db=-6</td>" in table
    assert "<td>2</td><td>MatrixMixer</td><td>1 to 2</td>" in table
    assert "&lt;" in ac.Chain([ac.Gain(), *ac.Chain([lambda block, memory: None]).stages])._repr_html_()
