"""Clips that are cut out and mixed with noise, many at a time."""

from audioconv.kernels._jit import kernel
from audioconv.kernels.simd.vector import at, fma, lanes, load, splat, store, zero
from audioconv.kernels.simd.vector_math import lane_sum


@kernel
def cut_out(clips, rows, sounds):
    """sounds[r] = clips[i] from sample `start` on, zeros where nothing is; rows[r]: i, or -1 for silence, and start."""
    length, width = clips.shape[1], lanes(sounds)
    for r in range(sounds.shape[0]):
        clip, start = rows[r, 0], rows[r, 1]
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
    """sounds[r] = (sounds[r] + amplitude * noise) * gain, in the first `length` samples.

    rows[r]: length, where the noise begins in `noises`, how long it is, its sample that comes first; it begins again
    after its end. levels[r]: power of the noise to that of the sound, power of the noise beside it, gain.
    """
    width = lanes(sounds)
    for r in range(sounds.shape[0]):
        length, place, size, at_noise = rows[r, 0], rows[r, 1], rows[r, 2], rows[r, 3]
        start = r * sounds.shape[1]
        amplitude = (levels[r, 0] * _power(sounds, start, length) + levels[r, 1]) ** 0.5
        gain, loud = splat(sounds, levels[r, 2]), splat(sounds, levels[r, 2] * amplitude)
        j = 0
        while j < length:
            count = min(length - j, size - at_noise)
            vectors, noise = count - count % width, place + at_noise
            for k in range(0, vectors, width):
                i = start + j + k
                store(sounds, i, fma(load(noises, noise + k), loud, load(sounds, i) * gain))
            for k in range(vectors, count):
                sounds[r, j + k] = at(noises, noise + k) * levels[r, 2] * amplitude + sounds[r, j + k] * levels[r, 2]
            j, at_noise = j + count, 0


@kernel
def _power(sounds, start, length):
    """Mean square of so many samples."""
    width, total = lanes(sounds), zero(sounds)
    vectors = length - length % width
    for k in range(start, start + vectors, width):
        total = fma(load(sounds, k), load(sounds, k), total)
    rest = lane_sum(total)
    for k in range(start + vectors, start + length):
        rest += at(sounds, k) * at(sounds, k)
    return rest / max(length, 1)
