"""What commands take as input: a recording, or the microphone; the texts of a card."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from audioconv._wording import has_no
from audioconv.cli.messages import say
from audioconv.cli.outputs import INPUT, sound_source
from audioconv.errors import ArgumentError, ModelFileError

if TYPE_CHECKING:
    from audioconv._typing import FloatArray
    from audioconv.classify import KeywordClassifier
    from audioconv.detect import KeywordDetector
    from audioconv.io.paths import PathOrFile

ModelKind: TypeAlias = Literal["KeywordDetector", "KeywordClassifier", "SoundEventDetector", "NeuralDenoise"]
WORDS: tuple[ModelKind, ...] = ("KeywordDetector", "KeywordClassifier")
_COMMAND = {  # that takes it
    "KeywordDetector": "listen",
    "KeywordClassifier": "predict",
    "SoundEventDetector": "events",
    "NeuralDenoise": "denoise",
}


def checked_kind(model: Path, wanted: "Sequence[ModelKind]") -> str:
    """The kind of model in a file, told by its header: what reads the rest takes seconds to import.

    Raises
    ------
    ModelFileError
        If there is no model, or one of another kind than those that are wanted.
    """
    from audioconv.io.model_file import stored_kind

    kind = stored_kind(model)
    if kind in _COMMAND and kind not in wanted:
        raise ModelFileError(f"{model} is a {kind}, not a {' or '.join(wanted)}; audioconv {_COMMAND[kind]} takes it")
    return kind


def load_estimator(model: Path | None) -> "KeywordClassifier | KeywordDetector":
    """The model of a file, of streams or of clips, or the detector that comes along."""
    if model is not None and checked_kind(model, WORDS) == "KeywordClassifier":
        from audioconv.classify import KeywordClassifier

        return KeywordClassifier.load(model)
    from audioconv.detect import KeywordDetector

    return KeywordDetector.load() if model is None else KeywordDetector.load(model)


def check_sound(file: str | None, partial: bool) -> None:
    """Say what is wrong with a sound file before a model is loaded for it; a pipe is read later."""
    if file is None or file in INPUT:
        return
    from audioconv import io

    with sound_source(file) as source:
        io.info(source, partial=partial)


@contextmanager
def sound(
    file: str | None,
    device: str | None,
    block: int,
    target_rate: int,
    *,
    seconds: float | None = None,
    partial: bool = False,
) -> "Iterator[tuple[Iterable[FloatArray], int]]":
    """Blocks of one channel, and their sample rate: of a file if one is given, else of the microphone for so long.

    What is done to it to have one channel of the wanted rate is said.
    """
    if file is None:
        from audioconv.stream._devices import named
        from audioconv.stream.sound_card import microphone

        with microphone(device=named(device), seconds=seconds) as (blocks, sample_rate):
            _say_converted("the microphone", sample_rate, target_rate, 1)
            yield blocks, sample_rate
        return
    with sound_source(file) as source:
        yield mono_blocks(source, block, target_rate, partial=partial)


def mono_blocks(
    source: "PathOrFile", block: int, target_rate: int, *, partial: bool = False
) -> "tuple[Iterable[FloatArray], int]":
    """Blocks of one channel of a sound file, and their sample rate; what will be done to them is said."""
    from audioconv import io

    about = io.info(source, partial=partial)
    _say_converted(io.display_name(source), about.sample_rate, target_rate, about.channels)
    return averaged(io.blocks(source, block, partial=partial)), about.sample_rate


def _say_converted(name: str, sample_rate: int, target_rate: int, channels: int) -> None:
    if sample_rate != target_rate:
        say(f"{name} is resampled from {sample_rate} to {target_rate} Hz")
    if channels > 1:
        say(f"the {channels} channels of {name} are averaged")


def averaged(blocks: "Iterable[FloatArray]") -> "Iterator[FloatArray]":
    """Blocks of one channel, the mean of those that there are."""
    for block in blocks:
        yield block if block.ndim == 1 else block.mean(axis=1, dtype=block.dtype)


def card_texts(file: Path | None) -> dict[str, Any]:
    """The texts of a model's card in a TOML file, none without one; before hours of work, not after.

    Raises
    ------
    ArgumentError
        If it cannot be read, or holds anything else.
    """
    if file is None:
        return {}
    import tomllib

    from audioconv.classify import ModelCard

    try:
        texts = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ArgumentError(f"--card {file} cannot be read as TOML: {error}") from error
    if unknown := texts.keys() - set(ModelCard.text_names()):
        raise ArgumentError(has_no(f"the card of --card {file}", unknown, ModelCard.text_names()))
    ModelCard(**texts)
    return texts
