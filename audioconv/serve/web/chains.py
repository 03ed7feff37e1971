"""The chains that a page offers by name: some that come along, and TOML files."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from audioconv._wording import none_of
from audioconv.enhance import Denoise, NeuralDenoise
from audioconv.errors import ArgumentError
from audioconv.stream import Chain, DryWet, Gain, MatrixMixer, ParametricEq, read_chain, read_response

SAMPLE_RATES = 8000, 192_000  # in Hz, of browsers' sound
MOST_CHANNELS = 2  # that a page plays
ROOM = Path("data/impulse_responses/hall.flac")  # that ships
WET = 0.5  # of the room
TRIED_AT = 48_000  # Hz, at which each chain is made once before clients come


def _plain(sample_rate: int) -> Chain:
    return Chain([Gain(0.0)])


def _room(sample_rate: int) -> Chain:
    here = Path(__file__).parents
    places = (here[3] / ROOM, here[2] / ROOM)  # the source tree; the installed package
    room = read_response(next(filter(Path.is_file, places), places[0]), sample_rate, 1)
    return Chain([DryWet(room.stage, WET), Gain(-3.0)])


def _equaliser(sample_rate: int) -> Chain:
    return Chain([ParametricEq.from_preset("speech", sample_rate=sample_rate)])


def _denoise(sample_rate: int) -> Chain:
    return Chain([NeuralDenoise(sample_rate)])


def _gate(sample_rate: int) -> Chain:
    return Chain([Denoise(sample_rate)])


SHIPPED: dict[str, Callable[[int], Chain]] = {
    "none": _plain,
    "room": _room,
    "equaliser": _equaliser,
    "denoise": _denoise,
    "gate": _gate,
}


class Chains:
    """Chains by name, made anew for each client.

    Parameters
    ----------
    files : sequence of paths
        Chains in TOML (`read_chain`), named as their files are; beside those that come along: none, room, equaliser,
        denoise (the network for speech) and gate (the spectral gate).

    Attributes
    ----------
    names : tuple of str
    channels : int
        That each of them gives, of one that comes in.

    Raises
    ------
    ArgumentError, AudioFileError
        For a file that is no chain for one channel which keeps its sample rate and gives one or two, and for names that
        are there already.

    Examples
    --------
    >>> chains = Chains()
    >>> chains.names
    ('none', 'room', 'equaliser', 'denoise', 'gate')
    >>> chains.make("equaliser", 44100)
    Chain([ParametricEq], channels=1, latency=0)
    """

    def __init__(self, files: Sequence[Path] = ()) -> None:
        self._makers = dict(SHIPPED)
        for file in files:
            if file.stem in self._makers:
                raise ArgumentError(f"a chain named {file.stem} is there already; give {file} another name")
            self._makers[file.stem] = _of_file(file)
        made = [make(TRIED_AT) for make in self._makers.values()]
        for chain in made:
            chain.process(np.zeros(TRIED_AT // 10, np.float32))  # so that no client waits for what has to be compiled
        self.names, self.channels = tuple(self._makers), max(chain.out_channels for chain in made)

    def make(self, name: object, sample_rate: int) -> Chain:
        """A new chain.

        Raises
        ------
        ArgumentError
            For another name, and where it cannot be made for this sample rate.
        """
        if not isinstance(name, str) or name not in self._makers:
            raise ArgumentError(none_of("chain", name, self.names))
        chain = self._makers[name](sample_rate)
        return chain if chain.out_channels == self.channels else Chain([chain, MatrixMixer([[1.0] * self.channels])])


def _of_file(file: Path) -> Callable[[int], Chain]:
    def make(sample_rate: int) -> Chain:
        chain = read_chain(file, sample_rate, 1)
        if chain.rate_out not in (None, sample_rate):
            raise ArgumentError(f"{file} changes the sample rate to {chain.rate_out} Hz, which a page cannot play: "
                                f"leave its stage of type resample out")  # fmt: skip
        if chain.out_channels > MOST_CHANNELS:
            raise ArgumentError(
                f"{file} makes {chain.out_channels} channels of one, and a page plays {MOST_CHANNELS} at most"
            )
        return chain

    return make
