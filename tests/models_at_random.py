"""Fitted estimators with random weights, made without training."""

import numpy as np

import audioconv as ac
from audioconv import models
from audioconv.classify import ModelCard, Scorer
from audioconv.classify.feature_statistics import FeatureStatistics
from audioconv.classify.made_up_words import unknown_class
from audioconv.detect import FrameScorer
from audioconv.enhance import DenoiserModel

WORDS = np.array(["no", "yes"])
SOUNDS = np.array(["bell", "dog", "rain"])


def random_detector():
    detector = ac.KeywordDetector(verbose=0)
    features = models.FRAME_MODELS["ds-tcn"].features(16000)
    network = models.build_frames("ds-tcn", 1 + len(WORDS), features.n_features, 0)
    mean, std = np.full(40, -5, np.float32), np.full(40, 3, np.float32)
    detector.scorer_ = FrameScorer(WORDS, features, network, mean, std)
    detector.thresholds_, detector.word_s_ = np.array([0.4, np.inf]), np.array([0.3, 0.4])
    detector.statistics_ = _statistics(network, 1 + len(WORDS), 0)
    detector.history_ = [{"round": 1, "loss": 0.5, "hard_negatives": 3}]
    detector.interrupted_, detector.seed_ = False, 0
    detector.card_ = ModelCard(licence="CC0", limits="Random.\nOf no use.", facts={"clips": 3})
    return detector


def random_sound_event_detector():
    detector = ac.SoundEventDetector(verbose=0)
    features = models.FRAME_MODELS["sed-tcn"].features(16000)
    network = models.build_frames("sed-tcn", len(SOUNDS), features.n_features, 0)
    mean, std = np.full(40, -5, np.float32), np.full(40, 3, np.float32)
    detector.scorer_ = FrameScorer(SOUNDS, features, network, mean, std, multi_label=True)
    detector.thresholds_, detector.history_ = np.array([0.4, np.inf, 0.5]), [{"round": 1, "loss": 0.5}]
    detector.interrupted_, detector.seed_ = False, 0
    detector.card_ = ModelCard(licence="CC0", facts={"recordings": 3, "recordings_h": 0.5, "events": 7})
    return detector


def random_classifier(model="tc-resnet8", words=WORDS):
    classifier = ac.KeywordClassifier(model, verbose=0)
    features = models.MODELS[model].features(16000)
    network = models.build(model, len(words), features.n_features, 0, features.frames(16000))
    mean, std = np.zeros(features.n_features, np.float32), np.ones(features.n_features, np.float32)
    classifier.scorer_ = Scorer(words, features, network, mean, std, 16000, (0.9, 1.0), (0.0,))
    classifier.model_ = model
    classifier.threshold_, classifier.history_, classifier.best_epoch_ = 0.5, [{"epoch": 1, "loss": 0.5}], 1
    classifier.interrupted_, classifier.seed_, classifier.split_, classifier.card_ = False, 0, None, ModelCard()
    classifier.statistics_ = _statistics(network, len(words), unknown_class(words))
    classifier.trained_on_ = classifier.validated_on_ = np.arange(3, dtype=np.uint64)
    return classifier


def _statistics(network, classes, background):
    if not hasattr(network, "layers"):
        return None
    channels = network.layers[-1].state_dict()["weight"].shape[-2]
    targets = np.arange(60) % classes
    rows = np.random.default_rng(1).standard_normal((60, channels))
    return FeatureStatistics.of(rows + targets[:, None], targets, classes, background)


def random_denoiser():
    planes, channels, dilations = (8, 8, 8), 8, (1, 2)
    network = models.mask_unet(planes, channels, dilations, batch_norm=False, rng=np.random.default_rng(0))
    return DenoiserModel(network, planes, channels, dilations)
