"""Types of stages in files of chains, above all those that hold others, or files."""

import numpy as np
import pytest

import audioconv as ac
from audioconv.stream.chain_file import stage_types
from tests.compare import assert_close
from tests.signals import channel_noise

RATE = 16000
NEEDED = {  # keys with which each type makes a stage, beside a sound file and another chain
    "biquad": 'kind = "peak"\nfrequency_hz = 900\ngain_db = 3', "chain": 'file = "other.toml"',
    "convolver": 'ir = "sound.wav"', "dry_wet": '[[stage.stages]]\ntype = "gain"\ngain_db = 6',
    "fir": "taps = [0.5, 1]",
    "gain": "gain_db = -6", "matrix_mixer": "channels = 2", "parametric_eq": 'preset = "speech"',
    "resample": "rate_out = 8000", "sections": "sos = [[1, 0.5, 0, 1, -0.25, 0]]", "sink": "frames = 99",
    "source": 'file = "sound.wav"\nloop = true',
}  # fmt: skip


@pytest.fixture
def read(tmp_path):
    """A function that makes the chain of a text, beside a sound file and another chain."""
    ac.write(tmp_path / "sound.wav", channel_noise(400, 2) / np.float32(9), RATE, subtype="FLOAT")
    (tmp_path / "other.toml").write_text('[[stage]]\ntype = "gain"\ngain_db = -6\n[[stage]]\ntype = "limiter"\n')

    def chain(text, channels=2, sample_rate=RATE):
        (tmp_path / "chain.toml").write_text(text)
        return ac.read_chain(tmp_path / "chain.toml", sample_rate, channels)

    return chain


@pytest.mark.parametrize("kind", stage_types())
def test_each_type_makes_a_stage_that_works(read, kind):
    chain = read(f'[[stage]]\ntype = "{kind}"\n{NEEDED.get(kind, "")}')
    x = channel_noise(1000, 2) * np.float32(0.1)
    y = chain(x)
    assert y.ndim == 2
    assert np.isfinite(y).all()
    assert np.abs(y).max() > 0
    assert chain.stages[0].channels == 2
    knows = getattr(chain.stages[0], "rate_in", None)
    assert knows in (None, RATE)


def test_stages_inside_a_stage(read):
    text = """
[[stage]]
type = "dry_wet"
wet = 0.25
[[stage.stages]]
type = "gain"
gain_db = 6
[[stage.stages]]
type = "fir"
taps = [0.5, 0.25]
[[stage]]
type = "chain"
file = "other.toml"
"""
    inside = ac.Chain([ac.Gain(6.0, channels=2), ac.Fir(np.array([0.5, 0.25], "float32"))])
    by_hand = ac.Chain([ac.DryWet(inside, 0.25), ac.Gain(-6.0, channels=2),
                        ac.Limiter(sample_rate=RATE, channels=2)])  # fmt: skip
    x = channel_noise(900, 2)
    assert_close(read(text)(x), by_hand(x), 1e-6)


def test_a_source_is_resampled_and_begins_again(read):
    chain = read('[[stage]]\ntype = "source"\nfile = "sound.wav"\nloop = true', channels=1, sample_rate=8000)
    assert (chain.channels, chain.out_channels) == (1, 2)
    y = chain(np.zeros(450, "float32"))
    assert y[:200].any()
    assert np.array_equal(y[200:400], y[:200])


def test_bands_stand_beside_a_preset_or_change_it(read, tmp_path):
    (tmp_path / "mine.toml").write_text('[bands.air]\nkind = "highshelf"\nfrequency_hz = 5000\ngain_db = 2\n')
    eq = read('[[stage]]\ntype = "parametric_eq"\npreset = "mine.toml"\n[stage.bands.air]\ngain_db = -1\n'
              '[stage.bands.low]\nkind = "lowshelf"\nfrequency_hz = 90').stages[0]  # fmt: skip
    assert eq.bands == {"air": ac.EqBand("highshelf", 5000, gain_db=-1), "low": ac.EqBand("lowshelf", 90)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('type = "chain"\nfile = "chain.toml"', "stage 1: .*chain.toml is a part of itself"),
        ('type = "chain"\nfile = "no.toml"', "stage 1: .*no.toml cannot be read"),
        ('type = "dry_wet"', "dry_wet needs stages"),
        ('type = "dry_wet"\nstages = 3', "stages must be tables of stages, not 3"),
        ('type = "dry_wet"\n[[stage.stages]]\ntype = "gain"', "stage 1: stage 1: gain needs gain_db"),
        ('type = "dry_wet"\n[[stage.stages]]\ntype = "resample"\nrate_out = 8000', "stage 1: .*Resample"),
        ('type = "parametric_eq"', "needs bands, tables .stage.bands.NAME., or preset: one of speech"),
        ('type = "parametric_eq"\npreset = "rock"', "preset must be one of 'speech'"),
        ('type = "parametric_eq"\npreset = "speach"', "preset cannot be 'speach'; did you mean 'speech'"),
        ('type = "limitter"', "stage 1: type cannot be 'limitter'; did you mean 'limiter'"),
        ('type = "biquad"\nkind = "high_pass"\nfrequency_hz = 80', "cannot be 'high_pass'; did you mean 'highpass'"),
        ('type = "reverb"', "type must be one of 'gain', 'biquad', .*'detector_monitor', not 'reverb'"),
        ("type = 3", "type must be one of 'gain', .*, not 3"),
        ('type = "delay"\ntime_s = 1\nmixx = 1', "delay has no mixx, time_s; it has delay_s, feedback, mix"),
        ('type = "delay"\nfeedbak = 1\nmixx = 1', "delay has no feedbak, mixx; did you mean feedback, mix"),
        ('type = "parametric_eq"\nbands = [1]', "bands must be a table, not"),
        ('type = "parametric_eq"\n[stage.bands]\nx = 3', "band x must be an EqBand, or a table of kind"),
        ('type = "parametric_eq"\n[stage.bands.x]\nkind = "peak"', "band x needs frequency_hz"),
        ('type = "parametric_eq"\n[stage.bands.x]\nkind = "peak"\nfrequency_hz = "9"', "band x: frequency_hz must be"),
        ('type = "fir"\ntaps = [true]', "taps must be numbers, not"),
        ('type = "fir"\ntaps = []', "taps is empty"),
        ('type = "source"\nfile = "no.wav"', "no.wav"),
        ('type = "compressor"\nratio = 0.5', "stage 1: ratio must be at least 1"),
        ('type = "compressor"\nthreshold = -3', "compressor has no threshold; did you mean threshold_db"),
        ('type = "delay"\nmix = 2', "mix must be at least 0"),
        ('type = "noise_gate"\nhold_ms = nan', "hold_ms must be"),
        ('type = "loudness_meter"\nchannels = 2', "loudness_meter has no channels"),
        ('type = "detector_monitor"\nmodel = "no.safetensors"', "no.safetensors"),
    ],
)
def test_what_makes_no_sense_says_where(read, text, says):
    with pytest.raises(ac.AudioconvError, match=says):
        read(f"[[stage]]\n{text}")


# --- whole signals ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [0, 1, 900, 70000])
@pytest.mark.parametrize("channels", [1, 2])
def test_a_chain_called_with_a_whole_signal_gives_the_whole_result(length, channels):
    taps, x = channel_noise(50, 1, 1), channel_noise(length, channels)
    chain = ac.Chain([ac.Limiter(60.0, sample_rate=RATE, channels=channels), ac.Fir(taps)])
    assert chain.latency == 24
    chain.process(channel_noise(99, channels, 2))  # which is forgotten
    y = chain(x)
    expected = np.stack([np.convolve(c, taps) for c in x.reshape(length, channels).T.astype(float)], axis=1) if length \
        else np.zeros((49, channels))  # fmt: skip
    assert_close(y.reshape(-1, channels), expected, 2e-6, zeros_allowed=not length)
    assert np.array_equal(chain(x), y)  # and is as new
    assert chain(x.reshape(length, channels)).shape == (length + 49, channels)


def test_a_whole_signal_changes_its_rate_and_its_channels():
    chain = ac.Chain([ac.Resample(RATE, 8000), ac.MatrixMixer([[1.0, 0.5]]), ac.Gain(0.0, channels=2)])
    x = channel_noise(4000)
    expected = ac.io.resample(x, RATE, 8000)
    assert_close(chain(x), np.stack([expected, expected / 2], axis=1), 1e-5)


def test_a_stage_is_called_as_a_chain_is():
    h, x = channel_noise(300, 1, 1), channel_noise(5000)
    assert_close(ac.StreamConvolver(h, max_block=64)(x), np.convolve(x.astype(float), h), 2e-6)
    assert np.array_equal(ac.Gain(6.0)(x), ac.Gain(6.0).process(x))


def test_what_is_no_whole_signal_changes_nothing():
    chain, x = ac.Chain([ac.Biquad.design("lowpass", RATE, 900.0)]), channel_noise(500)
    expected = ac.Biquad.design("lowpass", RATE, 900.0).process(x)
    first = chain.process(x[:200])
    with pytest.raises(ac.DtypeError, match="x must be float32"):
        chain(x.astype(float))
    with pytest.raises(ac.ShapeError, match="x must have shape"):
        chain(channel_noise(500, 2))
    with chain._guard, pytest.raises(ac.BusyError):
        chain(x)
    assert np.array_equal(np.concatenate([first, chain.process(x[200:])]), expected)
