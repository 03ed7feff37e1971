"""Which sound devices there are, as PortAudio sees them."""

from typing import NamedTuple

from audioconv.errors import SoundDeviceError

LOUDSPEAKERS = 8  # channels of output, at most, that are all taken for loudspeakers


class Device(NamedTuple):
    """A sound device."""

    index: int  # to be given as `device`
    name: str
    driver: str  # which serves it: ALSA, JACK, Core Audio, WASAPI, ...
    input_channels: int
    output_channels: int
    sample_rate: float  # Hz, that it has if nobody asks for another
    default_input: bool  # it is heard if no device is named
    default_output: bool  # it plays if no device is named


def devices():
    """List the sound devices.

    Returns
    -------
    list of Device
        (index, name, driver, input_channels, output_channels, sample_rate, default_input, default_output); empty where
        there are none.

    Raises
    ------
    SoundDeviceError
        If sounddevice or PortAudio are not installed.

    Examples
    --------
    >>> import audioconv as ac
    >>> [device.name for device in ac.devices() if device.input_channels]  # doctest: +SKIP
    ['Built-in Microphone']
    """
    library = sounddevice()
    drivers, heard, played = library.query_hostapis(), _default(library, "input"), _default(library, "output")
    return [
        Device(i, each["name"], drivers[each["hostapi"]]["name"], each["max_input_channels"],
               each["max_output_channels"], float(each["default_samplerate"]), i == heard, i == played)
        for i, each in enumerate(library.query_devices())
    ]  # fmt: skip


def named(device):
    """A device as it was typed: a number, or a part of a name."""
    return int(device) if device is not None and device.strip().lstrip("-").isdigit() else device


def default_sample_rate(device=None, kind="duplex"):
    """The sample rate, in Hz, that a device has if nobody asks for another."""
    return round(_about(device, "input" if kind == "input" else "output")["default_samplerate"])


def loudspeakers(device=None):
    """How many channels of a device sound where a signal has one: all, or two if it has more than loudspeakers do.

    Drivers offer 32 or 64 channels, which are no loudspeakers, where they do not know what is behind them.
    """
    channels = _about(device, "output")["max_output_channels"]
    return channels if channels <= LOUDSPEAKERS else 2


def _about(device, kind):
    library = sounddevice()
    if isinstance(device, tuple | list):
        device = device[0 if kind == "input" else 1]
    try:
        return library.query_devices(device, kind)
    except (library.PortAudioError, ValueError) as error:
        raise SoundDeviceError(f"{error}; there are: {there_are()}") from error


def there_are():
    """The devices in words."""
    names = [f"{i} {device['name']}" for i, device in enumerate(sounddevice().query_devices())]
    return ", ".join(names) or "no sound devices"


def sounddevice():
    """The library, or advice on how to get it."""
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise SoundDeviceError("live sound needs sounddevice: pip install 'audioconv[live]'") from error
    except OSError as error:  # sounddevice is there, and PortAudio is not
        raise SoundDeviceError(f"live sound needs PortAudio ({error}); on Debian: apt install libportaudio2") from error
    return sounddevice


def _default(library, kind):
    """The index of the device that hears or plays if none is named, or None."""
    try:
        return library.query_devices(None, kind)["index"]
    except (library.PortAudioError, ValueError):
        return None
