"""Files through stages at a level that is asked for: a peak, a loudness, or within full scale."""

import numpy as np
import pytest

import audioconv as ac
from tests.compare import assert_close
from tests.stream.test_files import a_file


@pytest.mark.parametrize("channels", [1, 2])
def test_normalized_it_is_softer_as_a_whole_and_only_if_it_must(tmp_path, channels):
    x = a_file(tmp_path / "in.wav", channels)

    def done(gain_db, subtype="FLOAT"):
        return ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(gain_db, channels=channels),
                               normalize=True, subtype=subtype, block_size=900)  # fmt: skip

    said, y = done(20.0), ac.read(tmp_path / "out.wav").samples
    assert said.clipped == 0
    assert abs(said.gain_db + 20 + 20 * np.log10(np.abs(x).max())) < 1e-4
    assert np.abs(y).max() == 1
    assert_close(y, x / np.abs(x).max(), 1e-6)
    assert done(20.0, "PCM_16").clipped == 0
    assert done(-20.0).gain_db == 0
    assert_close(ac.read(tmp_path / "out.wav").samples, x / 10, 1e-6)


@pytest.mark.parametrize("peak_db", [0, -3.0, -20.5])
@pytest.mark.parametrize("gain_db", [-40.0, 20.0])
def test_the_peak_is_what_was_asked_for(tmp_path, peak_db, gain_db):
    x = a_file(tmp_path / "in.wav", 2)
    done = ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(gain_db, channels=2), peak_db=peak_db,
                           subtype="FLOAT")  # fmt: skip
    assert abs(done.gain_db - (peak_db - gain_db - 20 * np.log10(np.abs(x).max()))) < 1e-3
    assert_close(ac.read(tmp_path / "out.wav").samples, x / np.abs(x).max() * 10 ** (peak_db / 20), 1e-5)


@pytest.mark.parametrize("channels", [1, 2])
def test_the_loudness_is_what_was_asked_for(tmp_path, channels):
    import pyloudnorm

    a_file(tmp_path / "in.wav", channels, 16000)
    for loudness_lufs in (-30.0, -16.0):
        done = ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(-10.0, channels=channels),
                               loudness_lufs=loudness_lufs, subtype="FLOAT", block_size=900)  # fmt: skip
        assert done.gain_db != 0
        assert abs(done.loudness_lufs - loudness_lufs) < 1e-3
        y = ac.read(tmp_path / "out.wav", dtype="float64").samples
        assert abs(pyloudnorm.Meter(8000, "DeMan").integrated_loudness(y) - loudness_lufs) < 0.01
    loud = {"loudness_lufs": 0.0, "subtype": "FLOAT"}
    ac.process_file(tmp_path / "in.wav", tmp_path / "a.wav", ac.Gain(channels=channels), **loud)
    done = ac.process_file(tmp_path / "in.wav", tmp_path / "b.wav", ac.Gain(channels=channels), normalize=True, **loud)
    assert (done.sample_rate, done.channels, done.subtype) == (8000, channels, "FLOAT")
    assert np.abs(ac.read(tmp_path / "a.wav").samples).max() > 1.5
    y = ac.read(tmp_path / "b.wav", dtype="float64").samples
    assert np.abs(y).max() == 1
    assert done.loudness_lufs < -1  # less than what was asked for
    assert abs(pyloudnorm.Meter(8000, "DeMan").integrated_loudness(y) - done.loudness_lufs) < 0.01


def test_silence_has_no_level_and_half_a_second_is_needed(tmp_path):
    ac.write(tmp_path / "in.wav", np.zeros(8000), 8000)
    for wanted in ({"peak_db": -1.0}, {"loudness_lufs": -16.0}):
        done = ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(), **wanted)
        assert done.gain_db == 0
        assert done.loudness_lufs == (-np.inf if "loudness_lufs" in wanted else None)
    ac.write(tmp_path / "in.wav", np.full(2000, 0.5), 8000)
    (tmp_path / "out.wav").write_bytes(b"older")
    with pytest.raises(ac.ArgumentError, match=r"over 0\.4 s at least"):
        ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(), loudness_lufs=-16.0)
    for wanted in ({"peak_db": 1.0}, {"peak_db": np.nan}, {"loudness_lufs": 3.0}):
        with pytest.raises(ac.ArgumentError, match="at least -"):
            ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(), **wanted)
    with pytest.raises(ac.ArgumentError, match="one of them is wanted"):
        ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(), peak_db=-1.0, loudness_lufs=-16.0)
    assert (tmp_path / "out.wav").read_bytes() == b"older"
