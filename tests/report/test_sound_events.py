"""The picture of sound events: lanes, bars where they are said to be, and a spectrogram above."""

import io

import numpy as np
import pytest

import audioconv as ac
from audioconv.detect import SoundEvent
from audioconv.features import Spectrogram, spectrogram_db
from audioconv.report import sound_events

NOISE = 0.1 * np.random.default_rng(0).standard_normal(32000).astype(np.float32)
LEVELS = spectrogram_db([NOISE], NOISE.size, 16000)
FOUND = [ac.Detection("rain", 0.25, 1.5, 0.8), ac.Detection("dog_$x$", 0.5, 0.75, 0.4)]


def bars(figure):
    return [(p.get_x(), p.get_width(), round(p.get_y() + p.get_height() / 2, 2)) for p in figure.axes[1].patches]


def test_each_event_is_a_bar_in_the_lane_of_its_class():
    figure = sound_events(LEVELS, FOUND, title="yard.wav")
    assert [tick.get_text() for tick in figure.axes[1].get_yticklabels()] == ["dog_$x$", "rain"]
    assert bars(figure) == [(0.5, 0.25, 0.0), (0.25, 1.25, 1.0)]
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    assert buffer.getvalue().startswith(b"\x89PNG")


def test_what_there_is_lies_above_what_was_detected():
    figure = sound_events(LEVELS, FOUND[:1], truth=[SoundEvent(0, 0.2, 1.0, "rain"), SoundEvent(0, 0.1, 0.3, "bell")])
    assert bars(figure) == [(0.1, pytest.approx(0.2), -0.22), (0.2, 0.8, 0.78), (0.25, 1.25, 1.22)]
    assert figure.axes[1].get_ylim() == (1.5, -0.5)


def test_nothing_detected_is_a_picture_too_and_no_sound_is_refused():
    assert bars(sound_events(LEVELS, [])) == []
    with pytest.raises(ac.ShapeError, match="must have columns"):
        sound_events(Spectrogram(np.zeros((0, 40)), np.zeros(0), np.arange(40)), [])
