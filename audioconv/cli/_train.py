"""audioconv train: a folder of clips becomes a keyword model."""

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from audioconv._wording import counted
from audioconv.cli.datasets import SkipBroken, Speaker, background_noises, checked, hint_at_skipping, load
from audioconv.cli.inputs import card_texts
from audioconv.cli.messages import say, tell
from audioconv.cli.outputs import Force, check_output
from audioconv.errors import ArgumentError, ModelFileError

if TYPE_CHECKING:
    from audioconv.classify import KeywordClassifier
    from audioconv.classify.dataset import Dataset
    from audioconv.models import ModelName
    from audioconv.nn.training.history import EpochRecord


# options
_Folder = Annotated[Path, typer.Argument(help="A folder a label, or manifest.csv: file,label,speaker,split.")]
_Out = Annotated[Path, typer.Option("--out", help="Model file to write.")]
_Model = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="tc-resnet8, tc-resnet14-1.5, cnn-tc-resnet, ds-tcn, ds-cnn-s, bc-resnet-1, bc-resnet-2, bc-resnet-3, "
        "mlp, or minirocket; if not given tc-resnet8, for 8,000 clips or more cnn-tc-resnet. With --for stream ds-tcn.",
    ),
]
_Epochs = Annotated[int | None, typer.Option(min=1, metavar="N", help="Passes over the clips.")]
_Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Random seed: same seed, same model.")]
_Noise = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Background recordings to mix in; FOLDER/_background_noise_ if there."),
]
_Threads = Annotated[
    int | None, typer.Option(min=1, metavar="N", help="Threads; AUDIOCONV_THREADS or all cores if not given.")
]
_Words = Annotated[
    str | None, typer.Option(metavar="A,B,C", help="Only these labels; all others together are 'unknown'.")
]
_Silence = Annotated[bool, typer.Option("--silence", help="A class 'silence', trained on noise alone.")]
_Balance = Annotated[
    bool, typer.Option("--balance", help="Balanced class weights: rare labels count as much as others.")
]
_Check = Annotated[bool, typer.Option(help="Look at the clips first, and say what is wrong with them.")]
_Augment = Annotated[bool, typer.Option(help="Augment the clips: shift, gain, speed, noise, masks.")]
_Resume = Annotated[bool, typer.Option("--resume", help="Go on with a training that was stopped.")]
_For = Annotated[
    Literal["clips", "stream"],
    typer.Option(
        "--for", help="What the model is for: to label clips, or to detect words in a stream as they are said."
    ),
]
_Negatives = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="With --for stream: hours of sound without the words. Four fifths are trained on; with the rest, other "
        "sub-folders if there are ten, thresholds are chosen. Of a manifest.csv the split train counts, and recordings "
        "whose text holds one of the words are left out.",
    ),
]
_FalseAlarms = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="With --for stream: sounds that a detector took for words, as listen --capture writes them.",
    ),
]
_FalseAlarmsPerHour = Annotated[
    float,
    typer.Option(min=0, metavar="N", help="With --negatives: at most so many false alarms an hour, of all words."),
]
_Events = Annotated[
    Path | None,
    typer.Option(
        metavar="TABLE",
        help="FOLDER holds recordings, and a table says which sounds are in them: recording, onset_s, offset_s, label, "
        "or filename, onset, offset, event_label. The model is for audioconv events. Of ten recordings or more, every "
        "fifth chooses thresholds.",
    ),
]
_Card = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="TOML with texts for the card: data, licence, recipe, speakers, limits, thresholds."
    ),
]
_Adaptable = Annotated[
    bool,
    typer.Option(
        "--adaptable",
        help="With --words, of 8,000 clips or more: learn which of the other words each is, too, so that `adapt` finds "
        "more words later; it may cost half a point of the keywords.",
    ),
]
_History = Annotated[Path | None, typer.Option(metavar="FILE", help="Write a line an epoch as CSV.")]


def train(
    folder: _Folder,
    out: _Out,
    model: _Model = None,
    epochs: _Epochs = None,
    seed: _Seed = 0,
    noise: _Noise = None,
    threads: _Threads = None,
    speaker: Speaker = None,
    words: _Words = None,
    silence: _Silence = False,
    balance: _Balance = False,
    check: _Check = True,
    augment: _Augment = True,
    skip_broken: SkipBroken = False,
    resume: _Resume = False,
    history: _History = None,
    for_: _For = "clips",
    negatives: _Negatives = None,
    false_alarms: _FalseAlarms = None,
    false_alarms_per_hour: _FalseAlarmsPerHour = 0.5,
    events: _Events = None,
    card: _Card = None,
    adaptable: _Adaptable = False,
    force: Force = False,
) -> None:
    """Train a keyword classifier, or with --for stream a detector.

    The weights with the best validation accuracy are kept; the test part is left alone. Ctrl-C keeps the best weights
    so far. While it runs, OUT.training holds all that --resume needs, after a power cut too. Of a
    detector the last weights are kept, after Ctrl-C those so far.

    \b
    audioconv train clips/ --out words.safetensors --words yes,no --silence
    audioconv train clips/ --out live.safetensors --for stream --negatives talks/
    audioconv train yard/ --out yard.safetensors --events events.csv
    """
    options = _Options(
        folder, out, model, epochs, seed, noise, threads, speaker, words.split(",") if words else None, silence,
        balance, check, augment, skip_broken, resume, history, negatives, false_alarms, false_alarms_per_hour, events,
        card, adaptable, force,
    )  # fmt: skip
    if events is not None:
        _train_events(options, events)
    elif for_ == "stream":
        _train_stream(options)
    else:
        _train_clips(options)


@dataclass(frozen=True)
class _Options:
    """What `train` was given."""

    folder: Path
    out: Path
    model: str | None
    epochs: int | None
    seed: int
    noise: Path | None
    threads: int | None
    speaker: str | None
    words: list[str] | None
    silence: bool
    balance: bool
    check: bool
    augment: bool
    skip_broken: bool
    resume: bool
    history: Path | None
    negatives: Path | None
    false_alarms: Path | None
    false_alarms_per_hour: float
    events: Path | None
    card: Path | None
    adaptable: bool
    force: bool

    def refuse_those_of_clips(self, instead: str, **more: object) -> None:
        """Refuse options that only models of clips have, and `more`."""
        from audioconv.cli.train_stream import refuse_options

        refuse_options(
            instead, epochs=self.epochs, silence=self.silence, balance=self.balance, no_augment=not self.augment,
            resume=self.resume, history=self.history, adaptable=self.adaptable, **more,
        )  # fmt: skip

    def check_out(self) -> None:
        """Refuse what cannot be written before hours of work."""
        from audioconv.io.model_file import check_name

        check_output(check_name(self.out), self.force, ModelFileError)

    def data(self, balance_unknown: bool = True) -> "Dataset":
        """The clips; what is wrong with them is not said yet."""
        return load(
            self.folder, self.skip_broken, speaker=self.speaker, words=self.words, balance_unknown=balance_unknown
        )

    def checked(self, data: "Dataset") -> "Dataset":
        """The clips that can be read."""
        return checked(data, self.check, self.skip_broken, self.threads)

    def noises(self) -> list[Path] | None:
        """The recordings of background noise."""
        return background_noises(self.noise, self.folder, self.skip_broken)


def _train_events(options: _Options, events: Path) -> None:
    from audioconv.cli.train_events import train_event_detector

    options.refuse_those_of_clips(
        "--events", speaker=options.speaker, words=options.words, negatives=options.negatives,
        false_alarms=options.false_alarms, skip_broken=options.skip_broken,
    )  # fmt: skip
    options.check_out()
    noises, texts = options.noises(), card_texts(options.card)
    train_event_detector(
        options.folder, events, options.out, noises, texts, options.model, options.seed, options.threads
    )


def _train_stream(options: _Options) -> None:
    from audioconv.cli.train_stream import Sounds, check_negatives, train_detector

    options.refuse_those_of_clips("--for stream")
    options.check_out()
    check_negatives(options.negatives)
    texts = card_texts(options.card)
    # all other words are background to a detector: the more it has heard, the fewer are told
    data = options.data(balance_unknown=False)
    sounds = Sounds.of(options.negatives, options.false_alarms, sorted(set(data.labels.tolist())))
    data = options.checked(data)
    train_detector(
        data, options.out, sounds._replace(noises=options.noises()), texts, options.false_alarms_per_hour,
        options.model, options.seed, options.threads,
    )  # fmt: skip


def _train_clips(options: _Options) -> None:
    for given, name in ((options.negatives, "--negatives"), (options.false_alarms, "--false-alarms")):
        if given is not None:
            raise ArgumentError(f"{name} is for detectors; give --for stream, too")
    from dataclasses import replace

    out = options.out
    checkpoint, texts = _outputs(out, options.history, options.resume, options.force), card_texts(options.card)
    data = options.checked(options.data())
    part, validation = data.part("train"), data.part("val")
    from audioconv.nn import History  # once the clips are known to be there: Numba takes a second to load

    if not options.resume:
        checkpoint.unlink(missing_ok=True)  # with --force: not before all else is known to be there
    classifier = _fitted(options, part, validation, checkpoint)
    if classifier.interrupted_ and not classifier.history_:
        say(f"interrupted before the first epoch was done; nothing is written to {out}")
        raise typer.Exit(130)
    classifier.split_ = {"speaker": options.speaker, "words": options.words, "seed": 0}
    classifier.card_ = replace(classifier.card_, **texts)
    classifier.save(out)
    if not classifier.interrupted_:
        checkpoint.unlink(missing_ok=True)
    if options.history is not None:
        History(cast("list[EpochRecord]", classifier.history_)).save(options.history)
    _report(classifier, part, validation, out)


def _fitted(options: _Options, part: "Dataset", validation: "Dataset", checkpoint: Path) -> "KeywordClassifier":
    from audioconv.classify import KeywordClassifier

    classifier = KeywordClassifier(
        model=cast("ModelName | None", options.model),  # refused by `fit` if it is none of them
        epochs=options.epochs,
        augment=options.augment,
        background_noise=options.noises(),
        silence="silence" if options.silence else None,
        class_weight="balanced" if options.balance else None,
        threads=options.threads,
        random_state=options.seed,
        verbose=1,
    )
    with nullcontext() if options.skip_broken else hint_at_skipping():
        classifier.fit(
            part.files,
            part.labels,
            groups=part.groups,
            validation=(validation.files, validation.labels) if len(validation.files) else None,
            checkpoint=checkpoint,
            sublabels=part.sublabels if options.adaptable else None,
        )
    return classifier


def _outputs(out: Path, history: Path | None, resume: bool, force: bool) -> Path:
    """Where the state of the training is kept; whatever cannot or shall not be written is refused before hours of work.

    A training that goes on may write over what it has written until then.
    """
    from audioconv.io.model_file import check_name

    check_output(check_name(out), force or resume, ModelFileError)
    if history is not None and check_output(history, force or resume) == check_output(out, True):
        raise ArgumentError(f"--history and --out are both {out}; give two names")
    checkpoint = out.with_name(f"{out.name}.training")
    if resume:
        if not checkpoint.exists():
            raise ModelFileError(f"there is nothing to resume: {checkpoint} does not exist; train without --resume")
    elif checkpoint.exists() and not force:
        raise ModelFileError(
            f"{checkpoint} holds a training that was stopped: --resume goes on with it, --force begins anew"
        )
    return checkpoint


def _report(classifier: "KeywordClassifier", part: "Dataset", validation: "Dataset", out: Path) -> None:
    kept = classifier.history_[classifier.best_epoch_ - 1].get("val_accuracy") if classifier.best_epoch_ else None
    best = "" if kept is None else f", validation accuracy {kept:.2%}"
    tell(
        f"{out}: {len(classifier.classes_)} classes from {counted(len(part.files), 'clip')}, "
        f"{len(validation.files)} to validate, {counted(len(classifier.history_), 'epoch')}{best}"
    )
    if classifier.interrupted_:
        say(f"interrupted; {out} holds the best weights so far; --resume goes on")
        raise typer.Exit(130)
