"""audioconv spectrogram: pictures of real speech, whole or not at all."""

import re
import warnings
import xml.etree.ElementTree
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest

import audioconv as ac
from audioconv import report
from audioconv.features import spectrogram_db
from audioconv.signal import kernels2d
from audioconv.signal._stft import hann
from tests.command import refused, run

SPEECH = Path(__file__).parents[2] / "data/recordings/speech.flac"
NAMES = ["gaussian", "onsets", "partials", "unsharp"]


@pytest.fixture(scope="module")
def clip():
    return ac.read(SPEECH)


@pytest.fixture
def shown(monkeypatch):
    """What the command draws: (levels, options of `report.spectrogram`) of each picture."""
    pictures, draw = [], report.spectrogram

    def watching(named, **options):
        ((title, found),) = named.items()
        pictures.append((found, options | {"title": title}))
        return draw(named, **options)

    monkeypatch.setattr(report, "spectrogram", watching)
    return pictures


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


# --- pictures ---


def test_png(tmp_path, clip):
    target = tmp_path / "out.png"
    result = run("spectrogram", SPEECH, target)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    seconds = len(clip.samples) / clip.sample_rate
    assert result.stdout == f"{target}: {seconds:.3f} s, up to {clip.sample_rate / 2:g} Hz\n"
    picture = matplotlib.image.imread(target)
    assert picture.shape == (720, 1200, 4)
    assert np.unique(picture[100:600, 200:900].reshape(-1, 4), axis=0).shape[0] > 1000  # many colours: speech
    assert names_in(tmp_path) == ["out.png"]


def test_svg(tmp_path):
    target = tmp_path / "out.SVG"
    assert run("spectrogram", SPEECH, target).exit_code == 0
    assert xml.etree.ElementTree.parse(target).getroot().tag.endswith("svg")
    written = re.findall(r"<!-- (.*?) -->", target.read_text())
    assert {"time (s)", "frequency (Hz)", "speech.flac"} <= set(written)


def test_pdf(tmp_path):
    target = tmp_path / "out.pdf"
    assert run("spectrogram", SPEECH, target).exit_code == 0
    data = target.read_bytes()
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")


def test_what_is_drawn(tmp_path, clip, shown):
    assert run("spectrogram", SPEECH, tmp_path / "out.png").exit_code == 0
    ((found, options),) = shown
    transform = hann(0.046 * clip.sample_rate)
    expected = spectrogram_db([clip.samples], len(clip.samples), clip.sample_rate, transform=transform)
    assert np.array_equal(found.db, expected.db)
    assert np.array_equal(found.frequencies_hz, expected.frequencies_hz)
    expected_options = {"range_db": 80.0, "fmax": None, "frequency_axis": "linear", "dpi": 200}
    assert options == expected_options | {"size_inches": (6, 3.6), "title": "speech.flac"}


def test_window_range_and_highest_frequency(tmp_path, clip, shown):
    target = tmp_path / "out.png"
    result = run("spectrogram", SPEECH, target, "--window-ms", 10, "--range", 60, "--fmax", 4000)
    assert result.stdout.endswith("up to 4000 Hz\n")
    ((found, options),) = shown
    assert found.db.shape[1] == hann(0.01 * clip.sample_rate).bins
    assert (options["range_db"], options["fmax"]) == (60, 4000)
    beyond = run("spectrogram", SPEECH, target, "--fmax", 1e6, "--force")
    assert beyond.stdout.endswith(f"up to {clip.sample_rate / 2:g} Hz\n")


@pytest.mark.parametrize("names", [*([name] for name in NAMES), ["gaussian", "onsets"], ["onsets", "gaussian"]])
def test_kernels_by_name_and_in_order(tmp_path, clip, shown, names):
    options = [word for name in names for word in ("--kernel", name)]
    assert run("spectrogram", SPEECH, tmp_path / "out.png", *options).exit_code == 0
    ((found, drawn),) = shown
    kernels = [kernels2d.BY_NAME[name]() for name in names]
    transform = hann(0.046 * clip.sample_rate)
    x, rate = clip.samples, clip.sample_rate
    expected = spectrogram_db([x], len(x), rate, transform=transform, kernels=kernels)
    assert np.array_equal(found.db, expected.db)
    assert found.signed == ("onsets" in names or "partials" in names)
    assert drawn["title"] == ", ".join(["speech.flac", *names])


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "uint8"])
def test_a_kernel_from_a_file(tmp_path, clip, shown, dtype):
    kernel = np.array([[1, 2, 1], [0, 3, 0]], dtype)
    np.save(tmp_path / "mine.npy", kernel)
    options = ("--kernel", tmp_path / "mine.npy", "--kernel", "onsets")
    assert run("spectrogram", SPEECH, tmp_path / "out.png", *options).exit_code == 0
    ((found, _),) = shown
    kernels, transform = [kernel.astype("float32"), kernels2d.onsets()], hann(0.046 * clip.sample_rate)
    expected = spectrogram_db([clip.samples], len(clip.samples), clip.sample_rate, transform=transform, kernels=kernels)
    assert np.array_equal(found.db, expected.db)


@pytest.mark.parametrize("shape", [(1,), (1, 2), (5000, 2), (400_000,)])
def test_files_of_any_length_and_channels(tmp_path, shown, shape):
    """The longest one is more than one block."""
    x = (0.1 * np.random.default_rng(0).standard_normal(shape)).astype("float32")
    ac.write(tmp_path / "in.wav", x, 16000, subtype="FLOAT", axis=0)
    assert run("spectrogram", tmp_path / "in.wav", tmp_path / "out.png").exit_code == 0
    ((found, _),) = shown
    expected = spectrogram_db([x], len(x), 16000, transform=hann(736))
    assert np.array_equal(found.db, expected.db)


@pytest.mark.parametrize("name", ["a$^$.wav", "$5$.wav", "a b_c.wav", "%d{}.wav", "語.wav"])
def test_a_file_may_have_any_name(tmp_path, name):
    ac.write(tmp_path / name, np.ones(300, "float32") / 2, 16000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = run("spectrogram", tmp_path / name, tmp_path / "out.svg")
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert f"<!-- {name} -->" in (tmp_path / "out.svg").read_text()


def test_silence_is_dark(tmp_path):
    ac.write(tmp_path / "in.wav", np.zeros(5000, "float32"), 16000)
    result = run("spectrogram", tmp_path / "in.wav", tmp_path / "out.png")
    assert (result.exit_code, result.stderr) == (0, "")
    picture = matplotlib.image.imread(tmp_path / "out.png")
    assert picture[100:600, 200:900, :3].max() < 0.1
    result = run("spectrogram", tmp_path / "in.wav", tmp_path / "changes.png", "--kernel", "onsets")
    assert (result.exit_code, result.stderr) == (0, "")
    picture = matplotlib.image.imread(tmp_path / "changes.png")
    assert picture[100:600, 200:900, :3].min() > 0.9  # no change is neither blue nor red


@pytest.mark.parametrize(
    ("size", "shape"),
    [("1920x1080", (1080, 1920)), ("400x300px", (300, 400)), ("8x4.5in", (900, 1600)), ("1001x333", (333, 1001))],
)
def test_size_in_pixels_or_inches(tmp_path, shown, size, shape):
    assert run("spectrogram", SPEECH, tmp_path / "out.png", "--size", size).exit_code == 0
    assert matplotlib.image.imread(tmp_path / "out.png").shape == (*shape, 4)
    assert shown[0][1]["dpi"] <= 200


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".JPG"])
def test_jpeg(tmp_path, suffix):
    from PIL import Image

    target = tmp_path / f"out{suffix}"
    assert run("spectrogram", SPEECH, target, "--size", "900x600").exit_code == 0
    with Image.open(target) as picture:
        assert (picture.format, picture.size) == ("JPEG", (900, 600))
        assert np.unique(np.asarray(picture)[100:500, 150:600].reshape(-1, 3), axis=0).shape[0] > 1000


@pytest.mark.parametrize("axis", ["log", "mel", "linear"])
def test_axes_of_frequency(tmp_path, shown, axis):
    assert run("spectrogram", SPEECH, tmp_path / "out.png", "--axis", axis).exit_code == 0
    assert shown[0][1]["frequency_axis"] == axis


def test_wide_pictures_have_as_many_columns(tmp_path, shown):
    ac.write(tmp_path / "in.wav", np.ones(400_000, "float32") / 2, 8000)
    for name, size in (("a.png", "1200x300"), ("b.png", "5000x300")):
        assert run("spectrogram", tmp_path / "in.wav", tmp_path / name, "--size", size).exit_code == 0
    assert 800 < len(shown[0][0].db) <= 1600
    assert len(shown[1][0].db) > 4000


def test_an_existing_picture_is_kept_unless_forced(tmp_path):
    (tmp_path / "out.png").write_bytes(b"older")
    assert "--force" in refused("spectrogram", SPEECH, tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == b"older"
    assert run("spectrogram", SPEECH, tmp_path / "out.png", "--force").exit_code == 0
    assert matplotlib.image.imread(tmp_path / "out.png").shape == (720, 1200, 4)


@pytest.mark.parametrize("size", ["big", "100", "1200x", "x300", "10x10", "30000x400", "1x1in", "nanxnan", "-400x400"])
def test_sizes_that_make_no_sense_are_refused(tmp_path, size):
    says = refused("spectrogram", SPEECH, tmp_path / "out.png", f"--size={size}")
    assert "--size must be width x height, in pixels from 200 to 20000 such as 1920x1080, or in inches" in says
    assert names_in(tmp_path) == []


# --- errors ---


def unkernels(folder):
    """Files that are no kernels, and what is said of them."""
    np.save(folder / "flat.npy", np.ones(3))
    np.save(folder / "deep.npy", np.ones((2, 2, 2)))
    np.save(folder / "none.npy", np.ones((0, 3)))
    np.save(folder / "complex.npy", np.ones((3, 3), complex))
    np.save(folder / "words.npy", np.array([["a", "b"]]))
    np.save(folder / "pickled.npy", np.array([[{}, 1]], object), allow_pickle=True)
    np.save(folder / "nan.npy", np.full((3, 3), np.nan))
    np.save(folder / "large.npy", np.full((3, 3), 1e300))
    (folder / "empty.npy").write_bytes(b"")
    (folder / "noise.npy").write_bytes(bytes(range(200)))
    (folder / "zip.npy").write_bytes(b"PK\x03\x04" + bytes(100))
    np.savez(folder / "several.npz", a=np.ones((3, 3)), b=np.ones((3, 3)))
    (folder / "several.npz").rename(folder / "several.npy")
    (folder / "cut.npy").write_bytes((folder / "deep.npy").read_bytes()[:-8])
    (folder / "folder.npy").mkdir()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**7, 10**9)}
    with open(folder / "huge.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("flat.npy", r"must hold numbers \(rows, columns\), not float64 \(3,\)"),
        ("deep.npy", r"not float64 \(2, 2, 2\)"),
        ("none.npy", r"not float64 \(0, 3\)"),
        ("complex.npy", "not complex128"),
        ("words.npy", "must hold numbers"),
        ("pickled.npy", "cannot be read as an array of NumPy"),
        ("nan.npy", "not finite in float32"),
        ("large.npy", "not finite in float32"),
        ("empty.npy", "cannot be read"),
        ("noise.npy", "cannot be read"),
        ("zip.npy", "cannot be read"),
        ("several.npy", "holds several arrays"),
        ("cut.npy", "cannot be read"),
        ("folder.npy", "cannot be read"),
        ("huge.npy", "cannot be read"),
        ("missing.npy", "cannot be read.*No such file"),
        ("missing.txt", "one of 'gaussian', 'onsets', 'partials', 'unsharp' or a .npy file"),
        ("", "one of 'gaussian', 'onsets', 'partials', 'unsharp' or a .npy file"),
    ],
)
def test_what_is_no_kernel_is_refused(tmp_path, name, says):
    unkernels(tmp_path)
    before = names_in(tmp_path)
    assert re.search(says, refused("spectrogram", SPEECH, tmp_path / "out.png", "--kernel", tmp_path / name))
    assert names_in(tmp_path) == before


def test_nothing_pickled_is_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return Path.touch, (tmp_path / "sprung",)

    np.save(tmp_path / "trap.npy", np.array([[Trap()]], object), allow_pickle=True)
    refused("spectrogram", SPEECH, tmp_path / "out.png", "--kernel", tmp_path / "trap.npy")
    assert names_in(tmp_path) == ["trap.npy"]


@pytest.mark.parametrize(
    ("source", "target", "options", "says"),
    [
        ("missing.wav", "out.png", (), "missing.wav does not exist"),
        ("folder", "out.png", (), "folder"),
        ("text.wav", "out.png", (), "text.wav"),
        ("in.wav", "out.gif", (), "OUT must end in .png, .jpg, .svg or .pdf, not 'out.gif'"),
        ("in.wav", "out", (), "OUT must end in"),
        ("in.wav", "in.wav", (), "OUT must end in"),
        ("in.wav", "no/out.png", (), "does not exist; make it first"),
        (
            "in.wav",
            "out.png",
            ("--kernel", "blur"),
            "--kernel must be one of 'gaussian', 'onsets', 'partials', 'unsharp' or a .npy file",
        ),
    ],
)
def test_errors_come_before_anything_is_written(tmp_path, source, target, options, says):
    ac.write(tmp_path / "in.wav", np.ones(3000, "float32") / 2, 16000)
    (tmp_path / "text.wav").write_text("no sound at all")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.png").mkdir()
    before, sound = names_in(tmp_path), (tmp_path / "in.wav").read_bytes()
    assert says in refused("spectrogram", tmp_path / source, tmp_path / target, *options)
    assert names_in(tmp_path) == before
    assert (tmp_path / "in.wav").read_bytes() == sound


@pytest.mark.parametrize("options", [("--kernel", "blur"), ("--kernel", "missing.npy")])
def test_an_older_picture_stays_after_an_error(tmp_path, options):
    (tmp_path / "out.png").write_bytes(b"older")
    refused("spectrogram", SPEECH, tmp_path / "out.png", "--force", *options)
    refused("spectrogram", tmp_path / "missing.wav", tmp_path / "out.png", "--force")
    assert (tmp_path / "out.png").read_bytes() == b"older"
    assert names_in(tmp_path) == ["out.png"]


def test_damage_that_shows_late_leaves_the_older_picture(tmp_path):
    (tmp_path / "in.flac").write_bytes(SPEECH.read_bytes()[:-5000])
    (tmp_path / "out.png").write_bytes(b"older")
    says = refused("spectrogram", tmp_path / "in.flac", tmp_path / "out.png", "--force")
    assert "in.flac is damaged or cut short" in says
    assert (tmp_path / "out.png").read_bytes() == b"older"
    assert names_in(tmp_path) == ["in.flac", "out.png"]


def test_a_picture_that_cannot_be_finished_leaves_the_older_one(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    def half(figure, part, **options):
        Path(part).write_bytes(b"half a picture")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", half)
    (tmp_path / "out.png").write_bytes(b"older")
    assert "No space left" in refused("spectrogram", SPEECH, tmp_path / "out.png", "--force")
    assert (tmp_path / "out.png").read_bytes() == b"older"
    assert names_in(tmp_path) == ["out.png"]


@pytest.mark.parametrize(
    "options",
    [
        ("--window-ms", "0"),
        ("--window-ms", "1001"),
        ("--window-ms", "nan"),
        ("--range", "0"),
        ("--range", "nan"),
        ("--fmax", "0"),
        ("--fmax", "nan"),
        ("--fmax", "much"),
        ("--unknown",),
    ],
)
def test_options_out_of_their_range(tmp_path, options):
    result = run("spectrogram", SPEECH, tmp_path / "out.png", *options)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert names_in(tmp_path) == []


def test_both_files_are_needed(tmp_path):
    assert run("spectrogram", SPEECH).exit_code == 2
    assert run("spectrogram").exit_code == 2


def test_help_names_everything():
    result = run("spectrogram", "--help")
    assert result.exit_code == 0
    said = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)
    for word in (
        "IN",
        "OUT",
        "--kernel",
        "--window-ms",
        "--range",
        "--fmax",
        "--size",
        "--axis",
        "--force",
        *NAMES,
        ".npy",
        ".png",
        ".svg",
        ".pdf",
    ):
        assert word in said
