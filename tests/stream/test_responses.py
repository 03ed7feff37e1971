"""Impulse responses for signals of other channels and rates, and chains that are written down."""

import numpy as np
import pytest

import audioconv as ac
from audioconv.stream import read_response, response_matrix
from tests.compare import assert_close
from tests.signals import channel_noise
from tests.streaming import run


def put(path, response, rate=16000):
    ac.write(path, response, rate, subtype="FLOAT")
    return path


def through(response, x, ways):
    """The sum of the ways (from, to, column) of x through columns of the response."""
    y = np.zeros((len(x) + len(response) - 1, 1 + max(to for _, to, _ in ways)))
    for source, to, column in ways:
        y[:, to] += np.convolve(x[:, source].astype(float), response[:, column].astype(float))
    return y


@pytest.mark.parametrize(
    ("channels", "columns", "true_stereo", "ways", "says"),
    [
        (1, 1, False, [(0, 0, 0)], "mono response"),
        (3, 1, False, [(0, 0, 0), (1, 1, 0), (2, 2, 0)], "one response for every channel"),
        (2, 2, False, [(0, 0, 0), (1, 1, 1)], "one response for each of 2 channels"),
        (4, 4, False, [(i, i, i) for i in range(4)], "one response for each of 4 channels"),
        (1, 2, False, [(0, 0, 0), (0, 1, 1)], "mono in, one response for each of 2 channels out"),
        (2, 4, True, [(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3)], "true stereo, LL LR RL RR"),
    ],
)
def test_each_channel_goes_its_ways(tmp_path, channels, columns, true_stereo, ways, says):
    h, x = channel_noise(400, columns) / np.float32(20), channel_noise(1500, channels, 1)
    path = put(tmp_path / "ir.wav", h)
    read = read_response(path, 16000, channels, true_stereo=true_stereo)
    assert (read.mapping, read.sample_rate, read.stage.latency) == (says, 16000, 0)
    expected = through(h.reshape(400, -1), x.reshape(1500, -1), ways)
    y = run(read.stage, x, [7, 600])
    assert_close(y.reshape(len(y), -1), expected, 2e-6)
    matrix, _ = response_matrix(h, channels, true_stereo=true_stereo)
    if matrix.ndim == 3:
        assert matrix.shape == (400, channels, expected.shape[1])
        assert all(np.array_equal(matrix[:, source, to], h[:, column]) for source, to, column in ways)


def test_channels_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(
        ac.ArgumentError, match=r"has 3 channels for a file of 2; wanted is one, or as many as the file$"
    ):
        read_response(put(tmp_path / "ir.wav", channel_noise(9, 3)), 16000, 2)
    with pytest.raises(ac.ArgumentError, match=r"true stereo .LL LR RL RR. if that is said"):
        response_matrix(channel_noise(9, 4), 2)
    with pytest.raises(ac.ArgumentError, match="not 2 on 2"):
        response_matrix(channel_noise(9, 2), 2, true_stereo=True)


@pytest.mark.parametrize(("channels", "columns", "true_stereo"), [(1, 1, False), (2, 2, False), (2, 4, True)])
def test_a_response_of_another_rate_begins_at_time_0(tmp_path, channels, columns, true_stereo):
    """A low tone: where it has settled it is as loud and as late as through the response at its own rate."""
    t = np.arange(300)[:, None]
    h = (np.exp(-t / 40) * (1 + np.arange(columns)) / 50).astype("float32")
    read = read_response(put(tmp_path / "ir.wav", h, 8000), 16000, channels, true_stereo=true_stereo)
    assert read.stage.latency > 100
    tone = np.sin(2 * np.pi * 200 / 16000 * np.arange(6000)).astype("float32")
    x = np.stack([tone] * channels, axis=1)
    ways = [(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3)] if true_stereo else [(i, i, i) for i in range(channels)]
    slow = through(h, x[::2], ways)  # at 8 kHz
    y = run(read.stage, x, [1000]).reshape(-1, slow.shape[1])[read.stage.latency :]
    assert_close(y[1000:6000:2], slow[500:3000], 0.01)
    stage = ac.DryWet(read.stage, 0.5)
    mixed = run(stage, x, [1000]).reshape(-1, slow.shape[1])[stage.latency :]
    assert_close(mixed[: len(x)], 0.5 * y[: len(x)] + 0.5 * x, 1e-6)


def test_beside_a_wider_response_the_dry_signal_is_on_all_channels(tmp_path):
    h, x = channel_noise(200, 2) / np.float32(10), channel_noise(1000)
    put(tmp_path / "room.wav", h)
    path = written(tmp_path / "chain.toml", "[[stage]]", 'type = "convolver"', 'ir = "room.wav"', "wet = 0.25")
    expected = 0.25 * through(h, x.reshape(-1, 1), [(0, 0, 0), (0, 1, 1)])
    expected[:1000] += 0.75 * x[:, None]
    assert_close(run(ac.read_chain(path, 16000, channels=1), x, [300]), expected, 2e-6)


def written(path, *lines):
    path.write_text("\n".join(lines))
    return path


def test_a_chain_is_what_its_file_says(tmp_path):
    h = put(tmp_path / "room.wav", channel_noise(200, 2) / np.float32(10), 16000)
    path = written(
        tmp_path / "chain.toml",
        *('[[stage]]\ntype = "gain"', "gain_db = -3"),
        *('[[stage]]\ntype = "biquad"', 'kind = "peak"', "frequency_hz = 1000", "q = 2.0", "gain_db = 6"),
        *('[[stage]]\ntype = "sections"', "sos = [[1.0, 0.5, 0, 1, -0.25, 0]]"),
        *('[[stage]]\ntype = "matrix_mixer"', "matrix = [[1, 0.5]]"),
        *('[[stage]]\ntype = "convolver"', 'ir = "room.wav"', "wet = 0.25"),
        *('[[stage]]\ntype = "limiter"', "threshold_db = -1", "look_ahead_ms = 2"),
        *('[[stage]]\ntype = "resample"', "rate_out = 8000"),
        *('[[stage]]\ntype = "limiter"', "look_ahead_ms = 1"),
    )
    chain = ac.read_chain(path, 16000, channels=1)
    assert (chain.channels, chain.out_channels, chain.rate_in, chain.rate_out, chain.latency) == (1, 2, 16000, 8000, 24)
    by_hand = ac.Chain([
        ac.Gain(-3.0), ac.Biquad.design("peak", 16000, 1000.0, q=2.0, gain_db=6.0),
        ac.Biquad([[1.0, 0.5, 0, 1, -0.25, 0]]), ac.MatrixMixer([[1.0, 0.5]]),
        ac.DryWet(ac.StreamConvolver(ac.read(h).samples, channels=2), 0.25),
        ac.Limiter(-1.0, sample_rate=16000, look_ahead_ms=2, channels=2), ac.Resample(16000, 8000, channels=2),
        ac.Limiter(-1.0, sample_rate=8000, look_ahead_ms=1, channels=2),
    ])  # fmt: skip
    x = channel_noise(3000)
    assert_close(run(chain, x, [512]), run(by_hand, x, [100]), 2e-6)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["[[stage]"], "is not TOML"),
        ([""], "holds no stage"),
        (["stage = 3"], "holds no stage"),
        (["rate = 3", "[[stage]]", 'type = "gain"', "gain_db = 0"], "has rate beside its stages"),
        (["[[stage]]", 'type = "echo"'], "stage 1: type must be one of 'gain', .*, 'denoise', .*, not 'echo'"),
        (["[[stage]]", "gain_db = 1"], "stage 1: type must be one of .* not None"),
        (["[[stage]]", 'type = "gain"', "db = 1"], "stage 1: gain has no db; it has gain_db"),
        (["[[stage]]", 'type = "gain"'], "stage 1: gain needs gain_db"),
        (["[[stage]]", 'type = "gain"', 'gain_db = "1"'], "gain_db must be a number, not '1'"),
        (["[[stage]]", 'type = "gain"', "gain_db = true"], "gain_db must be a number, not True"),
        (["[[stage]]", 'type = "gain"', "gain_db = nan"], "stage 1: gain_db must be a finite number of dB up to 770"),
        (["[[stage]]", 'type = "matrix_mixer"', "matrix = [1, 2]"], "matrix must be rows of numbers"),
        (["[[stage]]", 'type = "matrix_mixer"', "matrix = [[1, 2], [1]]"], "matrix must be rows of numbers"),
        (["[[stage]]", 'type = "matrix_mixer"', "matrix = [[1], [2]]"], r"matrix has 2 rows for 1 channel; chan"),
        (["[[stage]]", 'type = "matrix_mixer"'], "matrix_mixer needs either matrix, .* or channels"),
        (["[[stage]]", 'type = "matrix_mixer"', "matrix = [[1]]", "channels = 1"], "matrix_mixer needs either matrix"),
        (["[[stage]]", 'type = "matrix_mixer"', "channels = 1.5"], "channels must be a whole number, not 1.5"),
        (["[[stage]]", 'type = "matrix_mixer"', "channels = 0"], "channels must be at least 1"),
        (["[[stage]]", 'type = "sections"', "sos = [[1, 2]]"], "sos must have shape"),
        (["[[stage]]", 'type = "resample"', "rate_out = 8000.5"], "rate_out must be a whole number"),
        (["[[stage]]", 'type = "biquad"', 'kind = "bell"', "frequency_hz = 9"], "kind must be one of"),
        (["[[stage]]", 'type = "gain"', "gain_db = 1"] + ["[[stage]]", 'type = "convolver"', 'ir = "no.wav"'],
         "stage 2: .*no.wav does not exist"),
    ],
)  # fmt: skip
def test_a_chain_file_that_makes_no_sense_says_where(tmp_path, lines, says):
    path = written(tmp_path / "chain.toml", *lines)
    with pytest.raises(ac.AudioconvError, match=says) as error:
        ac.read_chain(path, 16000, channels=1)
    assert str(path) in str(error.value)


def test_channels_of_a_mix_are_what_everybody_means(tmp_path):
    path = tmp_path / "chain.toml"
    for before, after, matrix in ((1, 3, [[1, 1, 1]]), (4, 1, [[0.25]] * 4), (2, 2, np.eye(2)), (1, 1, [[1]])):
        written(path, "[[stage]]", 'type = "matrix_mixer"', f"channels = {after}")
        chain = ac.read_chain(path, 16000, channels=before)
        assert np.array_equal(chain.stages[0].matrix, matrix)
    written(path, "[[stage]]", 'type = "matrix_mixer"', "channels = 2")
    with pytest.raises(ac.ArgumentError, match="stage 1: channels is 2, and there are 3: only one becomes many"):
        ac.read_chain(path, 16000, channels=3)


def test_a_chain_file_that_is_not_there(tmp_path):
    with pytest.raises(ac.AudioFileError, match="a chain in TOML is wanted"):
        ac.read_chain(tmp_path / "no.toml", 16000, channels=1)
