"""Signals channels first are refused unless `axis` says so, and one channel goes through a filter a channel."""

import numpy as np
import pytest

import audioconv as ac
from audioconv import io
from audioconv.features import spectrogram_db
from tests.signals import noise

LYING = [(2, 9000), (1, 9000), (70, 90), (90, 70)]
CALLS = {
    "convolve": lambda x, **axis: ac.convolve(x, noise(9), **axis),
    "correlate": lambda x, **axis: ac.correlate(x, noise(9), **axis),
    "Fir": lambda x, **axis: ac.Fir(noise(9)).convolve(x, **axis),
    "upfirdn": lambda x, **axis: ac.upfirdn(noise(9), x, 2, 3, **axis),
    "stft": lambda x, **axis: ac.stft(x, 64, 16, **axis),
    "Stft": lambda x, **axis: ac.Stft(64, 16)(x, **axis),
    "resample": lambda x, **axis: io.resample(x, 48000, 16000, **axis),
    "resample_response": lambda x, **axis: io.resample_response(x, 48000, 16000, **axis)[0],
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("shape", LYING)
def test_signals_that_seem_channels_first_are_refused(name, shape):
    with pytest.raises(ac.ShapeError, match=r"give (x|samples|response)\.T if it is \(channels, samples\), or axis=0"):
        CALLS[name](np.zeros(shape, "f4"))


@pytest.mark.parametrize("name", CALLS)
def test_an_axis_that_is_said_is_believed(name):
    x = noise((3, 700))
    expected = np.stack([np.asarray(CALLS[name](np.ascontiguousarray(row))) for row in x])
    across, down = np.asarray(CALLS[name](x, axis=1)), np.asarray(CALLS[name](x.T, axis=0))
    assert np.array_equal(np.asarray(CALLS[name](x, axis=-1)), across)
    if name in ("stft", "Stft"):  # (frames, bins, channels) whatever the axis
        expected = np.moveaxis(expected, 0, -1)
        assert np.array_equal(across, expected)
        assert np.array_equal(down, expected)
    else:
        assert np.abs(across - expected).max() <= 2e-6 * np.abs(expected).max()
        assert np.abs(down.T - expected).max() <= 2e-6 * np.abs(expected).max()
    few = CALLS[name](noise((90, 70)), axis=0)
    assert few.shape[-1] == 70
    with pytest.raises(ac.ShapeError, match="axis"):
        CALLS[name](x, axis=2)


def test_noise_reduction_refuses_them_in_signal_and_noise():
    x = noise((2, 4000))
    with pytest.raises(ac.ShapeError, match=r"give x\.T"):
        ac.denoise(x, 16000)
    with pytest.raises(ac.ShapeError, match=r"give noise\.T"):
        ac.denoise(x.T, 16000, noise=x)
    with pytest.raises(ac.ShapeError, match=r"give noise\.T"):
        ac.Denoise(16000, noise=x)
    cleaned = ac.denoise(x.T, 16000)
    assert cleaned.any()
    assert np.array_equal(ac.denoise(x, 16000, axis=1), cleaned.T)
    assert np.array_equal(ac.denoise(x, 16000, noise=x.T, axis=-1), ac.denoise(x.T, 16000, noise=x.T).T)


def test_files_are_not_written_channels_first(tmp_path):
    x = 0.1 * noise((2, 400))
    with pytest.raises(ac.ShapeError, match=r"give samples\.T"):
        ac.write(tmp_path / "a.wav", x, 16000)
    assert not list(tmp_path.iterdir())
    ac.write(tmp_path / "a.wav", x, 16000, subtype="FLOAT", axis=1)
    assert np.array_equal(ac.read(tmp_path / "a.wav").samples, x.T)
    ac.write(tmp_path / "b.wav", x[:, :1].T, 16000, subtype="FLOAT", axis=0)
    assert np.array_equal(ac.read(tmp_path / "b.wav").samples, x[:, :1].T)


def test_levels_of_blocks_that_lie_channels_first_are_refused_at_once():
    with pytest.raises(ac.ShapeError, match=r"give block\.T"):
        spectrogram_db([noise((2, 9000))], 9000, 16000)
    assert spectrogram_db([noise((1, 2))] * 900, 900, 16000).db.shape[1] == 1025


@pytest.mark.parametrize("stage", [ac.Stft(64, 16).stream(2), ac.Stft(64, 16).stream()])
def test_streams_of_spectra_say_how_to_turn_a_block(stage):
    wanted = r"give block\.T" if stage._shape else r"channels=2"
    with pytest.raises(ac.ShapeError, match=wanted):
        stage.process(noise((2, 300)) if stage._shape else noise((300, 2)))


def test_spectra_that_lie_bins_first_are_refused_with_a_hint():
    spectra = ac.stft(noise(900), 64, 16)
    with pytest.raises(ac.ShapeError, match=r"give spectra\.T"):
        ac.istft(spectra.T, 64, 16)
    many = ac.stft(noise((900, 2)), 64, 16)
    with pytest.raises(ac.ShapeError, match=r"np\.moveaxis\(spectra, 0, -1\)"):
        ac.istft(np.moveaxis(many, -1, 0), 64, 16)


# --- one channel through a filter a channel ------------------------------------------------------------------


@pytest.mark.parametrize("samples", [1, 50, 900])
@pytest.mark.parametrize("method", ["auto", "direct", "sparse", "overlap_add", "fft"])
def test_mono_through_a_filter_a_channel(samples, method):
    x, h = noise(samples), noise((200, 2), seed=1)
    h[::2, 0] = 0
    expected = np.column_stack([ac.convolve(x, h[:, c], method=method) for c in range(2)])
    scale = np.abs(expected).max()
    for signal in (x, x[:, None]):
        for y in (ac.convolve(signal, h, method=method), ac.Fir(h).convolve(signal, method=method)):
            assert y.shape == (samples + 199, 2)
            assert np.abs(y - expected).max() <= 2e-6 * scale
    y = ac.convolve(x[None], h, method=method, axis=1)
    assert np.abs(y.T - expected).max() <= 2e-6 * scale
    turned = np.column_stack([ac.correlate(x, h[:, c], "same", method=method) for c in range(2)])
    assert np.abs(ac.correlate(x, h, "same", method=method) - turned).max() <= 2e-6 * scale


def test_mono_through_a_polyphase_filter_a_channel():
    x, h = noise(100), noise((30, 3), seed=1)
    expected = np.column_stack([ac.upfirdn(h[:, c].copy(), x, 3, 2) for c in range(3)])
    for y in (ac.upfirdn(h, x, 3, 2), ac.upfirdn(h, x[:, None], 3, 2), ac.upfirdn(h, x[None], 3, 2, axis=1).T):
        assert y.shape == (164, 3)
        assert np.abs(y - expected).max() <= 2e-6 * np.abs(expected).max()


def test_many_channels_through_a_filter_of_one_column():
    x, h = noise((100, 3)), noise((30, 1), seed=1)
    assert np.array_equal(ac.convolve(x, h), ac.convolve(x, h[:, 0]))
    assert np.array_equal(ac.upfirdn(h, x, 2), ac.upfirdn(h[:, 0], x, 2))
    assert ac.convolve(x[:, 0], h).shape == (129, 1)
    assert ac.upfirdn(h, x[:, 0]).shape == (129, 1)


def test_filters_that_seem_channels_first_are_refused():
    for call in (ac.convolve, ac.correlate, lambda x, h: ac.upfirdn(h, x)):
        with pytest.raises(ac.ShapeError, match=r"h has shape \(2, 300\).*give h\.T"):
            call(noise(900), noise((2, 300)))
        with pytest.raises(ac.ShapeError, match=r"300 channels, but x has 2; give h\.T"):
            call(noise((900, 2)), noise((2, 300)))
    with pytest.raises(ac.ShapeError, match=r"taps has shape \(2, 300\).*give taps\.T"):
        ac.Fir(noise((2, 300))).convolve(noise(900))
    assert ac.convolve(noise(900), noise((1, 3)), axis=0).shape == (900, 3)
    assert ac.convolve(noise((900, 3)), noise((1, 3))).shape == (900, 3)  # a gain a channel
