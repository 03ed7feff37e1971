"""Public sets of labelled clips: where they are, their licences, and where their labels and splits are."""

import csv
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from audioconv.errors import AudioFileError

Row: TypeAlias = tuple[str, str, str, str]  # file, label, speaker, split


class PublicSet(NamedTuple):
    """A set that can be fetched."""

    name: str
    title: str
    url: str
    sha256: str | None  # of the archive; None where its owner may change it
    megabytes: int  # of the archive, about
    licence: str
    rows: Callable[[Path], Iterator[Row]]  # from the unpacked folder to (file, label, speaker, split) of each clip


def speech_commands_rows(folder: Path) -> Iterator[Row]:
    """A folder a word; the speaker begins the file name; two lists name the clips to validate and to test on."""
    held: dict[str, str] = {}
    for split, name in (("val", "validation_list.txt"), ("test", "testing_list.txt")):
        held |= dict.fromkeys(_text(folder / name).split(), split)
    for file in sorted(folder.glob("[!_.]*/*.wav")):
        path = file.relative_to(folder).as_posix()
        yield path, file.parent.name, file.name.split("_nohash_")[0], held.get(path, "train")


def spoken_digits_rows(folder: Path) -> Iterator[Row]:
    """Names are digit_speaker_number; numbers 0 to 4 are for tests."""
    for file in sorted((folder / "recordings").glob("*.wav")):
        if found := re.fullmatch(r"(\d)_(.+)_(\d+)", file.stem):
            digit, speaker, number = found.groups()
            yield f"recordings/{file.name}", digit, speaker, "test" if int(number) < 5 else "train"


def esc_50_rows(folder: Path) -> Iterator[Row]:
    """A table says of each file its class, the recording that it was cut from, and its fold of five."""
    for row in csv.DictReader(_text(folder / "meta" / "esc50.csv").splitlines()):
        yield f"audio/{row['filename']}", row["category"], row["src_file"], f"fold{row['fold']}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise AudioFileError(f"the archive holds no {path.name}; it is not the set that it should be") from error


CATALOGUE = {
    entry.name: entry
    for entry in (
        PublicSet(
            "speech-commands-v1", "Speech Commands v0.01: 30 words, 1,881 speakers",
            "http://download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
            "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d", 1490, "CC BY 4.0", speech_commands_rows,
        ),
        PublicSet(
            "speech-commands-v2", "Speech Commands v0.02: 35 words, 2,618 speakers",
            "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
            "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58", 2430, "CC BY 4.0", speech_commands_rows,
        ),
        PublicSet(
            "free-spoken-digits", "Free Spoken Digit Dataset 1.0.9: 10 digits, a few speakers",
            "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/v1.0.9.tar.gz",
            None, 12, "CC BY-SA 4.0", spoken_digits_rows,
        ),
        PublicSet(
            "esc-50", "ESC-50: 50 kinds of sounds around us, in five folds",
            "https://github.com/karolpiczak/ESC-50/archive/master.zip",
            None, 645, "CC BY-NC 3.0", esc_50_rows,
        ),
    )
}  # fmt: skip
