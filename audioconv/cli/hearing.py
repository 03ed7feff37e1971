"""What the commands hear: a recording, or the microphone."""

from contextlib import contextmanager

from audioconv.cli.messages import say


@contextmanager
def sound(file, device, block, seconds=None):
    """Blocks of one channel, and their sample rate: of a file if one is given, else of the microphone for so long."""
    from audioconv import io
    from audioconv.stream.devices import named
    from audioconv.stream.sound_card import microphone

    if file is not None:
        yield _mono(io.blocks(file, block)), io.info(file).sample_rate
        return
    with microphone(device=named(device), seconds=seconds) as (blocks, sample_rate):
        yield blocks, sample_rate


def say_converted(file, sample_rate, wanted_rate):
    """Say what is done to what is heard."""
    from audioconv import io

    if sample_rate != wanted_rate:
        say(f"{file or 'the microphone'} is resampled from {sample_rate} to {wanted_rate} Hz")
    if file is not None and (channels := io.info(file).channels) > 1:
        say(f"the {channels} channels of {file} are averaged")


def _mono(blocks):
    for block in blocks:
        yield block if block.ndim == 1 else block.mean(axis=1, dtype=block.dtype)
