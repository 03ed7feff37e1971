"""One channel out of samples whose channels lie side by side, and back."""

from audioconv.kernels._jit import kernel
from audioconv.kernels.simd import at


@kernel
def take(x, channels, channel, first, samples):
    """samples = those of a channel from `first` on, zeros outside; x (frames * channels,)."""
    frames = x.size // channels
    for j in range(samples.size):
        frame = first + j
        samples[j] = at(x, frame * channels + channel) if 0 <= frame < frames else x.dtype.type(0)


@kernel
def put(samples, y, channels, channel, first):
    """Make `samples` those of a channel from `first` on; y (frames * channels,)."""
    for j in range(samples.size):
        y[(first + j) * channels + channel] = at(samples, j)
