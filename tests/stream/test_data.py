"""Real recordings through real rooms, block by block: what SciPy makes of the whole."""

import numpy as np
import pytest
import soundfile
from scipy.signal import fftconvolve

from audioconv.stream import StreamConvolver, response_matrix
from tests.compare import assert_close

pytestmark = pytest.mark.data
SAMPLES = 100_000


def recording(folder, channels):
    paths = sorted((folder / "recordings").glob("*.ogg"))[:channels]
    return np.stack(
        [soundfile.read(path, dtype="float32", frames=SAMPLES, always_2d=True)[0][:, 0] for path in paths], 1
    )


def streamed(stream, x, block):
    return np.concatenate([*(stream.process(x[i : i + block]) for i in range(0, len(x), block)), stream.flush()])


def test_every_room_is_the_offline_result_in_blocks_of_a_sound_card(data_folder):
    rooms = sorted((data_folder / "impulse_responses" / "webaudio").glob("*.flac"))
    assert len(rooms) > 30
    x = recording(data_folder, 1)
    for number, room in enumerate(rooms):
        h = soundfile.read(room, dtype="float32", always_2d=True)[0]
        y = streamed(StreamConvolver(h[:, None, :], max_block=512), x, (64, 100, 512)[number % 3])
        assert_close(y.reshape(len(y), -1), fftconvolve(x.astype(np.float64), h, axes=0), 2e-6)


@pytest.mark.parametrize("name", ["kitchen-true-stereo", "cardiod-true-stereo-15-8"])
def test_true_stereo_rooms(data_folder, name):
    h = soundfile.read(data_folder / "impulse_responses" / "webaudio" / f"{name}.flac", dtype="float32")[0]
    matrix, _ = response_matrix(h, 2, true_stereo=True)
    x = recording(data_folder, 2)
    y = streamed(StreamConvolver(matrix, channels=2, max_block=128), x, 128)
    left, right = (x[:, i, None].astype(np.float64) for i in range(2))
    assert_close(y, fftconvolve(left, h[:, :2], axes=0) + fftconvolve(right, h[:, 2:], axes=0), 2e-6)


def test_a_voice_goes_from_room_to_room(data_folder):
    rooms = [data_folder / "impulse_responses" / "webaudio" / f"{name}.flac" for name in ("omni-35-10", "echo-chamber")]
    old, new = (soundfile.read(room, dtype="float32", always_2d=True)[0][:, 0] for room in rooms)
    x = recording(data_folder, 1)[:, 0]
    stream, parts = StreamConvolver(old, max_block=64), []
    for first in range(0, len(x), 64):
        if first == 48_000:
            stream.set_ir(new, fade_s=0.05)
        parts.append(stream.process(x[first : first + 64]))
    g = np.clip((np.arange(len(x)) - 48_000 + 1) / 2400, 0, 1)
    before, after = (fftconvolve(x.astype(np.float64), h)[: len(x)] for h in (old, new))
    assert_close(np.concatenate(parts), (1 - g) * before + g * after, 2e-6)
