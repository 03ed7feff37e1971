"""Hours of sound without keywords: what is kept is what was read, and the hardest places are found."""

import errno
import os
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

import audioconv as ac
from audioconv.classify import array_cache
from audioconv.detect import HardNegative, NegativeFrames
from audioconv.detect import negatives as module
from tests.compare import assert_close
from tests.signals import noise

RATE = 16000
FEATURES = ac.LogMel(top_db=40)
MINING = {"row_hop": 320, "row_end": 400, "stretch_s": 0.4, "min_distance_s": 0.3}


class Said(list):
    say = list.append


@pytest.fixture(autouse=True)
def _cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("AUDIOCONV_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def folder(tmp_path):
    """Sound files of some formats, rates, channels and lengths, in folders."""
    (tmp_path / "sounds" / "more").mkdir(parents=True)
    kinds = [("a.wav", RATE, 16000), ("b.flac", 8000, 5000), ("more/c.ogg", 44100, (30000, 2)), ("d.wav", RATE, 300)]
    for i, (name, rate, shape) in enumerate(kinds):
        ac.write(tmp_path / "sounds" / name, noise(shape, seed=i, scale=0.1).clip(-0.9, 0.9), rate)
    return tmp_path / "sounds"


def stored():
    return sorted(os.listdir(os.path.join(os.environ["AUDIOCONV_CACHE"], "negatives")))


def assert_same(one, other):
    assert np.array_equal(one.lengths, other.lengths)
    for k in range(len(one)):
        assert np.array_equal(one.samples(k), other.samples(k))
        assert np.array_equal(one.frames(k), other.frames(k))


# --- what is kept -----------------------------------------------------------------------------------------


def test_samples_and_frames_are_those_of_the_files(folder):
    said = Said()
    negatives = NegativeFrames(folder, FEATURES, notices=said)
    files = ac.io.sound_files(folder)
    assert len(negatives) == len(files) == 4
    for k, file in enumerate(files):
        samples, rate = ac.read(file)
        mono = samples if samples.ndim == 1 else samples.mean(axis=1)
        expected = ac.io.resample(mono, rate, RATE)
        assert negatives.lengths[k] == expected.size
        assert_close(negatives.samples(k), expected, 2e-4)  # half a step of 16 bits, of a maximum of about 0.3
        frames = FEATURES.absolute(negatives.samples(k))
        assert negatives.frames(k).shape == frames.shape
        assert np.abs(negatives.frames(k) - frames).max(initial=0) <= 2**-8  # half a step of float16 below 16
    assert negatives.hours == pytest.approx(negatives.lengths.sum() / RATE / 3600)
    assert [text.partition(" are ")[2] for text in sorted(said)] == ["resampled to 16000 Hz"] * 2 + ["averaged to one"]


def test_parts_are_cut_out_as_slices_are(folder):
    negatives = NegativeFrames([noise(9000, scale=0.1)], FEATURES)
    assert np.array_equal(negatives.samples(0, 100, 4000), negatives.samples(0)[100:4000])
    assert np.array_equal(negatives.frames(0, 3, 9), negatives.frames(0)[3:9])
    negatives.samples(0)[:] = 0  # is the caller's own
    assert negatives.samples(0).any()


def test_files_folders_and_arrays_may_be_mixed(folder):
    one = NegativeFrames([folder / "a.wav", noise(5000, "float64", scale=0.1), str(folder / "more")], FEATURES)
    assert len(one) == 3
    alone = [NegativeFrames(x, FEATURES) for x in (folder / "a.wav", noise(5000, scale=0.1), folder / "more")]
    for k, other in enumerate(alone):
        assert np.array_equal(one.samples(k), other.samples(0))
        assert np.array_equal(one.frames(k), other.frames(0))


def test_the_second_time_nothing_is_read(folder, monkeypatch):
    said, again = Said(), Said()
    first = NegativeFrames(folder, FEATURES, notices=said)
    monkeypatch.setattr(module, "read_mono", None)
    assert_same(first, NegativeFrames(folder, FEATURES, notices=again))
    assert sorted(said) == sorted(again)
    assert len(stored()) == 2
    with pytest.raises(TypeError):
        NegativeFrames(folder, ac.LogMel(n_mels=20))  # other features


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_change_nothing(folder, threads, monkeypatch, tmp_path):
    expected = NegativeFrames(folder, FEATURES, threads=1)
    monkeypatch.setenv("AUDIOCONV_CACHE", str(tmp_path / "other"))
    assert_same(NegativeFrames(folder, FEATURES, threads=threads), expected)


def test_a_file_that_changes_is_read_anew(folder):
    before = NegativeFrames(folder, FEATURES)
    ac.write(folder / "a.wav", np.full(6000, 0.5, np.float32), RATE)
    after = NegativeFrames(folder, FEATURES)
    assert after.lengths[0] == 6000
    assert np.array_equal(after.samples(1), before.samples(1))


def test_what_is_beyond_full_scale_is_clipped():
    negatives = NegativeFrames([np.float32([2.0, 1.0, -1.0, -3.0, 0.25])], FEATURES)
    assert_close(negatives.samples(0), np.float32([1, 1, -1, -1, 0.25]), 4e-5)
    assert negatives.frames(0).shape == (0, 40)


def test_without_room_on_disk_they_are_in_memory(folder, monkeypatch):
    expected = NegativeFrames(folder, FEATURES)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    said = Said()
    assert_same(NegativeFrames([folder], ac.LogMel(top_db=40), notices=said), expected)  # cached
    assert not any("disk" in text for text in said)
    arrays = [expected.samples(k) for k in range(4)]
    assert_same(NegativeFrames(arrays, FEATURES, notices=said), expected)
    assert any("kept in memory, because they cannot be kept on disk" in text for text in said)


def test_what_was_not_used_for_long_makes_room(monkeypatch):
    monkeypatch.setattr(array_cache, "MOST_BYTES", 50_000)
    for seed in range(3):
        NegativeFrames([noise(8000, seed=seed, scale=0.1)], FEATURES)
    assert len(stored()) == 4  # two arrays of about 20,000 bytes, with their notes


# --- what is refused --------------------------------------------------------------------------------------


def test_broken_and_empty_files_are_all_named(folder):
    (folder / "b.flac").write_bytes(b"no sound")
    (folder / "e.wav").write_bytes(b"")
    with pytest.raises(ac.AudioFileError, match=r"2 of 5 files cannot be read: .*b\.flac.*e\.wav"):
        NegativeFrames(folder, FEATURES)
    assert stored() == []
    with pytest.raises(ac.AudioFileError, match=r"none\.wav"):
        NegativeFrames([folder / "a.wav", folder / "none.wav"], FEATURES)


def test_nan_is_refused_wherever_it_comes_from(tmp_path):
    bad = noise(5000, scale=0.1)
    bad[123] = np.nan
    soundfile.write(tmp_path / "bad.wav", bad, RATE, subtype="FLOAT")
    with pytest.raises(ac.AudioFileError, match=r"bad\.wav holds nan at .*sample 123"):
        NegativeFrames(tmp_path, FEATURES)
    with pytest.raises(ac.ArgumentError, match="recording 1 holds nan at sample 123"):
        NegativeFrames([noise(100), bad], FEATURES)


@pytest.mark.parametrize(
    ("sources", "error"),
    [([], ac.ShapeError), (3, ac.ArgumentError), ([np.zeros((8, 2), np.float32)], ac.ShapeError),
     ([np.zeros(8, np.int16)], ac.DtypeError)],
)  # fmt: skip
def test_what_is_no_recording_is_refused(sources, error):
    with pytest.raises(error, match=r"recording|sources"):
        NegativeFrames(sources, FEATURES)


def test_features_must_be_log_mel():
    with pytest.raises(ac.ArgumentError, match="features must be a LogMel"):
        NegativeFrames([noise(1000)], ac.Mfcc())


# --- mining -----------------------------------------------------------------------------------------------


def planted(peaks, seconds=(6, 4, 0.01, 5)):
    """Recordings, and a score that has peaks (recording, row, label, score) in them and little else."""
    negatives = NegativeFrames([noise(int(s * RATE), seed=i, scale=0.1) for i, s in enumerate(seconds)], FEATURES)
    table = {negatives.frames(k).tobytes(): k for k in range(len(negatives))}

    def score(frames):
        rows = np.full((-(-len(frames) // 2), 3), 0.01, np.float32)
        for recording, row, label, value in peaks:
            if recording == table[frames.tobytes()]:
                rows[row, label] = value
        return rows

    return negatives, score


def test_planted_peaks_are_found_the_highest_first():
    peaks = [(0, 100, 2, 0.9), (3, 50, 0, 0.7), (1, 20, 1, 0.95), (1, 60, 1, 0.6)]
    negatives, score = planted(peaks)
    found = negatives.hardest(score, 4, **MINING)
    assert [peak[:1] + peak[2:] for peak in found] == [
        (1, 1, pytest.approx(0.95)), (0, 2, pytest.approx(0.9)), (3, 0, pytest.approx(0.7)), (1, 1, pytest.approx(0.6)),
    ]  # fmt: skip
    for peak, row in zip(found, (20, 100, 50, 60), strict=True):
        end = 400 + row * 320
        assert peak.first_sample == end - round(0.75 * 0.4 * RATE)
        assert peak.first_sample < end <= peak.first_sample + 0.4 * RATE
    assert negatives.hardest(score, 2, **MINING) == found[:2]


def test_stretches_lie_inside_their_recording():
    negatives, score = planted([(0, 0, 0, 0.9), (1, 198, 1, 0.8)])
    first, last = negatives.hardest(score, 2, **MINING)
    assert first == HardNegative(0, 0, 0, pytest.approx(0.9))
    assert last.first_sample == 4 * RATE - round(0.4 * RATE)
    longer = negatives.hardest(score, 1, **MINING | {"stretch_s": 60})
    assert longer[0].first_sample == 0


def test_of_close_peaks_the_higher_one_counts():
    negatives, score = planted([(0, 100, 0, 0.8), (0, 110, 1, 0.9), (0, 126, 2, 0.7)])
    found = negatives.hardest(score, 2, **MINING)  # 0.3 s are 15 rows
    assert [(peak.label_index, round(peak.score, 3)) for peak in found] == [(1, 0.9), (2, 0.7)]


def hardest_naively(rows_of, count, distance):
    """All rows that are no lower than their neighbours, the highest first, unless a higher one is near."""
    found = []
    for recording, rows in enumerate(rows_of):
        best, chosen = rows.max(axis=1, initial=-np.inf), []
        for r in sorted(range(len(best)), key=lambda r: -best[r]):
            left, right = best[r - 1] if r else -np.inf, best[r + 1] if r + 1 < len(best) else -np.inf
            if best[r] > left and best[r] > right and all(abs(r - other) >= distance for other in chosen):
                chosen.append(r)
        found += [(recording, r, int(rows[r].argmax()), float(best[r])) for r in chosen]
    return sorted(found, key=lambda peak: (-peak[3], *peak[:2]))[:count]


@given(st.integers(0, 999), st.integers(1, 30), st.integers(1, 20), st.permutations(range(3)))
def test_mining_is_as_a_naive_search_in_any_order_of_recordings(seed, count, distance, order):
    rng = np.random.default_rng(seed)
    sounds = [noise(n, seed=n, scale=0.1) for n in (9000, 300, 20000)]
    negatives = NegativeFrames([sounds[k] for k in order], FEATURES)
    counts = [len(negatives.frames(order.index(k))) for k in range(3)]
    rows_of = [rng.permutation(3 * n).reshape(n, 3) / (3 * n) + k / 1e6 for k, n in enumerate(counts)]
    by_length = dict(zip(counts, rows_of, strict=True))
    settings = {"row_hop": 160, "row_end": 0, "stretch_s": 1 / RATE, "min_distance_s": distance / 100}
    found = negatives.hardest(lambda frames: by_length[len(frames)], count, **settings)
    expected = hardest_naively(rows_of, count, distance)
    assert [(order[p.recording], p.first_sample // 160 + (p.first_sample % 160 > 0), *p[2:]) for p in found] == [
        (k, max(r, 0), *rest) for k, r, *rest in expected
    ]


def test_posteriors_that_are_none_are_refused():
    negatives, _ = planted([])
    for bad in (np.nan, np.inf):
        with pytest.raises(ac.ArgumentError, match=r"score must give finite posteriors .* not NaN .* for recording 0"):
            negatives.hardest(lambda frames, bad=bad: np.full((len(frames), 2), bad), 5, **MINING)
    with pytest.raises(ac.ArgumentError, match="not an array of shape"):
        negatives.hardest(lambda frames: np.zeros(len(frames)), 5, **MINING)
    with pytest.raises(ac.ArgumentError, match="count must be at least 1"):
        negatives.hardest(lambda frames: frames, 0, **MINING)


def test_memory_does_not_grow_with_the_number_of_recordings():
    sounds = [noise(30 * RATE, seed=seed, scale=0.1) for seed in range(8)]
    peaks = []
    for count in (2, 8):
        tracemalloc.start()
        negatives = NegativeFrames(sounds[-count:], FEATURES, threads=1)
        negatives.hardest(lambda frames: frames[::2, :8] / 20, 100, **MINING)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert len(negatives) == 8
    assert peaks[1] < 1.1 * peaks[0]
