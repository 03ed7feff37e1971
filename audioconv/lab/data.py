"""What the experiments train on: images and spoken keywords as planes of features, all of one form."""

import gzip
import os
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from audioconv import parallel
from audioconv._typing import Array, IntArray
from audioconv.classify import load_dataset
from audioconv.classify.clips import load_clips
from audioconv.classify.progress import Notices
from audioconv.errors import ArgumentError
from audioconv.features import Mfcc
from audioconv.lab.settings import Settings

MAX_IMAGES = 5000  # images of a set
FASHION = Path("/usr/share/datasets/fashion-mnist")  # Debian's dataset-fashion-mnist
WORDS = Path("data/keywords")  # that ship
RATE = 16000
SILENCE_DB = -40  # where a word begins and ends: compressed clips are not quite zero around it


class Task(NamedTuple):
    """Planes (examples, time or rows, frequency or columns, 1), mean 0 and deviation 1, and which class each is."""

    name: str
    train_x: Array
    train_y: IntArray
    test_x: Array
    test_y: IntArray
    classes: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one example."""
        return self.train_x.shape[1:]

    def share(self, share: float, seed: int) -> IntArray:
        """Indices of a share of the training examples, as many of each class as it has of all, at least one."""
        rng, chosen = np.random.default_rng([seed, 0x5A]), []
        for number in range(len(self.classes)):
            own = rng.permutation(np.flatnonzero(self.train_y == number))
            chosen.append(own[: max(1, round(share * len(own)))])
        return np.sort(np.concatenate(chosen))


class Spoken(NamedTuple):
    """Clips of a second (clips, samples) as they were spoken, and which class each is."""

    train: Array
    train_y: IntArray
    test: Array
    test_y: IntArray
    classes: tuple[str, ...]


def digits() -> Task:
    """Scikit-learn's handwritten digits, 8 x 8: 1,200 to train on, 597 to test."""
    from sklearn.datasets import load_digits

    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.target))
    return _task("digits 8 x 8", found.images[order], found.target[order], 1200, range(10))


def in_planes(task: Task, side: int, *, anywhere: bool) -> Task:
    """Square images in larger empty planes: all in the middle, or each at a place of its own."""
    rng, size = np.random.default_rng(0), task.shape[0]
    empty = task.train_x.min()

    def placed(images: Array) -> Array:
        planes = np.zeros((len(images), side, side, 1), np.float32)
        corners = rng.integers(side - size + 1, size=(len(images), 2)) if anywhere else None
        for number, image in enumerate(images):
            row, column = (side - size) // 2, (side - size) // 2
            if corners is not None:
                row, column = corners[number]
            planes[number, row : row + size, column : column + size] = image - empty
        return planes

    return task._replace(train_x=placed(task.train_x), test_x=placed(task.test_x))


def fashion() -> Task | None:
    """Fashion-MNIST, 28 x 28: 4,000 to train on, 1,000 to test; None where it is not installed."""
    if not FASHION.is_dir():
        return None
    parts = []
    for part, count in (("train", MAX_IMAGES - MAX_IMAGES // 5), ("t10k", MAX_IMAGES // 5)):
        images, labels = _idx(FASHION / f"{part}-images-idx3-ubyte.gz"), _idx(FASHION / f"{part}-labels-idx1-ubyte.gz")
        chosen = np.random.default_rng(0).permutation(len(labels))[:count]
        parts.append((images[chosen], labels[chosen]))
    (train_x, train_y), (test_x, test_y) = parts
    names = ("T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot")
    x, y = np.concatenate((train_x, test_x)), np.concatenate((train_y, test_y))
    return _task("Fashion-MNIST 28 x 28", x.astype(np.float32), y, len(train_y), names)


def _idx(path: Path) -> Array:
    """An array of bytes as the files of MNIST hold it: the number of sizes, the sizes, the bytes."""
    with gzip.open(path) as file:
        data = file.read()
    sizes = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(sizes)


def keywords(threads: int | None = None) -> Task | None:
    """The shipped words as 49 x 10 MFCC, anywhere within their second; tested on the speakers of the validation part.

    None where they are not.
    """
    spoken = spoken_clips(threads)
    if spoken is None:
        return None
    clips = [placed(clip, np.random.default_rng([0, n])) for n, clip in enumerate((*spoken.train, *spoken.test))]
    return _planes("shipped keywords 49 x 10", clips, spoken, threads)


def spoken_clips(threads: int | None = None) -> Spoken | None:
    """The shipped words as they are, in the middle of their second, or None."""
    here = Path(__file__).parents
    places = (Path(), here[2], here[1])  # where one works; the source tree; the installed package
    found = next((place / WORDS for place in places if (place / WORDS / "manifest.csv").is_file()), None)
    return None if found is None else _spoken(found, threads)


def speech_commands(threads: int | None = None) -> Task | None:
    """Speech Commands of `AUDIOCONV_DATA` as 49 x 10 MFCC, tested on the validation part, or None."""
    folder = Path(os.environ.get("AUDIOCONV_DATA", "")) / "speech_commands"
    if not (folder / "manifest.csv").is_file():
        return None
    spoken = _spoken(folder, threads)
    return _planes("Speech Commands 49 x 10", (*spoken.train, *spoken.test), spoken, threads)


def all_tasks(settings: Settings) -> tuple[list[Task], list[str]]:
    """The sets that are here, the shipped ones alone if quick, and the names of those that are not."""
    makers: dict[str, Callable[[], Task | None]] = {"digits": digits, "Fashion-MNIST": fashion}
    makers["shipped keywords"] = partial(keywords, settings.threads)
    makers["Speech Commands"] = partial(speech_commands, settings.threads)
    if settings.quick:
        makers = {name: makers[name] for name in ("digits", "shipped keywords")}
    found = {}
    for name, make in makers.items():
        settings.announce(f"reading {name}")
        found[name] = make()
    return [task for task in found.values() if task], [name for name, task in found.items() if not task]


@lru_cache(maxsize=2)
def _spoken(folder: Path, threads: int | None) -> Spoken:
    data = load_dataset(folder)
    parts, labels = [data.part("train"), data.part("val")], np.unique(data.labels)
    if not all(map(len, parts)):
        raise ArgumentError(f"{folder} must have clips of the parts train and val")
    clips = [load_clips(list(part.files), RATE, RATE, Notices(0), threads, cache=True) for part in parts]
    train_y, test_y = (np.searchsorted(labels, part.labels) for part in parts)
    return Spoken(clips[0], train_y, clips[1], test_y, tuple(labels.tolist()))


def _planes(name: str, clips: Sequence[Array], spoken: Spoken, threads: int | None) -> Task:
    rows = np.stack(parallel.run(Mfcc(RATE), list(clips), threads))
    y = np.concatenate((spoken.train_y, spoken.test_y))
    return _task(name, rows, y, len(spoken.train_y), spoken.classes)


def sound_of(clip: Array) -> slice:
    """The slice of a clip from its first to its last sample louder than `SILENCE_DB` of its peak; empty in silence."""
    level = np.abs(clip)
    sound = np.flatnonzero(level > level.max() * 10 ** (SILENCE_DB / 20))
    return slice(sound[0], sound[-1] + 1) if len(sound) else slice(0, 0)


def placed(clip: Array, rng: np.random.Generator) -> Array:
    """A clip whose sound is moved to a random place in it; what is faint around goes along, from end to beginning."""
    sound = sound_of(clip)
    return np.roll(clip, rng.integers(len(clip) - (sound.stop - sound.start) + 1) - sound.start)


def _task(name: str, x: Array, y: IntArray, count: int, classes: Iterable[object]) -> Task:
    """A task whose first `count` examples are trained on; each column (of coefficients, of pixels) is standardised."""
    x = np.asarray(x, np.float32)[..., None]
    axes = (0, 1) if "x 10" in name else (0, 1, 2)  # a coefficient has a scale of its own, all pixels have one
    mean, deviation = (f(x[:count], axis=axes, keepdims=True) for f in (np.mean, np.std))
    x = ((x - mean) / np.maximum(deviation, 1e-6)).astype(np.float32)
    return Task(name, x[:count], y[:count], x[count:], y[count:], tuple(map(str, classes)))
