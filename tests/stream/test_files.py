"""Files through stages: the result is that of the whole signal, whatever the blocks, or there is no file."""

import io
import os
import resource
import threading
from contextlib import contextmanager

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from tests.compare import assert_close

RNG = np.random.default_rng


def a_file(path, channels=2, samples=5000):
    x = 0.2 * RNG(0).standard_normal((samples, channels) if channels > 1 else samples).astype("float32")
    ac.write(path, x, 8000, subtype="PCM_24")
    return ac.read(path).samples


@pytest.mark.parametrize("block_size", [1000, 65536])
def test_a_chain_over_a_file_is_the_chain_over_the_signal(tmp_path, block_size):
    x = a_file(tmp_path / "in.wav")
    ir = RNG(1).standard_normal(300).astype("float32") / 30

    def chain():
        return ac.Chain([
            ac.Biquad.design("highpass", 8000, 100.0, channels=2), ac.StreamConvolver(ir, channels=2, max_block=64),
            ac.Limiter(-6.0, sample_rate=8000, channels=2),
        ])  # fmt: skip

    whole = chain()
    expected = np.concatenate([whole.process(x), whole.flush()])[whole.latency :]
    used = chain()
    for _ in range(2):  # a chain may be used again
        done = ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", used, block_size=block_size)
    assert done[:4] == (5000 + 299, 0, 0.0, 0.0)
    assert ac.io.info(tmp_path / "out.wav").subtype == "PCM_24"
    assert_close(ac.read(tmp_path / "out.wav").samples, expected, 2e-6)


@settings(max_examples=20)
@given(st.integers(1, 400), st.integers(1, 3000))
def test_a_file_is_cut_and_joined_exactly_wherever_that_is(tmp_path_factory, taps, block_size):
    folder = tmp_path_factory.mktemp("cut")
    x, h = (RNG(1).standard_normal(size).astype("float32") / 30 for size in (2500, taps))
    ac.write(folder / "in.wav", x, 8000, subtype="FLOAT")
    ac.process_file(folder / "in.wav", folder / "out.wav", ac.Fir(h), block_size=block_size)
    y, expected = ac.read(folder / "out.wav").samples, ac.convolve(x, h, method="direct")
    if taps <= 16:  # no FFT takes part
        assert np.array_equal(y, expected)
    assert_close(y, expected, 2e-6)


def test_a_stage_of_a_file_without_compiled_step(tmp_path):
    x = a_file(tmp_path / "in.wav", 1)

    class Late:
        latency = 2

        def reset(self):
            self.kept = np.zeros(2, "float32")

        def process(self, block):
            joined = np.concatenate([self.kept, block])
            self.kept = joined[-2:]
            return joined[:-2]

        def flush(self):
            return self.kept

    ac.process_file(tmp_path / "in.wav", tmp_path / "out.flac", Late(), block_size=999)
    assert_close(ac.read(tmp_path / "out.flac").samples, x, 4e-5)  # 16 bits


def test_what_clips_is_counted(tmp_path):
    a_file(tmp_path / "in.wav", 1)
    done = ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(20.0))
    assert done.clipped > 100
    assert ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(20.0 + done.safe_gain_db)).clipped == 0


def test_an_error_leaves_no_file(tmp_path):
    a_file(tmp_path / "in.wav", 2)
    with pytest.raises(ac.ArgumentError, match="2 channel"):
        ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain())
    with pytest.raises(ac.AudioFileError):
        ac.process_file(tmp_path / "missing.wav", tmp_path / "out.wav", ac.Gain())
    unstable = ac.Biquad([[1.0, 0, 0, 1, -2.0, 1.5]], channels=2)
    with pytest.raises(ac.ArgumentError, match="NaN or infinite"):
        ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", unstable)
    assert [path.name for path in tmp_path.iterdir()] == ["in.wav"]


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def codes(path):
    """The samples of a 16-bit file as integers."""
    return np.round(ac.read(path, dtype="float64").samples * 2**15).astype(int)


@contextmanager
def files_no_longer_than(size):
    """The system refuses to write more to a file, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "opus"])
@pytest.mark.parametrize("spare", [0.5, 0.97, 0.999])
def test_a_disk_that_takes_no_more_leaves_no_file(tmp_path, suffix, spare):
    """Also where libsndfile says nothing: it takes the end of an Ogg file that was not written for written."""
    ac.write(tmp_path / "in.wav", 0.1 * RNG(0).standard_normal(200_000), 48000)
    target = tmp_path / f"out.{suffix}"
    ac.process_file(tmp_path / "in.wav", target, ac.Gain(-6.0))
    size, older = target.stat().st_size, target.read_bytes()
    with files_no_longer_than(int(size * spare)), pytest.raises(ac.AudioFileError, match=r"cannot write .*too large"):
        ac.process_file(tmp_path / "in.wav", target, ac.Gain(-6.0))
    assert target.read_bytes() == older
    target.unlink()
    with files_no_longer_than(int(size * spare)), pytest.raises(ac.AudioFileError, match="cannot write"):
        ac.process_file(tmp_path / "in.wav", target, ac.Gain(-6.0), normalize=True)
    assert names(tmp_path) == ["in.wav"]


@pytest.mark.parametrize("normalize", [False, True])
def test_ctrl_c_leaves_no_file(tmp_path, normalize):
    a_file(tmp_path / "in.wav")

    def stop(done, total):
        assert total == 5000
        if done >= 2000:
            raise KeyboardInterrupt

    stage = ac.Gain(0.0, channels=2)
    with pytest.raises(KeyboardInterrupt):
        ac.process_file(
            tmp_path / "in.wav", tmp_path / "out.wav", stage, normalize=normalize, block_size=500, progress=stop
        )
    assert names(tmp_path) == ["in.wav"]


def test_progress_is_told(tmp_path):
    a_file(tmp_path / "in.wav")
    told = []
    ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(channels=2), block_size=2000,
                    progress=lambda *at: told.append(at))  # fmt: skip
    assert told == [(2000, 5000), (4000, 5000), (5000, 5000)]


def test_a_quiet_tone_survives_16_bits_as_noise_not_as_silence(tmp_path):
    """0.4 LSB of a sine: rounded it is gone; dithered it has its amplitude, and the error has the power it must."""
    tone = 0.4 / 2**15 * np.sin(2 * np.pi * 997 / 48000 * np.arange(96000))
    ac.write(tmp_path / "in.wav", tone, 48000, subtype="DOUBLE")
    ac.process_file(tmp_path / "in.wav", tmp_path / "plain.wav", ac.Gain(), subtype="PCM_16", dither=False)
    assert not codes(tmp_path / "plain.wav").any()
    for block_size in (65536, 777):
        ac.process_file(tmp_path / "in.wav", tmp_path / f"{block_size}.wav", ac.Gain(), subtype="PCM_16",
                        block_size=block_size)  # fmt: skip
    assert (tmp_path / "777.wav").read_bytes() == (tmp_path / "65536.wav").read_bytes()
    y = codes(tmp_path / "777.wav")
    assert set(np.unique(y)) == {-1, 0, 1}
    amplitude = 2 * np.mean(y * np.sin(2 * np.pi * 997 / 48000 * np.arange(96000)))
    assert abs(amplitude - 0.4) < 0.02
    assert abs(np.var(y - tone * 2**15) - 0.25) < 0.01  # 1/12 of rounding and 2/12 of the noise


def test_what_needs_no_rounding_is_not_dithered(tmp_path):
    x = RNG(0).integers(-(2**15), 2**15, (5000, 2)) / 2.0**15
    x[1000:2000] = 0
    ac.write(tmp_path / "in.wav", x, 48000, subtype="PCM_16")
    ac.process_file(tmp_path / "in.wav", tmp_path / "same.wav", ac.Gain(channels=2))
    assert (tmp_path / "same.wav").read_bytes() == (tmp_path / "in.wav").read_bytes()
    ac.process_file(tmp_path / "in.wav", tmp_path / "softer.wav", ac.Gain(-6.0, channels=2))
    ac.process_file(tmp_path / "in.wav", tmp_path / "rounded.wav", ac.Gain(-6.0, channels=2), dither=False)
    softer, rounded = codes(tmp_path / "softer.wav"), codes(tmp_path / "rounded.wav")
    assert not softer[1000:2000].any()  # digital silence
    assert np.abs(softer - rounded).max() == 1
    assert 0.3 < np.mean(softer[:1000] != rounded[:1000]) < 0.6
    ac.process_file(tmp_path / "in.wav", tmp_path / "a.wav", ac.Gain(-6.0, channels=2), subtype="PCM_24")
    ac.process_file(tmp_path / "in.wav", tmp_path / "b.wav", ac.Gain(-6.0, channels=2), subtype="PCM_24", dither=False)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


@pytest.mark.parametrize(
    ("source", "subtype", "target", "expected"),
    [
        ("in.wav", "PCM_24", "out.flac", "PCM_24"), ("in.wav", "FLOAT", "out.flac", "PCM_16"),
        ("in.wav", "PCM_U8", "out.wav", "PCM_U8"), ("in.wav", "ULAW", "out.wav", "ULAW"),
        ("in.flac", "PCM_24", "out.wav", "PCM_24"), ("in.aiff", "FLOAT", "out.caf", "FLOAT"),
        ("in.opus", "OPUS", "out.opus", "OPUS"), ("in.opus", "OPUS", "out.ogg", "VORBIS"),
        ("in.mp3", "MPEG_LAYER_III", "out.wav", "PCM_16"), ("in.wav", "PCM_24", "out.ogg", "VORBIS"),
    ],
)  # fmt: skip
def test_the_sample_type_is_kept_where_it_can_be(tmp_path, source, subtype, target, expected):
    ac.write(tmp_path / source, 0.1 * RNG(0).standard_normal(9600), 48000, subtype=subtype)
    ac.process_file(tmp_path / source, tmp_path / target, ac.Gain())
    assert ac.io.info(tmp_path / target).subtype == expected


def test_a_wav_file_of_the_extensible_kind_keeps_its_24_bits(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "in.wav", np.full((100, 2), 0.1), 48000, subtype="PCM_24", format="WAVEX")
    ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(channels=2))
    assert ac.io.info(tmp_path / "out.wav").subtype == "PCM_24"


def test_another_rate_and_other_channels(tmp_path):
    x = a_file(tmp_path / "in.wav", 2)
    middle = ac.MatrixMixer([[0.5], [0.5]])
    done = ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", middle, sample_rate=16000, subtype="FLOAT")
    y, rate = ac.read(tmp_path / "out.wav")
    assert (rate, len(y), done.frames) == (16000, 10000, 10000)
    expected = soxr.resample(x.mean(axis=1), 8000, 16000)
    assert_close(y, expected, 2e-6)
    chain = ac.Chain([ac.MatrixMixer([[0.5], [0.5]]), ac.Resample(8000, 16000), ac.Limiter(20.0, sample_rate=16000)])
    ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", chain, subtype="FLOAT")
    assert ac.read(tmp_path / "out.wav").sample_rate == 16000
    assert_close(ac.read(tmp_path / "out.wav").samples, expected, 2e-6)
    with pytest.raises(ac.ArgumentError, match="has 8000 Hz, but the stage is made for 44100 Hz"):
        ac.process_file(tmp_path / "in.wav", tmp_path / "no.wav", ac.Resample(44100, 8000, channels=2))
    with pytest.raises(
        ac.ArgumentError, match=r"has 2 channels, but .* for 1; make it with Gain\(\.\.\., channels=2\)"
    ):
        ac.process_file(tmp_path / "in.wav", tmp_path / "no.wav", ac.Gain())
    for bad in ("x", np.ones(2), 1j, np.nan, 1, -201):
        with pytest.raises(ac.ArgumentError, match="peak_db must be"):
            ac.process_file(tmp_path / "in.wav", tmp_path / "no.wav", ac.Gain(channels=2), peak_db=bad)
    with pytest.raises(ac.ArgumentError, match="a stage is wanted"):
        ac.process_file(tmp_path / "in.wav", tmp_path / "no.wav", np.abs)
    assert names(tmp_path) == ["in.wav", "out.wav"]


def test_a_filter_is_streamed(tmp_path):
    x, taps = a_file(tmp_path / "in.wav", 2), RNG(1).standard_normal(50) / 20
    ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Fir(taps), subtype="FLOAT")
    assert_close(ac.read(tmp_path / "out.wav").samples, ac.convolve(x, taps.astype("float32")), 2e-6)


# --- which file is written ------------------------------------------------------------------------------------


def test_the_source_is_overwritten_only_if_that_is_said(tmp_path):
    x = a_file(tmp_path / "in.wav", 1)
    before = (tmp_path / "in.wav").read_bytes()
    (tmp_path / "link.wav").symlink_to("in.wav")
    os.link(tmp_path / "in.wav", tmp_path / "hard.wav")
    (tmp_path / "folder").mkdir()
    other = tmp_path / "folder" / ".." / "in.wav"
    for target in (tmp_path / "in.wav", str(tmp_path / "in.wav"), tmp_path / "link.wav", tmp_path / "hard.wav", other):
        with pytest.raises(ac.AudioFileError, match=r"is the file that is read; .* overwrite=True"):
            ac.process_file(tmp_path / "in.wav", target, ac.Gain(-6.0))
    with open(tmp_path / "in.wav", "rb") as file, pytest.raises(ac.AudioFileError, match="overwrite=True"):
        ac.process_file(file, tmp_path / "in.wav", ac.Gain(-6.0))
    assert (tmp_path / "in.wav").read_bytes() == before
    ac.process_file(tmp_path / "in.wav", tmp_path / "link.wav", ac.Gain(20 * np.log10(0.5)), overwrite=True)
    assert (tmp_path / "link.wav").is_symlink()
    assert_close(ac.read(tmp_path / "in.wav").samples, x / 2, 1e-6)
    assert (tmp_path / "hard.wav").read_bytes() == before


def test_file_objects_go_in_and_out(tmp_path):
    x = a_file(tmp_path / "in.wav", 2)
    target = io.BytesIO()
    done = ac.process_file(io.BytesIO((tmp_path / "in.wav").read_bytes()), target, ac.Gain(-6.0, channels=2),
                           format="WAV")  # fmt: skip
    assert done.frames == 5000
    ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(-6.0, channels=2))
    assert target.getvalue() == (tmp_path / "out.wav").read_bytes()  # the sample type, too
    target.seek(0)
    assert_close(ac.read(target).samples, x * 10 ** (-6 / 20), 1e-6)
    with pytest.raises(ac.ArgumentError, match=r"<BytesIO> .*format='WAV'"):
        ac.process_file(tmp_path / "in.wav", io.BytesIO(), ac.Gain(channels=2))
    with pytest.raises(ac.ArgumentError, match="mode 'wb'"):
        ac.process_file(tmp_path / "in.wav", io.StringIO(), ac.Gain(channels=2), format="WAV")


def test_pipes_go_in_and_out(tmp_path):
    a_file(tmp_path / "in.wav", 1)
    ac.process_file(tmp_path / "in.wav", tmp_path / "out.flac", ac.Gain(-6.0))
    content, got = (tmp_path / "in.wav").read_bytes(), []
    (source_out, source_in), (target_out, target_in) = os.pipe(), os.pipe()

    def feed():
        with open(source_in, "wb") as file:
            file.write(content)

    def drain():
        with open(target_out, "rb") as file:
            got.append(file.read())

    threads = [threading.Thread(target=each) for each in (feed, drain)]
    for thread in threads:
        thread.start()
    with open(source_out, "rb") as source, open(target_in, "wb") as target:
        ac.process_file(source, target, ac.Gain(-6.0), format="FLAC")
    for thread in threads:
        thread.join(timeout=60)
    assert got == [(tmp_path / "out.flac").read_bytes()]


def test_tags_go_along_and_what_does_not_is_warned_of(tmp_path):
    import soundfile

    with soundfile.SoundFile(tmp_path / "in.flac", "w", 8000, 1, "PCM_16") as file:
        file.title, file.artist = "dawn chorus", "recorder 7"
        file.write(0.1 * np.ones(1600))
    for name in ("out.flac", "out.wav", "out.ogg"):
        ac.process_file(tmp_path / "in.flac", tmp_path / name, ac.Gain(-1.0))
        with soundfile.SoundFile(tmp_path / name) as file:
            assert (file.title, file.artist) == ("dawn chorus", "recorder 7")
    with pytest.warns(ac.errors.AudioFileWarning, match=r"out\.au is without .*in\.flac .*: tags \(title, artist\)"):
        ac.process_file(tmp_path / "in.flac", tmp_path / "out.au", ac.Gain(-1.0))
    assert len(ac.read(tmp_path / "out.au").samples) == 1600


def test_a_file_cut_short_is_processed_if_that_is_said(tmp_path):
    x = a_file(tmp_path / "in.wav", 1)
    (tmp_path / "in.wav").write_bytes((tmp_path / "in.wav").read_bytes()[:-3000])
    with pytest.raises(ac.AudioFileError, match="partial=True"):
        ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(-6.0))
    with pytest.warns(ac.errors.AudioFileWarning, match="3,000 byte"):
        done = ac.process_file(tmp_path / "in.wav", tmp_path / "out.wav", ac.Gain(20 * np.log10(0.5)), partial=True)
    assert done.frames == 4000
    assert_close(ac.read(tmp_path / "out.wav").samples, x[:4000] / 2, 1e-6)
