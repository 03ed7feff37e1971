"""From a model and clips to an `Evaluation`: clips, test streams, negatives, mistakes."""

import os
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from audioconv._typing import Array, ArrayLike, Float32Array, Path
from audioconv.arrays import floating
from audioconv.classify.clips import Clips, read_mono
from audioconv.classify.progress import Notices, StagedProgress
from audioconv.detect.evaluation._clip_set import ClipSet, score_clips
from audioconv.detect.evaluation._stream_scoring import Heard, StreamScorer
from audioconv.detect.evaluation.describe import describe_data, describe_model
from audioconv.detect.evaluation.det_curve import det_curves, operating_points
from audioconv.detect.evaluation.examples import Example, Kind, Mistake, clip_example, negative_mistakes, stream_example
from audioconv.detect.evaluation.negatives import NegativeRecording, Negatives, find_negatives
from audioconv.detect.evaluation.results import Evaluation, EvaluationSettings, NegativeScore
from audioconv.detect.evaluation.streams import Source, StreamMaker
from audioconv.detect.evaluation.subject import Subject, decode, subject_of
from audioconv.detect.negatives import Sources
from audioconv.detect.recordings import speech_recordings
from audioconv.errors import ArgumentError

SPEECH = 60  # recordings that pieces of speech are cut out of


def evaluate(
    model: Any,
    X: Clips,
    y: ArrayLike,
    *,
    speakers: Sequence[Any] | None = None,
    negatives: Sources | Negatives | None = None,
    background_noise: Sequence[Path | ArrayLike] | None = None,
    settings: EvaluationSettings | None = None,
    verbose: int = 0,
) -> Evaluation:
    """Measure all that somebody needs who decides about a model: on clips, in streams, in hours without the words.

    Parameters
    ----------
    model : KeywordDetector or KeywordClassifier
        A fitted one. A classifier slides over streams.
    X : list of paths, or float array of shape (clips, samples) at the sample rate of the model
        Clips that were not trained on.
    y : sequence of labels
        Labels that the model does not know count as other words.
    speakers : sequence, optional
        Who says each clip.
    negatives : sound files, folders of them, float arrays, or Negatives, optional
        Sound without the keywords that was not trained on. `find_negatives` says which recordings of a folder are used.
    background_noise : list of paths, or of float arrays at the sample rate of the model, optional
        For the test streams; by default synthetic noise.
    settings : EvaluationSettings, optional
    verbose : int
        1 shows a progress bar and notices on stderr.

    Returns
    -------
    evaluation : Evaluation
        The same for the same arguments.

    Raises
    ------
    ArgumentError, ShapeError, AudioFileError
        If the model is not fitted or of another kind, or recordings cannot be used.

    References
    ----------
    Bisani and Ney, Bootstrap estimates for confidence intervals in ASR performance evaluation, ICASSP 2004.
    Mesaros, Heittola, Virtanen, Metrics for polyphonic sound event detection, Applied Sciences 6 (2016).

    Examples
    --------
    >>> import numpy as np, audioconv as ac
    >>> clips = np.random.default_rng(0).uniform(-0.1, 0.1, (4, 16000)).astype("float32")
    >>> quick = ac.detect.EvaluationSettings(streams=False, examples=0)
    >>> ac.detect.evaluate(ac.KeywordDetector.load(), clips, ["yes", "no"] * 2, settings=quick)
    Evaluation(0.0% of 4 clips right)
    """
    subject, settings = subject_of(model), settings or EvaluationSettings()
    notices, progress = Notices(verbose), StagedProgress(verbose)
    clips = ClipSet(X, y, speakers, subject, notices)
    given = negatives
    if given is not None and not isinstance(given, Negatives):
        given = find_negatives(given, subject.keywords)
    evaluator = _Evaluator(subject, clips, given, settings, notices, progress)
    names = [_name(noise, i) for i, noise in enumerate(background_noise or ())]
    try:
        found = evaluator.run(_recordings(background_noise or (), subject.sample_rate, notices))
    finally:
        progress.stop()
    data = describe_data(clips.labels, clips.speakers, names, subject.keywords)
    data["doubts"] = _doubts(model, names, given)
    return Evaluation(describe_model(model, subject), data, settings, **found)


def _name(noise: Any, number: int) -> str:
    return os.fspath(noise) if isinstance(noise, (str, os.PathLike)) else f"noise {number}"


def _recordings(noises: Sequence[Any], sample_rate: int, notices: Notices) -> list[Float32Array]:
    return [
        read_mono(noise, sample_rate, notices)
        if isinstance(noise, (str, os.PathLike))
        else floating(noise, "noise", (1,)).astype(np.float32, copy=False)
        for noise in noises
    ]


def _doubts(model: Any, noises: Sequence[str], negatives: Negatives | None) -> list[str]:
    """What may make the figures too good."""
    found = []
    trained = {os.path.basename(str(noise)) for noise in getattr(model, "background_noise", None) or ()}
    if known := sorted(trained & {os.path.basename(noise) for noise in noises}):
        found.append(f"How it does in other noise: noises of these names were trained on: {', '.join(known)}.")
    if negatives is not None and not any(recording.text for recording in negatives.recordings):
        found.append("Whether the negatives hold keywords: their manifest has no column text to tell by.")
    if model.interrupted_:
        found.append("How good the recipe is: its training was interrupted.")
    return found


class _Evaluator:
    """Does one thing after the other, and collects mistakes."""

    def __init__(
        self,
        subject: Subject,
        clips: ClipSet,
        negatives: Negatives | None,
        settings: EvaluationSettings,
        notices: Notices,
        progress: StagedProgress,
    ) -> None:
        self._subject, self._clips, self._negatives = subject, clips, negatives
        self._settings, self._notices, self._progress = settings, notices, progress
        self._of_clips: list[tuple[Mistake, int]] = []
        self._of_negatives: list[tuple[Mistake, NegativeRecording]] = []
        self._of_stream: list[Mistake] = []

    def run(self, noises: Sequence[Float32Array]) -> dict[str, Any]:
        """All figures, by the names that `Evaluation` has for them."""
        score, self._of_clips = score_clips(self._subject, self._clips, self._progress)
        rows, scores = self._hear_negatives()
        found: dict[str, Any] = {"clips": score, "negatives": scores}
        sources = (
            self._clips.sources(self._settings.stream_words, self._settings.seed) if self._settings.streams else []
        )
        streams, headline = None, None
        if any(source.keyword for source in sources):
            seed = self._settings.seed
            maker = StreamMaker(sources, self._speech(), noises, self._subject.sample_rate, seed)
            streams = StreamScorer(self._subject, maker, self._settings, self._progress)
            heard = streams.conditions()
            found |= {"conditions": [each.condition for each in heard], "challenges": streams.challenges()}
            hours = sum(s.seconds for s in scores[-1:]) / 3600
            conditions = [(h.condition.name, h.rows, h.layout.words, h.layout.seconds / 3600) for h in heard]
            found["curves"] = det_curves(self._subject, conditions, rows, hours)
            found["operating_points"] = operating_points(self._subject, found["curves"]) if hours else []
            headline = _headline(heard)
            self._of_stream = streams.mistakes(headline)
        found["examples"] = self._examples(streams, headline)
        mistakes = (m for m, _ in (*self._of_clips, *self._of_negatives))
        return found | {"mistakes": [*mistakes, *self._of_stream]}

    def _hear_negatives(self) -> tuple[list[Array], list[NegativeScore]]:
        """Rows of each recording; the false alarms of each folder, and of all."""
        if self._negatives is None:
            return [], []
        rows, subject, recordings = list[Array](), self._subject, self._negatives.recordings
        delay_s = subject.base_decoder.delay_s
        by_source: dict[str, NegativeScore] = {}
        for i, recording in enumerate(recordings):
            self._progress.update("negatives", i, len(recordings))
            samples = recording.samples(subject.sample_rate, self._notices)
            rows.append(subject.rows(samples))
            seconds, found = samples.size / subject.sample_rate, decode(subject.base_decoder, rows[-1])
            self._of_negatives += ((m, recording) for m in negative_mistakes(recording, found, seconds, delay_s))
            left_out = self._negatives.left_out.get(recording.source, {})
            score = by_source.setdefault(
                recording.source, NegativeScore(recording.source, 0, 0.0, dict.fromkeys(subject.keywords, 0), left_out)
            )
            for detection in found:
                score.by_word[detection.label] += 1
            by_source[recording.source] = score._replace(
                recordings=score.recordings + 1, seconds=score.seconds + seconds
            )
        self._of_negatives.sort(key=lambda each: -each[0].score)
        scores = list(by_source.values())
        if not sum(score.seconds for score in scores):
            raise ArgumentError("negatives must hold sound, but all recordings are empty")
        return rows, [*scores, _all_of(scores)] if len(scores) > 1 else scores

    def _speech(self) -> list[Source]:
        """Speech of negatives that have a transcript: what is known to be speech."""
        known = [r for r in (self._negatives.recordings if self._negatives else ()) if r.text]
        order = np.random.default_rng([self._settings.seed, 0x53]).permutation(len(known))[:SPEECH].tolist()
        sources = []
        for recording in (known[i] for i in order):
            for speech in speech_recordings([recording.samples(self._subject.sample_rate, self._notices)]):
                sources.append(Source(recording.name, "speech", speech))
        return sources

    def _examples(self, streams: StreamScorer | None, headline: Heard | None) -> list[Example]:
        """The first mistakes of each kind, with their sound."""
        most, made = self._settings.examples, list[Example]()
        work = [
            *((self._negative_example, each) for each in self._of_negatives[:most]),
            *self._stream_work(streams, headline),
            *((self._clip_example, each) for each in self._of_clips[:most]),
        ]
        for make, mistake in work:
            self._progress.update("what of the sound made the mistakes", len(made), len(work))
            made.append(make(mistake))
        return made

    def _negative_example(self, mistake: tuple[Mistake, NegativeRecording]) -> Example:
        samples = mistake[1].samples(self._subject.sample_rate, self._notices)
        return stream_example(self._subject, mistake[0], samples)

    def _clip_example(self, mistake: tuple[Mistake, int]) -> Example:
        return clip_example(self._subject, mistake[0], self._clips.sounds([mistake[1]])[0])

    def _stream_work(self, streams: StreamScorer | None, headline: Heard | None) -> list[tuple[Any, Mistake]]:
        """The first mistakes of the stream, and the function that makes examples of them."""
        kinds: tuple[Kind, ...] = ("missed word", "false alarm in the stream")
        if streams is None or headline is None or not self._of_stream or not self._settings.examples:
            return []
        sound = streams.render(headline)
        found = [m for kind in kinds for m in [m for m in self._of_stream if m.kind == kind][: self._settings.examples]]
        return [(partial(stream_example, self._subject, stream=sound), mistake) for mistake in found]


def _headline(heard: Sequence[Heard]) -> Heard:
    """The condition whose mistakes are shown."""
    from audioconv.detect.evaluation.results import HEADLINE_DB

    plain = [each for each in heard if not each.condition.rooms and each.condition.snr_db >= HEADLINE_DB]
    return min(plain, key=lambda each: each.condition.snr_db)


def _all_of(scores: Sequence[NegativeScore]) -> NegativeScore:
    by_word = {word: sum(score.by_word[word] for score in scores) for word in scores[0].by_word}
    recordings, seconds = sum(s.recordings for s in scores), sum(s.seconds for s in scores)
    return NegativeScore("all", recordings, seconds, by_word, {})
