"""A parametric equaliser is a cascade of sections with names; a band that is changed does not click."""

import pickle

import numpy as np
import pytest
from scipy import signal

import audioconv as ac
from tests.compare import assert_close
from tests.signals import channel_noise
from tests.streaming import run

RATE = 48000
BANDS = {
    "low": ac.EqBand("lowshelf", 100.0, gain_db=6.0),
    "middle": {"kind": "peak", "frequency_hz": 1000, "q": 2.0, "gain_db": -4},
    "high": ac.EqBand("highshelf", 8000.0, gain_db=3.0),
}


def designed(kind, frequency_hz, q=0.5**0.5, gain_db=0.0):
    return ac.Biquad.design(kind, RATE, frequency_hz, q=q, gain_db=gain_db).sos


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("cut", [[4000], [1, 300]])
def test_bands_are_sections_one_after_the_other(channels, cut):
    x, eq = channel_noise(3000, channels), ac.ParametricEq(BANDS, sample_rate=RATE, channels=channels)
    sos = np.concatenate([designed("lowshelf", 100, gain_db=6), designed("peak", 1000, 2.0, -4),
                          designed("highshelf", 8000, gain_db=3)])  # fmt: skip
    y = run(eq, x, cut)
    assert np.array_equal(y, run(ac.Biquad(sos, channels=channels), x, cut))
    assert_close(y, signal.sosfilt(sos, x.astype(float), axis=0), 1e-6)
    assert np.array_equal(eq(x), y)


def test_a_band_is_changed_by_its_name_and_reached_over_the_next_block():
    x, eq = channel_noise(3000), ac.ParametricEq(BANDS, sample_rate=RATE)
    filter = ac.Biquad(np.concatenate([designed("lowshelf", 100, gain_db=6), designed("peak", 1000, 2.0, -4),
                                       designed("highshelf", 8000, gain_db=3)]))  # fmt: skip
    expected = [filter.process(x[:1000])]
    found = [eq.process(x[:1000])]
    eq.set_band("middle", gain_db=9.0, frequency_hz=500.0)
    assert eq.bands["middle"] == ac.EqBand("peak", 500.0, 2.0, 9.0)
    sos = filter.sos
    sos[1] = designed("peak", 500, 2.0, 9)[0]
    filter.sos = sos
    for start, stop in ((1000, 1300), (1300, 3000)):
        expected.append(filter.process(x[start:stop]))
        found.append(eq.process(x[start:stop]))
    assert np.array_equal(np.concatenate(found), np.concatenate(expected))
    eq.set_band("middle", kind="notch")
    eq.reset()  # which is there at once
    sos[1] = designed("notch", 500, 2.0)[0]
    assert np.array_equal(eq.process(x), ac.Biquad(sos).process(x))


def test_a_new_band_does_not_click():
    tone = np.sin(2 * np.pi * 200 / RATE * np.arange(4096)).astype("float32")
    eq = ac.ParametricEq.from_preset("flat", sample_rate=RATE)
    eq.process(tone[:2048])
    eq.set_band("low", frequency_hz=1000.0, gain_db=12.0)
    y = np.concatenate([eq.process(tone[2048:3072]), eq.process(tone[3072:])])
    assert np.abs(y[1500:]).max() > 3.5
    assert np.abs(np.diff(y)).max() < 1.1 * 4 * 2 * np.pi * 200 / RATE


def test_the_response_is_that_of_scipy():
    eq = ac.ParametricEq(BANDS, sample_rate=RATE)
    hz = np.geomspace(20, 24000, 50).clip(max=24000)
    sos = np.concatenate([designed(*vars(band).values()) for band in eq.bands.values()])
    _, expected = signal.sosfreqz(sos, hz, fs=RATE)
    assert_close(eq.frequency_response(hz), expected, 1e-10)
    assert_close(ac.Biquad(sos, sample_rate=RATE).frequency_response(hz.reshape(5, 10)), expected.reshape(5, 10), 1e-10)
    played = np.fft.rfft(eq.process(np.eye(1, RATE, dtype="float32")[0]).astype(float))
    assert_close(np.abs(played[[100, 1000, 8000]]), np.abs(eq.frequency_response([100, 1000, 8000])), 1e-3)
    with pytest.raises(ac.ArgumentError, match="up to half of the sample rate 48000"):
        eq.frequency_response(25000)
    with pytest.raises(ac.ArgumentError, match="make the Biquad with sample_rate="):
        ac.Biquad(sos).frequency_response(100.0)


@pytest.mark.parametrize("preset", ac.ParametricEq.presets())
def test_presets_serve_any_usual_sample_rate(preset):
    for rate in (8000, 44100, 96000):
        eq = ac.ParametricEq.from_preset(preset, sample_rate=rate, channels=2)
        gain_db = 20 * np.log10(np.abs(eq.frequency_response(np.geomspace(20, 3900, 99))))
        assert np.isfinite(gain_db).all()
        assert gain_db.max() < 7
        assert (np.abs(gain_db) < 1e-9).all() == (preset == "flat")


def test_a_preset_may_be_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('[bands.air]\nkind = "highshelf"\nfrequency_hz = 9000\ngain_db = 2\n')
    eq = ac.ParametricEq.from_preset(path, sample_rate=RATE)
    assert eq.bands == {"air": ac.EqBand("highshelf", 9000, gain_db=2)}
    for content, says in (("[bands", "is not TOML"), ("[band.x]", "tables .bands.NAME. are wanted"),
                          ("[bands.x]\nkind = 'peak'", "mine.toml: band x needs frequency_hz"),
                          ("[bands.x]\nhz = 3", "mine.toml: band x has no hz; it has kind, frequency_hz, q, gain_db"),
                          ("[bands]\nx = 3", "band x must be")):  # fmt: skip
        path.write_text(content)
        with pytest.raises(ac.ArgumentError, match=says):
            ac.ParametricEq.from_preset(path, sample_rate=RATE)
    with pytest.raises(ac.AudioFileError, match="an equaliser in TOML is wanted"):
        ac.ParametricEq.from_preset(tmp_path / "no.toml", sample_rate=RATE)
    with pytest.raises(ac.ArgumentError, match=r"one of 'speech', .*, 'flat' or a TOML file, not 'rock'"):
        ac.ParametricEq.from_preset("rock", sample_rate=RATE)


def test_what_it_refuses_says_which_band_and_changes_nothing():
    eq = ac.ParametricEq(BANDS, sample_rate=RATE)
    before = eq.bands
    for options, says in (
        ({"frequency_hz": 30000.0}, "band middle: frequency_hz must be between 0"), ({"q": 0}, "band middle: q must"),
        ({"gain_db": np.nan}, "band middle: gain_db"), ({"kind": "bell"}, "band middle: kind must be one of"),
    ):  # fmt: skip
        with pytest.raises(ac.ArgumentError, match=says):
            eq.set_band("middle", **options)
    with pytest.raises(ac.ArgumentError, match="there is no band 'x'; there are low, middle, high"):
        eq.set_band("x", gain_db=1.0)
    assert eq.bands == before
    x = channel_noise(300)
    assert np.array_equal(eq.process(x), ac.ParametricEq(BANDS, sample_rate=RATE).process(x))
    for bad in ({}, [], None, "speech"):
        with pytest.raises(ac.ArgumentError, match="bands must be a dict"):
            ac.ParametricEq(bad, sample_rate=RATE)


def test_bad_samples_pickles_and_guards_are_those_of_a_biquad():
    x, eq = channel_noise(900, 2), ac.ParametricEq(BANDS, sample_rate=RATE, channels=2)
    x[5, 0] = np.nan
    eq.process(x[:400])
    copied = pickle.loads(pickle.dumps(eq))
    assert eq.nonfinite_count == copied.nonfinite_count == 1
    assert np.array_equal(copied.process(x[400:]), eq.process(x[400:]))
    chain = ac.Chain([eq, ac.Gain(0.0, channels=2)])
    with eq._guard, pytest.raises(ac.BusyError):
        chain.process(x)
    assert chain.nonfinite_count == 1
    eq.reset()
    assert eq.nonfinite_count == 0
