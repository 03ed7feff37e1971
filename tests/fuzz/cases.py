"""Cases: a mutant, where it lies, and the command that is given it. The same number is the same case."""

from functools import cache
from typing import NamedTuple

import numpy as np

from tests.fuzz import mutations

# {it}: the mutant; {clean}, {clips}, {models}, {events}: whole ones; all else is as users type it. Weights come first.
SOUND = [
    (5, "info {it}"), (2, "info {it} --partial"), (2, "info {it} --json"),
    (6, "filter {it} out.wav --gain -3"), (3, "filter {it} out.wav --gain -3 --partial"),
    (2, "filter {it} out.flac --rate 8000 --partial"),
    (2, "filter {it} out.wav --normalize --highpass 20 --lowpass 70"),
    (2, "filter {it} out.wav --loudness -23 --partial"), (2, "filter {it} out.wav --subtype FLOAT"),
    (2, "filter {it} out.ogg --peak -1"), (1, "filter {it} out.aiff --gain 0"), (1, "filter {it} out.mp3 --gain 0"),
    (2, "filter {it} {clean} out/ --gain -3 --jobs 1"),
    (2, "denoise {it} out.wav --method gate"), (2, "denoise {it} out.wav --partial"),
    (1, "denoise {clean} out.wav --noise-file {it}"), (2, "denoise {it} out.wav --noise 0-0.1"),
    (1, "spectrogram {it} out.png --size 200x200 --partial"), (1, "spectrogram {it} out.png --size 200x200 --axis mel"),
    (4, "features {it} out.npy"), (2, "features {it} out.npy --kind mfcc --partial"),
    (2, "predict {models}/classifier.safetensors {it}"),
    (1, "predict {models}/mlp.safetensors {it} {clean} --skip-broken"),
    (2, "listen {models}/detector.safetensors --file {it}"),
    (2, "listen {models}/classifier.safetensors --file {it} --partial"),
    (1, "listen {models}/detector.safetensors --file {it} --csv out.csv --capture captured"),
    (3, "events {it} --model {models}/events.safetensors --csv out.csv --labels out.txt"),
    (1, "events {it} --model {models}/events.safetensors --json --partial"),
    (2, "record yes --file {it} --into clips --continuous --seconds 0.1"),
    (1, "record yes --file {it} --into clips --partial"),
    (1, "adapt {models}/classifier.safetensors set --out out.safetensors"), (2, "data check set"),
    (1, "evaluate {models}/classifier.safetensors set --split all --skip-broken"),
]  # fmt: skip
RESPONSE = [
    (4, "filter {clean} out.wav --ir {it}"), (2, "filter {clean} out.wav --ir {it} --true-stereo"),
    (2, "filter {clean} out.wav --ir {it} --wet 0.3"), (1, "filter {clean} out.wav --ir {it} --ir-rate strict"),
    (1, "live --ir {it} --seconds 0"),
]  # fmt: skip
MODEL = [
    (4, "info {it}"), (2, "info {it} --json"), (3, "predict {it} {clean}"),
    (3, "listen {it} --file {clean} --csv out.csv"), (3, "events {clean} --model {it} --csv out.csv"),
    (3, "denoise {clean} out.wav --model {it}"), (1, "export {it} out.h"),
    (2, "evaluate {it} {clips} --split all"), (1, "adapt {it} {clips} --out out.safetensors"),
]  # fmt: skip
TEXTS = {
    "manifest.csv": ["data check set", "evaluate {models}/classifier.safetensors set --split all --skip-broken"],
    "chain.toml": ["filter {clean} out.wav --chain {it}", "live --chain {it} --seconds 0"],
    "card.toml": ["train {clips} --out out.safetensors --epochs 1 --card {it} --model none"],
    "list.txt": ["filter @{it} out/ --gain -3 --jobs 1", "features @{it} out/ --jobs 1"],
    "events.csv": ["train {clips} --events {it} --out out.safetensors --model none"],
}
_KINDS, _WEIGHTS = ("sound", "response", "model", "text"), (0.68, 0.1, 0.12, 0.1)


class Case(NamedTuple):
    """A command, and the files that lie in its folder."""

    args: list[str]
    files: dict[str, bytes]


def case(number, seeds):
    """The case of a number."""
    rng = np.random.default_rng([20_000, number])
    kind = _KINDS[rng.choice(len(_KINDS), p=_WEIGHTS)]
    if kind == "text":
        name = sorted(TEXTS)[rng.integers(len(TEXTS))]
        mutant = mutations.text_of(_data(seeds.texts[name]), [_data(path) for path in seeds.texts.values()], rng)
        files, command = {name: mutant}, TEXTS[name][rng.integers(len(TEXTS[name]))]
        if name == "list.txt":
            mutant = _without_parents(mutant, seeds.clips)
            files = {name: mutant}
        if name == "chain.toml":
            files["responses/1.wav"] = _data(seeds.responses[0])
        if "set" in command.split():
            files = {f"set/{name}": mutant} | {f"set/{path.name}": _data(path) for path in seeds.clips.glob("*.wav")}
    else:
        paths, commands = {
            "sound": (seeds.sounds, SOUND), "response": (seeds.responses + seeds.sounds, RESPONSE),
            "model": (seeds.models, MODEL),
        }[kind]  # fmt: skip
        if kind == "response" and rng.random() < 0.6:
            paths = seeds.responses
        path, others = paths[rng.integers(len(paths))], [_data(paths[rng.integers(len(paths))])]
        mutant = (mutations.model_of if kind == "model" else mutations.bytes_of)(_data(path), others, rng)
        weights = np.array([weight for weight, _ in commands])
        command = commands[rng.choice(len(commands), p=weights / weights.sum())][1]
        name = f"mutant{path.suffix}"
        files = {name: mutant}
        if "set" in command.split():
            files = {f"set/yes/{name}": mutant, f"set/no/{name}": _data(path)}
            files |= {
                f"set/{label}/{n}.wav": _data(seeds.clips / f"{n}.wav") for label in ("yes", "no") for n in range(3)
            }
    places = {
        "it": name, "clean": seeds.clean, "clips": seeds.clips, "models": seeds.models[0].parent,
    }  # fmt: skip
    return Case([part.format(**places) for part in command.split()], files)


def _without_parents(text, folder):
    """A list of files without the folders above that of the seeds: what else lies there is no part of the case."""
    parents = {str(parent).encode() for parent in folder.parents}
    return b"\n".join(line for line in text.split(b"\n") if (line.rstrip(b"/") or b"/") not in parents)


@cache
def _data(path):
    return path.read_bytes()
