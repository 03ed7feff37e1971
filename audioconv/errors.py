"""The errors that audioconv raises. Each is also the built-in error that a caller would catch.

Every message says what was given and what is wanted.
"""


class AudioconvError(Exception):
    """Base of all errors raised on purpose by audioconv.

    Examples
    --------
    >>> import audioconv as ac
    >>> try:
    ...     ac.convolve([0.5, 1.0], [1.0], mode="middle")
    ... except ac.AudioconvError as error:
    ...     print(error)
    mode must be one of 'full', 'same', 'valid', 'causal', not 'middle'
    """


class ArgumentError(AudioconvError, ValueError):
    """An argument has a value that makes no sense here.

    Examples
    --------
    >>> import audioconv as ac
    >>> ac.LogMel(hop_ms=0)
    Traceback (most recent call last):
        ...
    audioconv.errors.ArgumentError: hop_ms must be ...
    """


class ShapeError(ArgumentError):
    """An array has the wrong number of dimensions or a length that does not fit.

    Examples
    --------
    >>> import audioconv as ac
    >>> ac.convolve([[0.5, 1.0]], [1.0])
    Traceback (most recent call last):
        ...
    audioconv.errors.ShapeError: ...
    """


class DtypeError(AudioconvError, TypeError):
    """An array is not of a floating type that audioconv computes in, or of another one than its stream.

    Examples
    --------
    >>> import audioconv as ac
    >>> ac.convolve([1, 2, 3], [1.0])
    Traceback (most recent call last):
        ...
    audioconv.errors.DtypeError: x must be float32 or float64, not int64; ...
    """


class AudioFileError(AudioconvError, OSError):
    """A sound file is missing, empty, cut short, not audio, or cannot be written.

    Examples
    --------
    >>> import audioconv as ac
    >>> ac.read("no such file.wav")
    Traceback (most recent call last):
        ...
    audioconv.errors.AudioFileError: no such file.wav does not exist; ...
    """


class AudioFileWarning(UserWarning):
    """A sound file was read in part, as was asked for, or written without something that its source has.

    Examples
    --------
    >>> import warnings
    >>> import audioconv as ac
    >>> with warnings.catch_warnings(action="error", category=ac.AudioFileWarning):
    ...     pass  # here it is raised
    """


class ModelFileError(AudioconvError, OSError):
    """A model file is missing, cut short, not a model, or of another version.

    Examples
    --------
    >>> import audioconv as ac
    >>> ac.KeywordClassifier.load("no such model")
    Traceback (most recent call last):
        ...
    audioconv.errors.ModelFileError: no such model does not exist; a model file is wanted
    """


class DownloadError(AudioconvError, OSError):
    """A public data set cannot be downloaded, is not what it should be, or cannot be unpacked.

    Examples
    --------
    >>> import audioconv as ac
    >>> try:  # what `audioconv data fetch` prints
    ...     raise ac.DownloadError("cannot reach the server of speech_commands")
    ... except OSError as error:
    ...     print(error)
    cannot reach the server of speech_commands
    """


class SoundDeviceError(AudioconvError, OSError):
    """A sound card is missing, cannot do what is asked, or what drives it is not installed.

    Examples
    --------
    >>> import audioconv as ac
    >>> with ac.live(ac.Gain(-6), device="no such card"):
    ...     pass
    Traceback (most recent call last):
        ...
    audioconv.errors.SoundDeviceError: ...
    """


class ClusterError(AudioconvError, OSError):
    """A Dask cluster does not answer, has no workers, or these have another version of audioconv.

    Examples
    --------
    >>> import audioconv as ac
    >>> try:
    ...     raise ac.ClusterError("the scheduler at tcp://10.0.0.1:8786 does not answer")
    ... except OSError as error:
    ...     print(error)
    the scheduler at tcp://10.0.0.1:8786 does not answer
    """


class BusyError(AudioconvError, RuntimeError):
    """A stateful object was entered by two threads at once.

    Examples
    --------
    >>> from audioconv.stage import Guard
    >>> guard = Guard("Chain")
    >>> with guard, guard:
    ...     pass
    Traceback (most recent call last):
        ...
    audioconv.errors.BusyError: a Chain was entered by two threads at once; give each thread its own
    """
