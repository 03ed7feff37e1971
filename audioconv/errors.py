"""The errors that audioconv raises. Each is also the built-in error that a caller would catch.

Every message says what was given and what is wanted.
"""


class AudioconvError(Exception):
    """Base of all errors raised on purpose by audioconv."""


class ArgumentError(AudioconvError, ValueError):
    """An argument has a value that makes no sense here."""


class ShapeError(ArgumentError):
    """An array has the wrong number of dimensions or a length that does not fit."""


class DtypeError(AudioconvError, TypeError):
    """An array is not of a floating type that audioconv computes in, or of another one than its stream."""


class AudioFileError(AudioconvError, OSError):
    """A sound file is missing, empty, cut short, not audio, or cannot be written."""


class AudioFileWarning(UserWarning):
    """A sound file was read in part, as was asked for, or written without something that its source has."""


class ModelFileError(AudioconvError, OSError):
    """A model file is missing, cut short, not a model, or of another version."""


class DownloadError(AudioconvError, OSError):
    """A public data set cannot be downloaded, is not what it should be, or cannot be unpacked."""


class SoundDeviceError(AudioconvError, OSError):
    """A sound card is missing, cannot do what is asked, or what drives it is not installed."""


class BusyError(AudioconvError, RuntimeError):
    """A stateful object was entered by two threads at once."""
