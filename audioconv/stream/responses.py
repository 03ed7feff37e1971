"""Impulse responses as stages: which channel goes through which response, and time 0 of resampled ones."""

from typing import NamedTuple

import numpy as np

from audioconv import io
from audioconv._typing import Array, ArrayLike
from audioconv.arrays import floating, time_first
from audioconv.errors import ArgumentError
from audioconv.io.paths import PathOrFile
from audioconv.stream.chain import Chain
from audioconv.stream.convolver import StreamConvolver


class Response(NamedTuple):
    """An impulse response that was read for a signal.

    Parameters
    ----------
    stage : Chain
        That convolves with it.
    mapping : str
        In words, which channel goes where.
    sample_rate : int, in Hz
        Of the file; it was resampled where that of the signal is another.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import audioconv as ac
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "room.wav"
    ...     _ = ac.write(file, np.array([1.0, 0.0, 0.5], "float32"), 48000, subtype="FLOAT")
    ...     room = ac.stream.read_response(file, 48000, channels=1)
    >>> room.mapping, room.sample_rate
    ('mono response', 48000)
    """

    stage: Chain
    mapping: str
    sample_rate: int


def read_response(path: PathOrFile, sample_rate: int, channels: int, *, true_stereo: bool = False) -> Response:
    """Read an impulse response as a stage for a signal of this sample rate and these channels.

    It is resampled if it has to be; the pre-ringing before its time 0 then is the stage's latency.

    Parameters
    ----------
    path : str, path or binary file object
        A sound file.
    sample_rate : int, in Hz
    channels : int
        Of the signal.
    true_stereo : bool
        See `response_matrix`.

    Returns
    -------
    Response
        (stage, mapping, sample_rate)

    Raises
    ------
    AudioFileError
        If the file cannot be read.
    ArgumentError
        If its channels do not fit the signal; see `response_matrix`.

    Examples
    --------
    >>> import numpy as np
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> import audioconv as ac
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "room.wav"
    ...     _ = ac.write(file, np.array([1.0, 0.0, 0.5], "float32"), 48000, subtype="FLOAT")
    ...     room = ac.stream.read_response(file, 48000, channels=1)
    >>> room.stage.process(np.array([1.0, 0.0, 0.0], "float32"))
    array([1. , 0. , 0.5], dtype=float32)
    """
    response, rate = io.read(path)
    try:
        response, mapping = response_matrix(response, channels, true_stereo=true_stereo)
    except ArgumentError as error:
        raise ArgumentError(f"{io.display_name(path)}: {error}") from error
    taps = response.reshape(len(response), -1)
    if not np.isfinite(taps).all():
        raise ArgumentError(f"{io.display_name(path)} holds samples that are not finite, and so is no impulse response")
    taps, ahead = io.resample_response(taps, rate, sample_rate, axis=0)
    convolver = StreamConvolver(taps.reshape(-1, *response.shape[1:]), channels=channels, sample_rate=sample_rate)
    convolver.latency += ahead  # taps before time 0 (pre-ringing) come first
    return Response(Chain([convolver]), mapping, rate)


def response_matrix(response: ArrayLike, channels: int, *, true_stereo: bool = False) -> tuple[Array, str]:
    """Assign the channels of an impulse response to those of a signal.

    Parameters
    ----------
    response : float array, shape (taps,) or (taps, columns)
    channels : int
        Of the signal.
    true_stereo : bool
        Four columns are the paths from left to left, left to right, right to left and right to right.

    Returns
    -------
    response : float array
        (taps,): one response for every channel. (taps, channels): one each. (taps, channels, out_channels): a matrix,
        for a mono signal and several columns, which becomes one of as many channels, and for true stereo.
    mapping : str
        The same in words.

    Raises
    ------
    ArgumentError
        If the columns do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> response, mapping = response_matrix(np.ones((100, 2), "float32"), 1)
    >>> response.shape, mapping
    ((100, 1, 2), 'mono in, one response for each of 2 channels out')
    """
    taps = time_first(floating(response, "response", (1, 2)), "response")
    columns = 1 if taps.ndim == 1 else taps.shape[1]
    if true_stereo:
        if (channels, columns) != (2, 4):
            raise ArgumentError(f"true stereo is an impulse response of 4 channels (LL LR RL RR) on a signal of 2, "
                                f"not {columns} on {channels}")  # fmt: skip
        return taps.reshape(-1, 2, 2), "true stereo, LL LR RL RR"
    if columns == 1:
        return taps.reshape(-1), "one response for every channel" if channels > 1 else "mono response"
    if columns == channels:
        return taps, f"one response for each of {channels} channels"
    if channels == 1:
        return taps.reshape(-1, 1, columns), f"mono in, one response for each of {columns} channels out"
    advice = "; four on a file of two are true stereo (LL LR RL RR) if that is said" if columns == 4 else ""
    raise ArgumentError(f"the impulse response has {columns} channels for a file of {channels}; wanted is one, or as "
                        f"many as the file{advice}")  # fmt: skip
