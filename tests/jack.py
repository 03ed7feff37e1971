"""A sound card for tests: JACK's dummy driver, which has no hardware and takes its time by the clock."""

import ctypes.util
import os
import shutil
import subprocess
import time
from contextlib import contextmanager


def missing():
    """What is not there of all that live sound needs, or None."""
    if not shutil.which("jackd"):
        return "jackd is not installed (Debian: jackd2)"
    if not ctypes.util.find_library("portaudio"):
        return "PortAudio is not installed (Debian: libportaudio2)"
    try:
        import sounddevice  # noqa: F401
    except (ImportError, OSError) as error:
        return f"sounddevice cannot be loaded: {error}"
    return None


@contextmanager
def server(block=64, rate_hz=48000):
    """A running JACK server, which PortAudio finds by the environment; its process.

    Its device "system" is silent; "loopback" hears what is played on it.
    """
    process = _started(block, rate_hz)
    try:
        _wait_for_portaudio()
        yield process
    finally:
        if process.poll() is None:
            _end_portaudio()  # while the server is there: PortAudio aborts where it finds none
        process.terminate()
        process.wait(10)


def _started(block, rate_hz):
    """A server under one of a few names: JACK has eight places, and keeps those of killed servers."""
    for name in (f"audioconv-{i}" for i in range(4)):
        os.environ |= {"JACK_DEFAULT_SERVER": name, "JACK_NO_AUDIO_RESERVATION": "1", "JACK_NO_START_SERVER": "1"}
        driver = ["-d", "dummy", "-r", str(rate_hz), "-p", str(block)]
        command = ["jackd", "--name", name, "--no-realtime", "-L", "1", *driver]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        if process.poll() is None:
            return process
    raise RuntimeError(f"jackd ended with code {process.returncode}, under four names")


def _end_portaudio():
    import sounddevice

    while sounddevice._initialized:
        sounddevice._terminate()


def _wait_for_portaudio():
    """Until PortAudio sees the server: it looks for devices when it begins, and not again."""
    import sounddevice

    for _ in range(100):
        _end_portaudio()
        sounddevice._initialize()
        if len(sounddevice.query_devices()):
            return
        time.sleep(0.1)
    raise RuntimeError("PortAudio does not find the JACK server")
