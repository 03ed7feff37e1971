"""Public objects show in a line what they are, and public functions say all of their parameters."""

import inspect

import numpy as np
import pytest

import audioconv as ac
from tests import surface
from tests.models_at_random import random_classifier, random_sound_event_detector
from tests.tone_detector import tone_evaluation

X = np.linspace(-0.5, 0.5, 4000, dtype=np.float32)
RNG = np.random.default_rng(0)
NO_INSTANCES = {
    "audioconv.nn.Layer",  # bases of others
    "audioconv.nn.Loss",
    "audioconv.stream.Live",  # needs a sound card: tests/stream/test_live.py
}


def network():
    return ac.nn.Sequential([ac.nn.Conv1d(4, 8, 3, rng=RNG), ac.nn.GlobalAveragePool(), ac.nn.Dense(8, 2, rng=RNG)])


def training_step():
    net = network()
    return ac.nn.TrainingStep(net, ac.nn.SGD(net), ac.nn.SoftmaxCrossEntropy())


def classifier():
    return ac.KeywordClassifier("tc-resnet8", epochs=1, random_state=0)


def dataset():
    labels = np.array(["yes", "no", "other"] * 300)
    return ac.classify.Dataset([f"{i}.wav" for i in range(900)], labels, None, np.repeat("train", 900))


def frame_scorer():
    layers = [ac.nn.Conv1d(40, 8, 3, stride=2, padding="causal", rng=RNG), ac.nn.ReLU(), ac.nn.Dense(8, 3, rng=RNG)]
    statistics = np.zeros(40, np.float32), np.ones(40, np.float32)
    return ac.detect.FrameScorer(np.array(["no", "yes"]), ac.LogMel(), ac.nn.Sequential(layers), *statistics)


def sound_event_score():
    return ac.detect.score_sound_events([[]], [[ac.detect.SoundEvent(0, 1.0, 2.0, "dog")]], [10.0])


EXAMPLES = {  # one of each public class, made without compiling much
    "audioconv.Plan": lambda: ac.plan(48000, 4800),
    "audioconv.Stft": lambda: ac.Stft(np.hanning(400), 160),
    "audioconv.Clip": lambda: ac.Clip(X, 16000),
    "audioconv.batch.BatchSummary": lambda: ac.batch.BatchSummary(done=98, skipped=0, failed=2),
    "audioconv.batch.Failure": lambda: ac.batch.Failure("a.wav", "a.wav is empty"),
    "audioconv.Biquad": lambda: ac.Biquad.design("highpass", 48000, 100.0),
    "audioconv.Chain": lambda: ac.Chain([ac.Gain(-6.0), ac.Limiter(sample_rate=48000)]),
    "audioconv.Compressor": lambda: ac.Compressor(sample_rate=48000),
    "audioconv.Delay": lambda: ac.Delay(0.25, 0.4, sample_rate=48000),
    "audioconv.DryWet": lambda: ac.DryWet(ac.Gain(-6.0), 0.3),
    "audioconv.EqBand": lambda: ac.EqBand("peak", 1000.0, gain_db=3.0),
    "audioconv.Fir": lambda: ac.Fir(X),
    "audioconv.Gain": lambda: ac.Gain(-6.0, channels=2),
    "audioconv.JitStage": lambda: ac.JitStage(half),
    "audioconv.Limiter": lambda: ac.Limiter(sample_rate=48000),
    "audioconv.LoudnessMeter": lambda: ac.LoudnessMeter(48000),
    "audioconv.MatrixMixer": lambda: ac.MatrixMixer([[1.0, 0.0], [0.5, 0.5]]),
    "audioconv.NoiseGate": lambda: ac.NoiseGate(sample_rate=48000),
    "audioconv.ParametricEq": lambda: ac.ParametricEq.from_preset("speech", sample_rate=48000),
    "audioconv.Resample": lambda: ac.Resample(48000, 44100),
    "audioconv.Sink": lambda: ac.Sink(1000),
    "audioconv.Source": lambda: ac.Source(X),
    "audioconv.StreamConvolver": lambda: ac.StreamConvolver(X, max_block=64),
    "audioconv.StreamConvolver2d": lambda: ac.StreamConvolver2d(np.ones((3, 3), np.float32), 40),
    "audioconv.Monitor": lambda: ac.Monitor(),
    "audioconv.LogMel": lambda: ac.LogMel(),
    "audioconv.Mfcc": lambda: ac.Mfcc(),
    "audioconv.Detection": lambda: ac.Detection("yes", 1.0, 1.4, 0.93),
    "audioconv.Denoise": lambda: ac.Denoise(16000),
    "audioconv.NeuralDenoise": lambda: ac.NeuralDenoise(16000),
    "audioconv.enhance.DenoiserModel": lambda: ac.enhance.shipped_denoiser(),
    "audioconv.enhance.DenoiserTraining": lambda: ac.enhance.DenoiserTraining(epochs=2),
    "audioconv.enhance.NoisySpeechSettings": lambda: ac.enhance.NoisySpeechSettings(clip_s=3.0),
    "audioconv.KeywordClassifier": classifier,
    "audioconv.KeywordDetector": lambda: ac.KeywordDetector(random_state=1),
    "audioconv.SoundEventDetector": lambda: ac.SoundEventDetector(random_state=1),
    "audioconv.detect.Counts": lambda: ac.detect.Counts(6, 2, 1),
    "audioconv.detect.EventMixture": lambda: next(ac.mix_events([X], ["tone"], sample_rate=8000)),
    "audioconv.detect.SoundEvent": lambda: ac.detect.SoundEvent("street.wav", 3.25, 4.5, "dog"),
    "audioconv.detect.SoundEventClassScore": lambda: sound_event_score().by_class[0],
    "audioconv.detect.SoundEventDecision": lambda: ac.detect.SoundEventDecision(),
    "audioconv.detect.SoundEventDecoder": lambda: random_sound_event_detector().stream().decoder,
    "audioconv.detect.SoundEventScore": lambda: sound_event_score(),
    "audioconv.detect.SoundEventStream": lambda: random_sound_event_detector().stream(),
    "audioconv.detect.SoundEventTraining": lambda: ac.detect.SoundEventTraining(),
    "audioconv.detect.DetectorTraining": lambda: ac.detect.DetectorTraining(rounds=2),
    "audioconv.classify.Augmentation": lambda: ac.classify.Augmentation(),
    "audioconv.classify.Dataset": dataset,
    "audioconv.classify.EnergySegmenter": lambda: ac.classify.EnergySegmenter(16000),
    "audioconv.classify.Finding": lambda: ac.classify.Finding("silent", "2 clips are silent", ("a.wav", "b.wav")),
    "audioconv.classify.FixedChunks": lambda: ac.classify.FixedChunks(16000),
    "audioconv.classify.ModelCard": lambda: ac.classify.ModelCard(licence="CC BY 4.0", facts={"clips": 300}),
    "audioconv.classify.PosteriorStream": lambda: random_classifier().scorer_.stream(),
    "audioconv.classify.Scorer": lambda: random_classifier().scorer_,
    "audioconv.classify.Segment": lambda: ac.classify.Segment(X, 0.5, 0.75, -12.0, None),
    "audioconv.classify.SlidingWindowDetector": lambda: random_classifier().stream(),
    "audioconv.classify.TrainingConfig": lambda: ac.classify.TrainingConfig(),
    "audioconv.detect.Evaluation": tone_evaluation,
    "audioconv.detect.EvaluationSettings": lambda: ac.detect.EvaluationSettings(examples=100),
    "audioconv.detect.Negatives": lambda: ac.detect.find_negatives([X], ["yes"]),
    "audioconv.detect.FalseAlarmRate": lambda: ac.detect.FalseAlarmRate(3, 2.5),
    "audioconv.detect.HardNegative": lambda: ac.detect.HardNegative(3, 16000, 0, 0.97),
    "audioconv.detect.MixtureGenerator": lambda: ac.detect.MixtureGenerator([[X]], noises=[X], sample_rate=8000),
    "audioconv.detect.MixtureSettings": lambda: ac.detect.MixtureSettings(),
    "audioconv.detect.NegativeFrames": lambda: ac.detect.NegativeFrames([X], ac.LogMel()),
    "audioconv.detect.Span": lambda: ac.detect.Span(0, 100, 4000),
    "audioconv.detect.DetectorMonitor": lambda: ac.detect.DetectorMonitor(frame_scorer(), frame_scorer().decoder(0.5)),
    "audioconv.detect.DetectorStream": lambda: ac.detect.DetectorStream(frame_scorer(), 0.5),
    "audioconv.detect.FramePosteriorStream": lambda: frame_scorer().stream(),
    "audioconv.detect.FrameScorer": lambda: frame_scorer(),
    "audioconv.detect.StreamScore": lambda: ac.detect.score_stream([], [], 1.0),
    "audioconv.detect.WordScore": lambda: ac.detect.WordScore("yes", 10, 9, ac.detect.FalseAlarmRate(1, 0.5)),
    "audioconv.features.LogMelStream": lambda: ac.LogMel().stream(),
    "audioconv.features.MfccStream": lambda: ac.Mfcc().stream(),
    "audioconv.features.Pcen": lambda: ac.features.Pcen(),
    "audioconv.features.Spectrogram": lambda: ac.features.Spectrogram(np.zeros((99, 40)), np.arange(99), np.arange(40)),
    "audioconv.io.Info": lambda: ac.io.Info(48000, 2, 96000, "WAV", "PCM_16"),
    "audioconv.io.Metadata": lambda: ac.io.Metadata(48000, 2, {"title": ["a"], "artist": ["b" * 300]}),
    "audioconv.models.Calibration": lambda: ac.models.Calibration(np.zeros((2, 16000), np.float32)),
    "audioconv.models.MiniRocket": lambda: ac.models.MiniRocket(3, rng=RNG),
    "audioconv.models.Model": lambda: ac.models.MODELS["ds-tcn"],
    "audioconv.nn.SGD": lambda: ac.nn.SGD(network()),
    "audioconv.nn.AdamW": lambda: ac.nn.AdamW(network()),
    "audioconv.nn.AveragePool1d": lambda: ac.nn.AveragePool1d(2),
    "audioconv.nn.AveragePool2d": lambda: ac.nn.AveragePool2d((2, 3)),
    "audioconv.nn.BatchNorm": lambda: ac.nn.BatchNorm(4),
    "audioconv.nn.BinaryCrossEntropy": lambda: ac.nn.BinaryCrossEntropy(),
    "audioconv.nn.Broadcast": lambda: ac.nn.Broadcast(ac.nn.ReLU()),
    "audioconv.nn.Conv1d": lambda: ac.nn.Conv1d(4, 8, 3, stride=2, rng=RNG),
    "audioconv.nn.Conv1dTranspose": lambda: ac.nn.Conv1dTranspose(4, 8, 3, rng=RNG),
    "audioconv.nn.Conv2d": lambda: ac.nn.Conv2d(4, 8, (3, 3), rng=RNG),
    "audioconv.nn.Conv2dTranspose": lambda: ac.nn.Conv2dTranspose(4, 8, (3, 3), rng=RNG),
    "audioconv.nn.Dense": lambda: ac.nn.Dense(4, 8, rng=RNG),
    "audioconv.nn.DepthwiseConv1d": lambda: ac.nn.DepthwiseConv1d(4, 3, rng=RNG),
    "audioconv.nn.DepthwiseConv2d": lambda: ac.nn.DepthwiseConv2d(4, (3, 3), rng=RNG),
    "audioconv.nn.Dropout": lambda: ac.nn.Dropout(0.2),
    "audioconv.nn.ExponentialMovingAverage": lambda: ac.nn.ExponentialMovingAverage(network()),
    "audioconv.nn.GlobalAveragePool": lambda: ac.nn.GlobalAveragePool(),
    "audioconv.nn.History": lambda: ac.nn.History([{"epoch": i, "loss": 1 / (i + 1)} for i in range(50)], 7),
    "audioconv.nn.LocallyConnected1d": lambda: ac.nn.LocallyConnected1d(4, 8, 3, 20, rng=RNG),
    "audioconv.nn.LocallyConnected2d": lambda: ac.nn.LocallyConnected2d(4, 8, (3, 3), (20, 10), rng=RNG),
    "audioconv.nn.LpPool1d": lambda: ac.nn.LpPool1d(2),
    "audioconv.nn.LpPool2d": lambda: ac.nn.LpPool2d((2, 3)),
    "audioconv.nn.MaxPool1d": lambda: ac.nn.MaxPool1d(2),
    "audioconv.nn.MaxPool2d": lambda: ac.nn.MaxPool2d((2, 3)),
    "audioconv.nn.Maxout": lambda: ac.nn.Maxout(2),
    "audioconv.nn.MeanSquaredError": lambda: ac.nn.MeanSquaredError(),
    "audioconv.nn.NetworkStream": lambda: ac.nn.NetworkStream(network(), (4,)),
    "audioconv.nn.ReLU": lambda: ac.nn.ReLU(),
    "audioconv.nn.Residual": lambda: ac.nn.Residual(ac.nn.Conv1d(4, 4, 3, rng=RNG)),
    "audioconv.nn.Sequential": network,
    "audioconv.nn.Sigmoid": lambda: ac.nn.Sigmoid(),
    "audioconv.nn.SoftmaxCrossEntropy": lambda: ac.nn.SoftmaxCrossEntropy(),
    "audioconv.nn.SubSpectralNorm": lambda: ac.nn.SubSpectralNorm(4, 5),
    "audioconv.nn.Summary": lambda: network().summary((100, 4)),
    "audioconv.nn.Swish": lambda: ac.nn.Swish(),
    "audioconv.nn.TiledConv1d": lambda: ac.nn.TiledConv1d(4, 8, 3, 2, rng=RNG),
    "audioconv.nn.TiledConv2d": lambda: ac.nn.TiledConv2d(4, 8, (3, 3), (2, 2), rng=RNG),
    "audioconv.nn.Trainer": lambda: ac.nn.Trainer(training_step(), ac.nn.constant(0.1), epochs=2),
    "audioconv.nn.TrainingStep": training_step,
    "audioconv.report.SoundCard": lambda: ac.report.SoundCard("a click", (), X, 16000),
    "audioconv.report.Report": lambda: ac.report.Report("Training"),
    "audioconv.signal.Filter": lambda: ac.signal.Filter(X),
    "audioconv.stream.Device": lambda: ac.stream.Device(0, "card", "ALSA", 2, 2, 48000.0, True, True),
    "audioconv.stream.Processed": lambda: ac.stream.Processed(48000, 0, 0.0, 0.0, 48000, 1, "PCM_16"),
    "audioconv.stream.Response": lambda: ac.stream.Response(ac.Chain([ac.Gain()]), "one for each channel", 48000),
    "audioconv.stream.Statistics": lambda: ac.stream.Statistics(10, 640, 0, 0, 0, 0, 0, 0.1, 0.2, 0),
    "audioconv.lab.Settings": lambda: surface.import_module("audioconv.lab").Settings(),
}


def half(block, memory):
    block *= 0.5


def test_there_is_an_example_of_every_public_class():
    classes = {public.name for public in surface.top_level() if public.kind == "class"} - NO_INSTANCES
    assert sorted(classes - set(EXAMPLES)) == [], "add an example of these to EXAMPLES"
    assert sorted(set(EXAMPLES) - classes) == [], "EXAMPLES has these, which are no public classes"


def wrong_with(name):
    """What is wrong with the `repr` of a public class, if anything."""
    thing = EXAMPLES[name]()
    shown = repr(thing)
    says = []
    if type(thing).__name__ not in shown.partition("(")[0]:
        says.append("does not begin with the name of its class")
    if "\n" in shown:
        says.append("has several lines")
    if len(shown) >= 200:
        says.append("has 200 characters or more")
    if " at 0x" in shown:
        says.append("has addresses")
    return f"{name}: {', '.join(says)}: {shown[:250]!r}" if says else None


def test_public_objects_show_themselves_in_a_line():
    wrong = [says for name in EXAMPLES if (says := wrong_with(name))]
    assert not wrong, "\n".join(wrong)


def test_public_functions_say_all_of_their_parameters():
    open_ended = set()
    for public in surface.everything():
        if public.kind in ("function", "method", "class") and public.name not in NO_INSTANCES:
            parameters = inspect.signature(public.object).parameters.values()
            if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
                open_ended.add(public.name)
    assert open_ended == {"audioconv.KeywordClassifier.set_params"}  # as scikit-learn has it


@pytest.mark.parametrize("name", ["audioconv.Gain", "audioconv.nn.Conv1d"])
def test_a_line_shows_the_parameters(name):
    assert any(character.isdigit() for character in repr(EXAMPLES[name]()).partition("(")[2])
