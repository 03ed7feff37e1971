"""Augmentation of batches of clips: random crops (time shifts), and noise mixed in at a signal-to-noise ratio."""

from audioconv.kernels._jit import kernel
from audioconv.kernels._layout import layout
from audioconv.kernels.simd.vector import at, fma, lanes, load, splat, store, zero
from audioconv.kernels.simd.vector_math import lane_sum

# A crop: number of the clip, or -1 for silence, and the sample of it that comes first (may be negative).
CROP = layout("CROP", "clip", "start")
# A noise that is mixed in: samples of the sound that get it; where its recording begins in `noises` and how long it is
# (it is looped); and the sample of the recording that comes first.
NOISE = layout("NOISE", "length", "recording", "recording_size", "start")
# Its level, floats: power of the noise relative to that of the sound, power added to that; gain of the mixture.
NOISE_LEVEL = layout("NOISE_LEVEL", "relative_power", "absolute_power", "gain")


@kernel
def cut_out(clips, rows, sounds):
    """sounds[r] = the crop of a clip that the `CROP` row rows[r] says, zero-padded."""
    length, width = clips.shape[1], lanes(sounds)
    for r in range(sounds.shape[0]):
        clip, start = rows[r, CROP.clip], rows[r, CROP.start]
        first = min(max(-start, 0), sounds.shape[1])
        last = max(min(length - start, sounds.shape[1]), first)
        if clip < 0:
            first = last = sounds.shape[1]
        sounds[r, :first] = 0
        sounds[r, last:] = 0
        source, vectors = clip * length + start, (last - first) % width
        for j in range(first, last - vectors, width):
            store(sounds, r * sounds.shape[1] + j, load(clips, source + j))
        for j in range(last - vectors, last):
            sounds[r, j] = at(clips, source + j)


@kernel
def mix_noise(sounds, rows, levels, noises):
    """sounds[r] = (sounds[r] + amplitude * noise) * gain, as `NOISE` rows and `NOISE_LEVEL` rows of levels say."""
    width = lanes(sounds)
    for r in range(sounds.shape[0]):
        length, recording = rows[r, NOISE.length], rows[r, NOISE.recording]
        size, at_noise = rows[r, NOISE.recording_size], rows[r, NOISE.start]
        power, gain = levels[r, NOISE_LEVEL.relative_power], levels[r, NOISE_LEVEL.gain]
        start = r * sounds.shape[1]
        amplitude = (power * _power(sounds, start, length) + levels[r, NOISE_LEVEL.absolute_power]) ** 0.5
        gains, noise_gains = splat(sounds, gain), splat(sounds, gain * amplitude)
        j = 0
        while j < length:
            count = min(length - j, size - at_noise)
            vectors, noise = count - count % width, recording + at_noise
            for k in range(0, vectors, width):
                i = start + j + k
                store(sounds, i, fma(load(noises, noise + k), noise_gains, load(sounds, i) * gains))
            for k in range(vectors, count):
                sounds[r, j + k] = at(noises, noise + k) * gain * amplitude + sounds[r, j + k] * gain
            j, at_noise = j + count, 0


@kernel
def _power(sounds, start, length):
    """Mean square of `length` samples."""
    width, total = lanes(sounds), zero(sounds)
    vectors = length - length % width
    for k in range(start, start + vectors, width):
        total = fma(load(sounds, k), load(sounds, k), total)
    rest = lane_sum(total)
    for k in range(start + vectors, start + length):
        rest += at(sounds, k) * at(sounds, k)
    return rest / max(length, 1)
