"""A clip says what it is in a line, and in a notebook plays and draws itself."""

import base64
import io
import re
import subprocess
import sys
from xml.etree import ElementTree

import numpy as np
import pytest

import audioconv as ac


def html_of(samples, sample_rate=16000):
    return ac.Clip(np.asarray(samples, "float32"), sample_rate)._repr_html_()


@pytest.mark.parametrize("shape", [(4000,), (4000, 1), (4000, 2), (1,), (7, 6)])
def test_the_sound_in_a_notebook_is_that_of_the_clip(rng, shape):
    samples = rng.uniform(-1, 1, shape).astype("float32")
    source = re.search(r'src="data:audio/wav;base64,([^"]*)"', html_of(samples))[1]
    played, sample_rate = ac.read(io.BytesIO(base64.b64decode(source)))
    assert sample_rate == 16000
    assert np.abs(played.reshape(shape) - samples).max() <= 2**-15


def test_the_waveform_reaches_from_the_least_to_the_largest_sample():
    samples = np.zeros(10_000, "float32")
    samples[2500], samples[7500] = 1, -0.5
    svg = ElementTree.fromstring(re.search(r"<svg.*?</svg>", html_of(samples))[0])
    points = [tuple(map(float, pair.split(","))) for pair in svg[0].get("points").split()]
    (left, top), (right, bottom) = min(points, key=lambda p: p[1]), max(points, key=lambda p: p[1])
    assert (left, top) == (150, 0)
    assert right == 450
    assert bottom == pytest.approx(60.4)


@pytest.mark.parametrize("samples", [np.zeros(0), np.full(50, np.nan), [np.inf, 3.0, -9.0]])
def test_odd_clips_are_drawn_as_well(samples):
    svg = ElementTree.fromstring(re.search(r"<svg.*?</svg>", html_of(samples))[0])
    points = svg[0].get("points")
    assert svg[0].tag.endswith("polygon")
    assert bool(points) == bool(len(samples))
    assert "nan" not in points
    assert "inf" not in points


def test_long_clips_do_not_play_and_say_so():
    found = html_of(np.zeros(1000 * 200), 1000)
    assert "<audio" not in found
    assert "longer than is played" in found
    assert "200.000 s, 1000 Hz, 1 channel, float32" in found


def test_showing_a_clip_loads_neither_matplotlib_nor_ipython():
    code = (
        "import numpy as np, sys, audioconv as ac; ac.Clip(np.zeros(9, 'f4'), 8000)._repr_html_(); "
        "print([name for name in ('matplotlib', 'IPython') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
