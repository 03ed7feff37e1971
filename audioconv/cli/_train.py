"""audioconv train: a folder of clips becomes a keyword model."""

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from audioconv.cli.datasets import SkipBroken, Speaker, background_noises, checked, hint_at_skipping, load
from audioconv.cli.inputs import card_texts
from audioconv.cli.messages import say
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
    """
    if events is not None:
        from audioconv.classify.serialization import check_name
        from audioconv.cli.train_events import train_event_detector
        from audioconv.cli.train_stream import refuse_options

        refuse_options(
            "--events", epochs=epochs, silence=silence, balance=balance, no_augment=not augment, resume=resume,
            history=history, speaker=speaker, words=words, negatives=negatives, false_alarms=false_alarms,
            skip_broken=skip_broken, adaptable=adaptable,
        )  # fmt: skip
        check_output(check_name(out), force, ModelFileError)
        noises = background_noises(noise, folder, False)
        train_event_detector(folder, events, out, noises, card_texts(card), model, seed, threads)
        return
    if for_ == "stream":
        from audioconv.classify.serialization import check_name
        from audioconv.cli.train_stream import Sounds, check_negatives, refuse_options, train_detector

        refuse_options(
            "--for stream",
            epochs=epochs,
            silence=silence,
            balance=balance,
            no_augment=not augment,
            resume=resume,
            history=history,
            adaptable=adaptable,
        )
        check_output(check_name(out), force, ModelFileError)
        check_negatives(negatives)
        texts, chosen = card_texts(card), words and words.split(",")
        # all other words are background to a detector: the more it has heard, the fewer are told
        data = load(folder, skip_broken, speaker=speaker, words=chosen, balance_unknown=False)
        sounds = Sounds.of(negatives, false_alarms, sorted(set(data.labels.tolist())))
        data = checked(data, check, skip_broken, threads)
        sounds = sounds._replace(noises=background_noises(noise, folder, skip_broken))
        train_detector(data, out, sounds, texts, false_alarms_per_hour, model, seed, threads)
        return
    for given, name in ((negatives, "--negatives"), (false_alarms, "--false-alarms")):
        if given is not None:
            raise ArgumentError(f"{name} is for detectors; give --for stream, too")
    from dataclasses import replace

    from audioconv.classify import KeywordClassifier
    from audioconv.nn import History

    checkpoint, texts = _outputs(out, history, resume, force), card_texts(card)
    keywords = words and words.split(",")
    data = checked(load(folder, skip_broken, speaker=speaker, words=keywords), check, skip_broken, threads)
    part, validation = data.part("train"), data.part("val")
    if not resume:
        checkpoint.unlink(missing_ok=True)  # with --force: not before all else is known to be there
    classifier = KeywordClassifier(
        model=cast("ModelName | None", model),  # refused by `fit` if it is none of them
        epochs=epochs,
        augment=augment,
        background_noise=background_noises(noise, folder, skip_broken),
        silence="silence" if silence else None,
        class_weight="balanced" if balance else None,
        threads=threads,
        random_state=seed,
        verbose=1,
    )
    with nullcontext() if skip_broken else hint_at_skipping():
        classifier.fit(
            part.files,
            part.labels,
            groups=part.groups,
            validation=(validation.files, validation.labels) if len(validation.files) else None,
            checkpoint=checkpoint,
            sublabels=part.sublabels if adaptable else None,
        )
    if classifier.interrupted_ and not classifier.history_:
        say(f"interrupted before the first epoch was done; nothing is written to {out}")
        raise typer.Exit(130)
    classifier.split_ = {"speaker": speaker, "words": keywords, "seed": 0}
    classifier.card_ = replace(classifier.card_, **texts)
    classifier.save(out)
    if not classifier.interrupted_:
        checkpoint.unlink(missing_ok=True)
    if history is not None:
        History(cast("list[EpochRecord]", classifier.history_)).save(history)
    _report(classifier, part, validation, out)


def _outputs(out: Path, history: Path | None, resume: bool, force: bool) -> Path:
    """Where the state of the training is kept; whatever cannot or shall not be written is refused before hours of work.

    A training that goes on may write over what it has written until then.
    """
    from audioconv.classify.serialization import check_name

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
    typer.echo(
        f"{out}: {len(classifier.classes_)} classes from {len(part.files)} clips, "
        f"{len(validation.files)} to validate, {len(classifier.history_)} epochs{best}"
    )
    if classifier.interrupted_:
        say(f"interrupted; {out} holds the best weights so far; --resume goes on")
        raise typer.Exit(130)
