"""What stages are made with: numbers that are none are refused, sample rates must fit, and channels are told apart."""

import copy
import pickle

import numpy as np
import pytest
import soundfile
from scipy import signal

import audioconv as ac
from audioconv.stream import read_response, response_matrix
from tests.compare import assert_close
from tests.signals import channel_noise
from tests.streaming import run

RATE = 8000
NO_NUMBERS = (np.nan, np.inf, True, "1", None, [1.0], np.ones(2), 1j)
IR = np.array([1.0, 0.5, 0.25], "float32")


def slower(block, memory):
    for t in range(block.shape[0]):
        memory[0] = 0.5 * memory[0] + block[t, 0]
        block[t, 0] = memory[0]


def spoilt(shape, bad):
    array = np.ones(shape, "float32")
    array.reshape(-1)[-1] = bad
    return array


# --- numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "made",
    [
        lambda bad: ac.StreamConvolver(spoilt(9, bad)),
        lambda bad: ac.StreamConvolver(spoilt((9, 2), bad), channels=2, dtype="float64"),
        lambda bad: ac.StreamConvolver(spoilt((9, 2, 3), bad), channels=2),
        lambda bad: ac.StreamConvolver(IR).set_ir(spoilt(9, bad)),
        lambda bad: ac.StreamConvolver2d(spoilt((3, 3), bad), 4),
        lambda bad: ac.Fir(spoilt(9, bad)),
        lambda bad: ac.MatrixMixer(spoilt((2, 2), bad)),
        lambda bad: setattr(ac.MatrixMixer(np.eye(2)), "matrix", spoilt((2, 2), bad)),
        lambda bad: ac.Biquad([[1.0, 0, bad, 1, 0, 0]]),
        lambda bad: setattr(ac.Biquad([[1.0, 0, 0, 1, 0, 0]]), "sos", [[1.0, 0, bad, 1, 0, 0]]),
    ],
)
def test_taps_and_factors_must_be_finite(made, bad):
    with pytest.raises(ac.ArgumentError, match=r"(ir|kernel|taps|matrix|sos) must be finite"):
        made(bad)


def test_what_does_not_fit_into_the_dtype_is_not_finite():
    with pytest.raises(ac.ArgumentError, match="ir must be finite, but 1 of its 2 numbers"):
        ac.StreamConvolver(np.array([1.0, 1e300]))
    assert ac.StreamConvolver(np.array([1.0, 1e300]), dtype="float64").process(np.ones(2))[1] == 1e300
    with pytest.raises(ac.ArgumentError, match="sos divided by its a0"):
        ac.Biquad([[1e300, 0, 0, 1e-300, 0, 0]])


@pytest.mark.parametrize("bad", NO_NUMBERS)
@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("gain_db", lambda bad: ac.Gain(bad)),
        ("gain_db", lambda bad: setattr(ac.Gain(), "gain_db", bad)),
        ("wet", lambda bad: ac.DryWet(ac.Gain(), bad)),
        ("wet", lambda bad: setattr(ac.DryWet(ac.Gain()), "wet", bad)),
        ("threshold_db", lambda bad: ac.Limiter(bad, sample_rate=RATE)),
        ("sample_rate", lambda bad: ac.Limiter(sample_rate=bad)),
        ("look_ahead_ms", lambda bad: ac.Limiter(sample_rate=RATE, look_ahead_ms=bad)),
        ("release_ms", lambda bad: ac.Limiter(sample_rate=RATE, release_ms=bad)),
        ("sample_rate", lambda bad: ac.Biquad.design("peak", bad, 100)),
        ("frequency_hz", lambda bad: ac.Biquad.design("peak", RATE, bad)),
        ("q", lambda bad: ac.Biquad.design("peak", RATE, 100, q=bad)),
        ("gain_db", lambda bad: ac.Biquad.design("peak", RATE, 100, gain_db=bad)),
        ("sample_rate", lambda bad: ac.Biquad([[1, 0, 0, 1, 0, 0]], sample_rate=0 if bad is None else bad)),
        ("sample_rate", lambda bad: ac.StreamConvolver(IR, sample_rate=0 if bad is None else bad)),
        ("sample_rate", lambda bad: ac.JitStage(slower, np.zeros(1), sample_rate=0 if bad is None else bad)),
        ("tail", lambda bad: ac.JitStage(slower, np.zeros(1), tail=bad)),
        ("latency", lambda bad: ac.JitStage(slower, np.zeros(1), latency=bad)),
        ("fade_s", lambda bad: ac.StreamConvolver(IR).set_ir(IR, fade_s=bad)),
        ("rate_in", lambda bad: ac.Resample(bad, RATE)),
        ("rate_out", lambda bad: ac.Resample(RATE, bad)),
        ("channels", lambda bad: ac.Gain(channels=bad)),
    ],
)
def test_parameters_must_be_numbers(name, made, bad):
    with pytest.raises(ac.ArgumentError, match=f"{name} must be"):
        made(bad)


@pytest.mark.parametrize(
    ("match", "made"),
    [
        ("gain_db must be a finite number of dB up to 770", lambda: ac.Gain(771.0)),
        ("threshold_db must be a finite number", lambda: ac.Limiter(-np.inf, sample_rate=RATE)),
        ("threshold_db must be more than silence", lambda: ac.Limiter(-1e6, sample_rate=RATE)),
        ("look_ahead_ms must be at least 0", lambda: ac.Limiter(sample_rate=RATE, look_ahead_ms=-1)),
        ("release_ms must be above 0", lambda: ac.Limiter(sample_rate=RATE, release_ms=0)),
        ("sample_rate must be above 0", lambda: ac.Limiter(sample_rate=-1)),
        ("tail must be at least 0", lambda: ac.JitStage(slower, np.zeros(1), tail=-1)),
        ("gain_db must be a finite", lambda: ac.Biquad.design("peak", RATE, 100, gain_db=1e6)),
        ("sos must be finite", lambda: ac.Biquad.design("peak", RATE, 100, q=1e-320)),
    ],
)
def test_parameters_have_their_ranges(match, made):
    with pytest.raises(ac.ArgumentError, match=match):
        made()


@pytest.mark.parametrize(
    "bad", ["x", 1j, None, {}, [[1.0, 0, 0, 1, 0, 0], [1.0]], np.ones((1, 6), complex), [["1"] * 6]]
)
def test_tables_are_rows_of_real_numbers(bad):
    for made, name in ((ac.Biquad, "sos"), (ac.MatrixMixer, "matrix")):
        with pytest.raises(ac.ArgumentError, match=f"{name} must be rows of numbers"):
            made(bad)


@pytest.mark.parametrize("bad", [np.ones(2), ["cut"], {}, None, "x"])
def test_choices_are_texts(bad):
    with pytest.raises(ac.ArgumentError, match="tail must be one of 'cut', 'fade_input'"):
        ac.StreamConvolver(IR).set_ir(IR, tail=bad)
    with pytest.raises(ac.ArgumentError, match="kind must be one of"):
        ac.Biquad.design(bad, RATE, 100.0)


@pytest.mark.parametrize("bad", [ac.Gain(), None, 3])
def test_a_chain_is_made_of_a_list(bad):
    with pytest.raises(ac.ArgumentError, match="a chain is made of a list of stages, not"):
        ac.Chain(bad)


def test_a_parameter_that_is_refused_stays_as_it_was():
    gain, mixed, limiter = ac.Gain(6.0), ac.DryWet(ac.Gain(), 0.25), ac.Limiter(-6.0, sample_rate=RATE)
    for stage, name in ((gain, "gain_db"), (mixed, "wet"), (limiter, "threshold_db")):
        before = getattr(stage, name)
        with pytest.raises(ac.ArgumentError):
            setattr(stage, name, np.nan)
        assert getattr(stage, name) == before
    assert ac.Gain(-np.inf).process(np.ones(1, "float32")) == 0
    assert ac.Gain(np.float32(20)).process(np.ones(1, "float32")) == 10
    assert ac.Gain(np.array(20)).process(np.ones(1, "float32")) == 10
    assert ac.Gain(770.0).process(np.ones(1, "float32"))[0] == pytest.approx(10**38.5, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "name", "lines"),
    [
        ("gain", "gain_db", "gain_db = inf"),
        ("gain", "gain_db", "gain_db = nan"),
        ("convolver", "wet", 'ir = "ir.wav"\nwet = nan'),
        ("limiter", "look_ahead_ms", "look_ahead_ms = inf"),
        ("limiter", "threshold_db", "threshold_db = nan"),
        ("limiter", "release_ms", "release_ms = inf"),
        ("biquad", "q", 'kind = "peak"\nfrequency_hz = 100\nq = inf'),
        ("biquad", "frequency_hz", 'kind = "peak"\nfrequency_hz = nan'),
        ("matrix_mixer", "matrix", "matrix = [[nan]]"),
        ("sections", "sos", "sos = [[nan, 0, 0, 1, 0, 0]]"),
    ],
)
def test_a_chain_file_has_numbers(tmp_path, kind, name, lines):
    ac.write(tmp_path / "ir.wav", IR, RATE, subtype="FLOAT")
    path = tmp_path / "chain.toml"
    path.write_text(f'[[stage]]\ntype = "{kind}"\n{lines}')
    with pytest.raises(ac.ArgumentError, match=f"stage 1: {name} must be"):
        ac.read_chain(path, RATE, channels=1)


def test_a_response_in_a_file_must_be_finite(tmp_path):
    soundfile.write(tmp_path / "ir.wav", spoilt(9, np.nan), RATE, subtype="FLOAT")
    with pytest.raises(ac.AudioconvError, match=r"ir\.wav"):
        read_response(tmp_path / "ir.wav", RATE, 1)


@pytest.mark.parametrize("a0", [1.0, 2.0, -0.5])
def test_sections_are_such_as_scipy_takes(a0):
    sos = signal.butter(4, [0.05, 0.4], "bandpass", output="sos")
    filters = [ac.Biquad(sos * a0), ac.Biquad(np.ones((4, 6))), ac.Biquad.design("peak", RATE, 100.0, gain_db=6.0)]
    filters[1].sos = sos * a0
    filters[1].reset()
    x = channel_noise(500)
    for filter in filters:
        assert (filter.sos[:, 3] == 1).all()
        assert_close(filter.process(x), signal.sosfilt(filter.sos, x.astype(float)), 1e-6)
    for filter in filters[:2]:
        assert_close(filter.sos, sos, 1e-15)
    filter.sos[0, 0] = 9.0  # a copy
    assert filter.sos[0, 0] != 9.0


# --- sample rates -------------------------------------------------------------------------------------------


def knowing(rate):
    """Stages that know their sample rate, some of them deep inside others."""
    design = ac.Biquad.design("highpass", rate, 80.0)
    return [
        design, ac.Biquad(design.sos, sample_rate=rate), ac.Limiter(sample_rate=rate),
        ac.StreamConvolver(IR, sample_rate=rate), ac.JitStage(slower, np.zeros(1), sample_rate=rate),
        ac.DryWet(ac.Limiter(sample_rate=rate)), ac.Chain([ac.Gain(), ac.Limiter(sample_rate=rate), ac.Gain()]),
        ac.DryWet(ac.Chain([ac.Gain(), ac.DryWet(ac.StreamConvolver(IR, sample_rate=rate))]), 0.1),
    ]  # fmt: skip


@pytest.mark.parametrize("rate", [RATE, 8000.0, np.float32(8000), 44100.5])
def test_stages_know_their_sample_rate(rate):
    for stage in knowing(rate):
        for same in (stage, pickle.loads(pickle.dumps(stage)), copy.deepcopy(stage), ac.Chain([ac.Gain(), stage])):
            assert same.rate_in == same.rate_out == rate
            assert isinstance(same.rate_in, int) == (rate == RATE)
    for stage in (ac.Gain(), ac.Biquad([[1.0, 0, 0, 1, 0, 0]]), ac.StreamConvolver(IR),
                  ac.JitStage(slower, np.zeros(1)), ac.MatrixMixer(np.eye(1)),
                  ac.DryWet(ac.Gain()), ac.Chain([ac.Gain()])):  # fmt: skip
        assert stage.rate_in is stage.rate_out is None


def test_a_chain_refuses_stages_of_different_rates():
    for slow in knowing(RATE):
        with pytest.raises(ac.ArgumentError, match=r"made for 8000 Hz, but what comes before it for 16000 Hz"):
            ac.Chain([ac.Limiter(sample_rate=16000), ac.Gain(), slow])
    for slow, resample in ((ac.Limiter(sample_rate=RATE), ac.Resample(16000, RATE)),):
        chain = ac.Chain([ac.Limiter(sample_rate=16000), resample, slow])
        assert (chain.rate_in, chain.rate_out) == (16000, RATE)
        with pytest.raises(ac.ArgumentError, match="stage 2 of the chain, Resample, is made for 16000 Hz"):
            ac.Chain([slow, resample])


def test_a_file_of_another_rate_is_refused(tmp_path):
    ac.write(tmp_path / "in.wav", channel_noise(300) / 10, 16000, subtype="FLOAT")
    for stage in knowing(RATE):
        with pytest.raises(ac.ArgumentError, match=r"16000 Hz, but .* 8000 Hz"):
            ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", stage)
        assert not (tmp_path / "out.wav").exists()
    for stage in knowing(16000.0):
        ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", stage)
        assert ac.read(tmp_path / "out.wav").sample_rate == 16000
        (tmp_path / "out.wav").unlink()


def test_a_response_that_was_read_is_for_its_rate(tmp_path):
    ac.write(tmp_path / "ir.wav", IR, RATE, subtype="FLOAT")
    assert read_response(tmp_path / "ir.wav", 16000, 1).stage.rate_in == 16000


def test_fades_are_counted_by_the_sample_rate():
    for stream, samples in ((ac.StreamConvolver(IR, sample_rate=1000), 10), (ac.StreamConvolver(IR), 480)):
        stream.process(np.ones(10, "float32"))
        stream.set_ir(np.zeros(3, "float32"), fade_s=0.01)
        y = stream.process(np.ones(500, "float32"))
        assert_close(y[:samples], 1.75 * (1 - (np.arange(samples) + 1) / samples), 1e-5)
        assert not y[samples:].any()


# --- channels -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "shape", "says"),
    [
        (
            ac.Gain,
            (480, 2),
            r"this Gain is made for 1 channel, and one for 2 is made with Gain\(..., channels=2",
        ),
        (lambda: ac.Gain(channels=2), (480,), r"and one for 1 is made with Gain\(..., channels=1\)"),
        (lambda: ac.Biquad([[1.0, 0, 0, 1, 0, 0]]), (480, 2), r"made with Biquad\(..., channels=2\)"),
        (lambda: ac.StreamConvolver(IR), (480, 2), r"made with StreamConvolver\(..., channels=2\)"),
        (lambda: ac.Resample(16000, 8000), (480, 2), r"made with Resample\(..., channels=2\)"),
        (lambda: ac.Denoise(16000), (480, 2), r"made with Denoise\(..., channels=2\)"),
        (lambda: ac.MatrixMixer(np.eye(2)), (480,), r"made with a matrix of 1 row"),
        (lambda: ac.Chain([ac.Gain()]), (480, 2), "made with stages of channels=2"),
        (lambda: ac.Chain([ac.Resample(16000, 8000)]), (480, 2), "made with stages of channels=2"),
        (lambda: ac.DryWet(ac.Gain()), (480, 2), "made with a stage of channels=2"),
        (
            lambda: ac.Gain(channels=2),
            (2, 480),
            r"\(samples, 2\), not \(2, 480\); give block.T if it is \(channels, samples\)$",
        ),
        (ac.Gain, (1, 480), r"\(samples, 1\) or \(samples,\), not \(1, 480\); give block.T if it is"),
        (ac.Gain, (2, 480), r"\(samples,\), not \(2, 480\); give block.T if it is \(channels, samples\)$"),
        (lambda: ac.Gain(channels=3), (3, 4), r"give block.T if it is \(channels, samples\)$"),
        (ac.Gain, (480, 0), "must have shape"),
        (ac.Gain, (1, 480, 1), r"must have shape \(samples, 1\) or \(samples,\), not \(1, 480, 1\)$"),
    ],
)
def test_a_block_that_does_not_fit_says_what_helps(made, shape, says):
    with pytest.raises(ac.ShapeError, match=says):
        made().process(np.ones(shape, "float32"))


def test_other_messages_say_what_helps_too():
    with pytest.raises(ac.ArgumentError, match=r"before it gives 2; make it with Gain\(..., channels=2\)"):
        ac.Chain([ac.Gain(channels=2), ac.Gain()])
    with pytest.raises(ac.ShapeError, match=r"StreamConvolver\(..., channels=3\)"):
        ac.StreamConvolver(channel_noise(99, 3), channels=2)
    for channels in (1, 2):
        with pytest.raises(ac.ShapeError, match=r"give ir\.T"):
            ac.StreamConvolver(channel_noise(480, 3).T, channels=channels)
    with pytest.raises(ac.ShapeError, match=r"give response\.T"):
        response_matrix(channel_noise(480, 2).T, 1)


@pytest.mark.parametrize("sizes", [[1, 7, 300], [4000]])
@pytest.mark.parametrize("taps", [1, 60, 3000])
@pytest.mark.parametrize(
    "made",
    [
        lambda h: ac.StreamConvolver(h, max_block=4000),
        lambda h: ac.Fir(h).stream(max_block=4000),
        lambda h: ac.Chain([ac.Fir(h)]),
        lambda h: ac.Chain([ac.Gain(0.0), ac.Fir(h), ac.Gain(0.0, channels=h.shape[1])]),
    ],
)
def test_one_channel_through_a_response_of_several_becomes_as_many(made, taps, sizes):
    h, x = (
        channel_noise(max(taps, 3), 3, 1)[-taps:] if taps > 1 else np.float32([[[0.5, 2, -1]]])[0],
        channel_noise(2000),
    )
    if taps == 1:
        h = np.concatenate([h, np.zeros((2, 3), "float32")])
    stage = made(h)
    assert (stage.channels, stage.out_channels) == (1, 3)
    expected = np.stack([np.convolve(x.astype(float), column) for column in h.T.astype(float)], axis=1)
    assert_close(run(stage, x, sizes), expected, 2e-6)
    assert_close(run(stage, x[:, None], sizes), expected, 2e-6)


def test_the_response_of_several_may_be_changed():
    stream, x = ac.StreamConvolver(channel_noise(60, 2)), channel_noise(1000)
    other = channel_noise(90, 2, 3)
    stream.set_ir(other, fade_s=0)
    stream.reset()
    assert_close(run(stream, x, [100]), np.stack([np.convolve(x, column) for column in other.T], axis=1), 2e-6)
    with pytest.raises(ac.ShapeError, match="1 in and 2 out"):
        stream.set_ir(channel_noise(60))
    copied = pickle.loads(pickle.dumps(stream))
    assert np.array_equal(run(copied, x, [100]), run(stream, x, [100]))


def test_a_column_is_for_every_channel():
    h, x = channel_noise(60, 1, 1), channel_noise(1000, 3)
    assert_close(run(ac.StreamConvolver(h[:, None], channels=3), x), ac.convolve(x, h), 2e-6)


def test_a_mono_file_through_a_response_of_several_becomes_as_many(tmp_path):
    h, x = channel_noise(200, 2, 1) / np.float32(30), channel_noise(1000) / np.float32(4)
    ac.write(tmp_path / "in.wav", x, RATE, subtype="FLOAT")
    expected = np.stack([np.convolve(x.astype(float), column) for column in h.T.astype(float)], axis=1)
    for stage in (ac.Fir(h), ac.StreamConvolver(h), ac.Chain([ac.Fir(h)])):
        ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", stage, block_size=77)
        assert_close(ac.read(tmp_path / "out.wav").samples, expected, 2e-6)
        (tmp_path / "out.wav").unlink()
