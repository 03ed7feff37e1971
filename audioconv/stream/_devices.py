"""Which sound devices there are, as PortAudio sees them."""

from typing import Any, Literal, NamedTuple, TypeAlias

from audioconv.errors import SoundDeviceError

Kind: TypeAlias = Literal["duplex", "input", "output"]
DeviceName: TypeAlias = int | str | tuple[int | str | None, int | str | None] | list[int | str | None] | None
LOUDSPEAKERS = 8  # most channels of output that are all taken for loudspeakers


class Device(NamedTuple):
    """A sound device, as `devices` lists them.

    Parameters
    ----------
    index : int
        To be given as `device`.
    name : str
    driver : str
        Which serves it: ALSA, JACK, Core Audio, WASAPI, ...
    input_channels, output_channels : int
    sample_rate : float, in Hz
        Its default.
    default_input, default_output : bool
        Whether it is the input, and the output, if no device is named.

    Examples
    --------
    >>> card = Device(0, "USB Audio", "ALSA", 2, 2, 48000.0, True, True)
    >>> card.name, card.output_channels
    ('USB Audio', 2)
    """

    index: int  # type: ignore[assignment]  # a tuple's method `index` is not needed here
    name: str
    driver: str
    input_channels: int
    output_channels: int
    sample_rate: float
    default_input: bool
    default_output: bool


def devices() -> list[Device]:
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
    drivers = library.query_hostapis()
    input_number, output_number = _default(library, "input"), _default(library, "output")
    return [
        Device(i, each["name"], drivers[each["hostapi"]]["name"], each["max_input_channels"],
               each["max_output_channels"], float(each["default_samplerate"]), i == input_number, i == output_number)
        for i, each in enumerate(library.query_devices())
    ]  # fmt: skip


def named(device: str | None) -> str | int | None:
    """A device as it was typed: a number, or a part of a name."""
    return int(device) if device is not None and device.strip().lstrip("-").isdigit() else device


def default_sample_rate(device: DeviceName = None, kind: Kind = "duplex") -> int:
    """The default sample rate of a device, in Hz."""
    rate_hz: float = _about(device, "input" if kind == "input" else "output")["default_samplerate"]
    return round(rate_hz)


def loudspeakers(device: DeviceName = None) -> int:
    """How many channels of a device play a mono signal: all, or two if it has more than `LOUDSPEAKERS`.

    Drivers offer 32 or 64 channels, which are no loudspeakers, where they do not know what is behind them.
    """
    channels: int = _about(device, "output")["max_output_channels"]
    return channels if channels <= LOUDSPEAKERS else 2


def _about(device: DeviceName, kind: str) -> Any:
    library = sounddevice()
    if isinstance(device, tuple | list):
        device = device[0 if kind == "input" else 1]
    try:
        return library.query_devices(device, kind)
    except (library.PortAudioError, ValueError) as error:
        if device is None:
            raise SoundDeviceError(f"there is no default {kind} device; there are: {there_are()}") from error
        raise SoundDeviceError(f"{error}; there are: {there_are()}") from error


def there_are() -> str:
    """The devices as text."""
    names = [f"{i} {device['name']}" for i, device in enumerate(sounddevice().query_devices())]
    return ", ".join(names) or "no sound devices"


def sounddevice() -> Any:
    """The library, or advice on how to get it."""
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise SoundDeviceError("live sound needs sounddevice: pip install 'audioconv[live]'") from error
    except OSError as error:  # sounddevice is there, and PortAudio is not
        raise SoundDeviceError(f"live sound needs PortAudio ({error}); on Debian: apt install libportaudio2") from error
    return sounddevice


def _default(library: Any, kind: str) -> int | None:
    """The index of the default input or output device, or None."""
    try:
        index: int = library.query_devices(None, kind)["index"]
    except (library.PortAudioError, ValueError):
        return None
    return index
