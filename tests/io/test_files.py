"""Sound files: what is written comes back, what is damaged is refused, what fails leaves nothing behind."""

import subprocess
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import audioconv as ac
from audioconv.io import atomic_write, blocks, info, sound_files, write, writer
from tests.signals import noise

TONE = (0.4 * np.sin(np.arange(24000) * 0.05) + noise(24000, "float64", scale=0.05)).astype("float32")
FORMATS = [
    ("a.wav", None),
    ("a.wav", "FLOAT"),
    ("a.flac", None),
    ("a.ogg", None),
    ("a.opus", None),
    ("a.mp3", None),
    ("a.aiff", None),
    ("a.au", None),
    ("a.caf", None),
    ("a.w64", None),
    ("a.rf64", None),
]


def no_leftovers(folder, *expected):
    assert sorted(p.name for p in folder.iterdir()) == sorted(expected)


# --- there and back -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("channels", [None, 1, 2, 5])
def test_float_files_keep_every_bit(tmp_path, rng, subtype, channels):
    dtype = "float32" if subtype == "FLOAT" else "float64"
    samples = (3 * rng.standard_normal(1000 if channels is None else (1000, channels))).astype(dtype)
    ac.write(tmp_path / "a.wav", samples, 44100, subtype=subtype)
    clip = ac.read(tmp_path / "a.wav", dtype=dtype)
    assert clip.sample_rate == 44100
    assert clip.samples.dtype == dtype
    assert np.array_equal(clip.samples, samples[:, 0] if channels == 1 else samples)
    no_leftovers(tmp_path, "a.wav")


@pytest.mark.parametrize(("name", "subtype", "bits"), [("a.wav", "PCM_U8", 8), ("a.flac", "PCM_S8", 8)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_code_of_8_bits_comes_back(tmp_path, name, subtype, bits, dtype):
    assert every_code_comes_back(tmp_path / name, subtype, bits, dtype)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.aiff"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_code_of_16_bits_comes_back(tmp_path, name, dtype):
    assert every_code_comes_back(tmp_path / name, "PCM_16", 16, dtype)


def every_code_comes_back(path, subtype, bits, dtype):
    codes = np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1)) / 2 ** (bits - 1)
    ac.write(path, codes.astype(dtype), 8000, subtype=subtype)
    return np.array_equal(ac.read(path, dtype=dtype).samples, codes)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1, 1 - 2**-23, width=32), min_size=1, max_size=50))
def test_24_bits_round_to_the_nearest(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("pcm24") / "a.wav"
    samples = np.array(values)
    write(path, samples, 8000, subtype="PCM_24")
    assert np.array_equal(ac.read(path, dtype="float64").samples, np.rint(samples * 2**23) / 2**23)


@pytest.mark.parametrize(("name", "subtype"), FORMATS)
@pytest.mark.parametrize("block_size", [1, 1000, 100_000])
def test_blocks_joined_are_the_whole(tmp_path, name, subtype, block_size):
    rate = 48000 if name == "a.opus" else 16000
    samples = TONE[:300] if block_size == 1 and name != "a.mp3" else TONE
    write(tmp_path / name, np.stack([samples, -samples / 2], axis=1), rate, subtype=subtype)
    clip = ac.read(tmp_path / name)
    assert clip.sample_rate == rate
    assert np.abs(clip.samples).max() > 0.1
    joined = list(blocks(tmp_path / name, block_size))
    assert all(len(block) == block_size for block in joined[:-1])
    assert np.array_equal(np.concatenate(joined), clip.samples)


def test_info_says_what_the_header_says(tmp_path):
    write(tmp_path / "a.flac", np.zeros((70, 3)), 22050, subtype="PCM_24")
    assert info(tmp_path / "a.flac") == (22050, 3, 70, "FLAC", "PCM_24")


def test_the_usual_subtype_of_wav_is_16_bits(tmp_path):
    write(tmp_path / "a.wav", TONE, 16000)
    assert info(str(tmp_path / "a.wav")).subtype == "PCM_16"


def test_a_writer_takes_blocks(tmp_path):
    with writer(tmp_path / "a.wav", 16000, 2, subtype="FLOAT") as sink:
        for start in range(0, 24000, 7000):
            sink.write(np.stack([TONE, TONE], axis=1)[start : start + 7000])
        sink.write(np.zeros((0, 2), "float32"))
    assert sink.frames == 24000
    assert np.array_equal(ac.read(tmp_path / "a.wav").samples[:, 1], TONE)


# --- clipping -------------------------------------------------------------------------------------------------


def test_clipping_is_counted_and_the_gain_named_avoids_it(tmp_path):
    loud = TONE * 4
    with pytest.warns(
        RuntimeWarning, match=r"^[\d,]+ samples of .*a\.wav clipped at full scale.* a gain of -\d+\.\d dB"
    ):
        write(tmp_path / "a.wav", loud, 16000)
    with writer(tmp_path / "a.wav", 16000) as sink:
        sink.write(loud)
    assert sink.clipped == np.count_nonzero(np.abs(loud) > 1) > 0
    assert -20 * np.log10(np.abs(loud).max()) - 0.1 <= sink.safe_gain_db <= 1e-5 - 20 * np.log10(np.abs(loud).max())
    assert np.array_equal(ac.read(tmp_path / "a.wav").samples, np.clip(np.rint(loud * 32768), -32768, 32767) / 32768)
    with writer(tmp_path / "b.wav", 16000) as sink:
        sink.write(loud * np.float32(10 ** (sink_gain(loud) / 20)))
    assert sink.clipped == 0
    assert sink.peak > 0.98


def sink_gain(samples):
    return np.floor(-200 * np.log10(np.abs(samples).max())) / 10


@pytest.mark.parametrize("subtype", ["ULAW", "PCM_16", "PCM_U8", "MS_ADPCM"])
def test_clipping_keeps_the_sign(tmp_path, subtype):
    square = np.repeat(np.array([2.0, -2.0], "float32"), 512)
    with pytest.warns(RuntimeWarning, match="1,024 samples"):
        write(tmp_path / "a.wav", square, 16000, subtype=subtype)
    samples = ac.read(tmp_path / "a.wav").samples[:1024]
    assert np.median(samples[:512]) > 0.9
    assert np.median(samples[512:]) < -0.9


def test_float_files_are_never_clipped(tmp_path, recwarn):
    write(tmp_path / "a.wav", TONE * 100, 16000, subtype="FLOAT")
    assert not recwarn.list
    assert np.array_equal(ac.read(tmp_path / "a.wav").samples, TONE * 100)


# --- damaged files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "subtype"), FORMATS)
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.97])
def test_a_file_cut_short_is_refused(tmp_path, name, subtype, part):
    path = tmp_path / name
    write(path, TONE, 48000 if name == "a.opus" else 16000, subtype=subtype)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(ac.AudioFileError, match=r"a\.\w+ (is|cannot)") as caught:
        ac.read(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ac.AudioFileError):
        list(blocks(path, 4000))


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.au", "a.caf", "a.w64", "a.rf64"])
def test_one_byte_less_is_too_few(tmp_path, name):
    write(tmp_path / name, TONE, 16000)
    whole = (tmp_path / name).read_bytes()
    assert ac.read(tmp_path / name).samples.shape == TONE.shape
    cut = len(whole) - (36 if name == "a.w64" and len(whole) % 8 else 1)
    (tmp_path / name).write_bytes(whole[:cut])
    with pytest.raises(ac.AudioFileError, match="cut short"):
        ac.read(tmp_path / name)


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFFFFF])
def test_a_wav_whose_length_was_left_open_is_read(tmp_path, length):
    """ffmpeg and sox write such headers into a pipe, and a recorder that was killed leaves 0."""
    path = tmp_path / "a.wav"
    write(path, TONE, 16000)
    whole = bytearray(path.read_bytes())
    at = whole.index(b"data") + 4
    samples = ac.read(path).samples
    whole[at : at + 4] = whole[4:8] = length.to_bytes(4, "little")
    path.write_bytes(whole)
    assert np.array_equal(ac.read(path).samples, samples)


def test_a_lost_chunk_after_the_sound_does_no_harm(tmp_path):
    path = tmp_path / "a.wav"
    write(path, TONE, 16000)
    path.write_bytes(path.read_bytes() + b"LIST\xff\x00\x00\x00INFO")
    assert ac.read(path).samples.shape == TONE.shape


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"hello", "cannot be read as a sound file"),
        (b"#!/bin/sh\n" * 100, "cannot be read as a sound file"),
        (b"RIFF", "cannot be read as a sound file"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "cannot be read as a sound file"),
        (b"OggS" + bytes(10), "cut short"),
        (b"fLaC", "cannot be read as a sound file"),
        (bytes(5000), "cannot be read as a sound file"),
    ],
)
@pytest.mark.parametrize("reader", [ac.read, info, lambda path: blocks(path, 10)])
def test_what_is_not_audio_is_refused_at_once(tmp_path, content, says, reader):
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(ac.AudioFileError, match=says) as caught:
        reader(tmp_path / "a.wav")
    assert str(tmp_path / "a.wav") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_folder_headerless_and_zero_frames_are_refused(tmp_path):
    with pytest.raises(ac.AudioFileError, match=r"nothing\.wav does not exist"):
        ac.read(tmp_path / "nothing.wav")
    with pytest.raises(OSError, match="is a folder"):
        ac.read(tmp_path)
    (tmp_path / "a.raw").write_bytes(bytes(100))
    with pytest.raises(ac.AudioFileError, match="no header"):
        ac.read(tmp_path / "a.raw")
    for name in ("a.wav", "a.aiff"):
        soundfile.write(tmp_path / name, np.zeros(0), 8000)
        with pytest.raises(ac.AudioFileError, match="no samples"):
            ac.read(tmp_path / name)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused_with_their_place(tmp_path, value):
    samples = np.stack([TONE, TONE], axis=1)
    samples[12000, 1] = value
    soundfile.write(tmp_path / "a.wav", samples, 16000, subtype="FLOAT")
    for reader in (ac.read, lambda path: list(blocks(path, 777))):
        with pytest.raises(ac.AudioFileError, match=r"(nan|inf) at 0\.7500 s \(sample 12000 of channel 2\)"):
            reader(tmp_path / "a.wav")


def test_wrong_arguments_are_refused(tmp_path):
    write(tmp_path / "a.wav", TONE, 16000)
    with pytest.raises(ac.ArgumentError, match="dtype"):
        ac.read(tmp_path / "a.wav", dtype="int16")
    with pytest.raises(ac.ArgumentError, match="block_size"):
        blocks(tmp_path / "a.wav", 0)


# --- files that cannot be written -----------------------------------------------------------------------------


def bad_samples(value):
    samples = TONE.copy()
    samples[40000 % 24000] = value
    return samples


@pytest.mark.parametrize(
    ("name", "samples", "rate", "subtype", "error", "says"),
    [
        ("missing/a.wav", TONE, 16000, None, ac.AudioFileError, "folder .*missing does not exist"),
        ("folder.wav", TONE, 16000, None, ac.AudioFileError, "it is a folder"),
        ("a.xyz", TONE, 16000, None, ac.ArgumentError, r"suffix '\.xyz'.*\.flac"),
        ("a", TONE, 16000, None, ac.ArgumentError, "suffix ''"),
        ("a.flac", TONE, 16000, "FLOAT", ac.ArgumentError, "FLAC file cannot have the subtype 'FLOAT'.*PCM_24"),
        ("a.opus", TONE, 12345, None, ac.AudioFileError, "OGG OPUS with 1 channel.* 12345 Hz"),
        ("a.flac", np.zeros((10, 9)), 16000, None, ac.AudioFileError, "with 9 channel"),
        ("a.wav", bad_samples(np.nan), 16000, None, ac.ArgumentError, "sample 16000 .* NaN"),
        ("a.wav", bad_samples(np.inf), 16000, "FLOAT", ac.ArgumentError, "sample 16000 .* infinite"),
        ("a.wav", np.zeros(0), 16000, None, ac.ArgumentError, "no samples"),
        ("a.wav", np.zeros((0, 2)), 16000, None, ac.ArgumentError, "no samples"),
        ("a.wav", np.zeros((2, 0)), 16000, None, ac.ArgumentError, "channels"),
        ("a.wav", np.zeros((2, 2, 2)), 16000, None, ac.ShapeError, "dimension"),
        ("a.wav", np.zeros(9, "int16"), 16000, None, ac.DtypeError, r"/ 32768"),
        ("a.wav", TONE, 0, None, ac.ArgumentError, "sample_rate"),
        ("a.wav", TONE, 16000.5, None, ac.ArgumentError, "sample_rate"),
    ],
)
def test_what_cannot_be_written_leaves_nothing(tmp_path, name, samples, rate, subtype, error, says):
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "a.wav").write_bytes(b"older")
    with pytest.raises(error, match=says):
        write(tmp_path / name, samples, rate, subtype=subtype)
    no_leftovers(tmp_path, "a.wav", "folder.wav")
    assert (tmp_path / "a.wav").read_bytes() == b"older"


def test_a_block_with_other_channels_is_refused(tmp_path):
    with (
        pytest.raises(ac.ShapeError, match=r"2 channels, but a block has shape \(5,\)"),
        writer(tmp_path / "a.wav", 8000, 2) as sink,
    ):
        sink.write(np.zeros(5))
    no_leftovers(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on resources")
def test_a_full_disk_is_one_clear_error(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"older")
    program = (
        "import resource, sys, numpy as np, audioconv as ac\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n    ac.write(sys.argv[1], np.ones(1_000_000) / 2, 8000)\n"
        "except ac.AudioFileError as error:\n    print('refused', error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "a.wav"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.startswith("refused cannot write"), done.stderr
    no_leftovers(tmp_path, "a.wav")
    assert (tmp_path / "a.wav").read_bytes() == b"older"


# --- whole or not at all --------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_older_file(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("older")
    with pytest.raises(error), atomic_write(path) as part:  # noqa: PT012
        part.write_text("half")
        raise error
    assert path.read_text() == "older"
    no_leftovers(tmp_path, "a.txt")


def test_a_whole_file_takes_the_place_of_the_older_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("older")
    (tmp_path / "link.txt").symlink_to(path)
    with atomic_write(tmp_path / "link.txt") as part:
        part.write_text("newer")
        assert path.read_text() == "older"
    assert path.read_text() == "newer"
    assert (tmp_path / "link.txt").is_symlink()
    no_leftovers(tmp_path, "a.txt", "link.txt")


def test_another_kind_of_error_may_be_asked_for(tmp_path):
    with (
        pytest.raises(ac.ModelFileError, match="does not exist"),
        atomic_write(tmp_path / "no" / "a", ac.ModelFileError),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="no device files")
def test_a_device_is_never_replaced():
    with pytest.raises(ac.AudioFileError, match="not a regular file"), atomic_write("/dev/null"):
        pass


# --- folders --------------------------------------------------------------------------------------------------


def test_sound_files_of_a_folder(tmp_path):
    for name in ("b.wav", "a/c.FLAC", "notes.txt", "a/x.ogg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in sound_files(tmp_path)] == ["c.FLAC", "x.ogg", "b.wav"]
    with pytest.raises(ac.AudioFileError, match="is not a folder"):
        sound_files(tmp_path / "b.wav")
    (tmp_path / "none").mkdir()
    with pytest.raises(ac.AudioFileError, match="holds no sound files"):
        sound_files(tmp_path / "none")
