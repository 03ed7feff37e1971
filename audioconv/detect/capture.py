"""Sound around detections as files, so that those that were false alarms can be trained on."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audioconv import io
from audioconv._typing import Array, Float32Array
from audioconv.classify.detections import Detection
from audioconv.classify.progress import NoticeSink
from audioconv.errors import AudioFileError
from audioconv.stage import SampleQueue

BEFORE_S, AFTER_S = 2.2, 0.8  # of the end of a word: together less than a stretch that detectors are trained on
DELAY_S = 2.0  # that a detection may come after the end of its word
MOST_FILES = 1000  # of a run, 96 kB each
MOST_LABEL = 40  # characters of a file name


class Capture:
    """Writes the sound around each detection to a folder, as 16-bit WAV, until there are 1,000 files.

    Names are LABEL_STARTs_SCORE_NUMBER.wav; nothing is overwritten.

    Parameters
    ----------
    folder : path
        Is made if it is not there.
    sample_rate : int, in Hz
        Of the blocks.
    notices : NoticeSink
        Is told when no more is written.

    Attributes
    ----------
    count : int
        Files written.

    Raises
    ------
    AudioFileError
        If the folder cannot be made or written to.

    Examples
    --------
    >>> import os, tempfile
    >>> from audioconv.classify.progress import Notices
    >>> folder = tempfile.mkdtemp()
    >>> capture = Capture(folder, 16000, Notices(1))
    >>> capture.process(np.zeros(48000, "float32"), [])
    >>> capture.process(np.zeros(1600, "float32"), [Detection("yes", 2.5, 2.9, 0.93)])
    >>> capture.flush([])
    >>> os.listdir(folder)
    ['yes_2.50s_0.93_0001.wav']
    """

    def __init__(self, folder: Path | str, sample_rate: int, notices: NoticeSink) -> None:
        self._folder, self._rate, self._notices = Path(folder), sample_rate, notices
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise AudioFileError(f"{folder} cannot be a folder of captured sounds: {error.strerror}") from error
        self._heard = SampleQueue(np.empty(0, np.float32))
        self._first = 0  # the sample of the stream with which the queue begins
        self._waiting: list[Detection] = []
        self.count = 0

    def process(self, block: Array, detections: Sequence[Detection]) -> None:
        """Take a block of the stream, and the detections that it decided.

        Parameters
        ----------
        block : float32 array, shape (samples,)
        detections : sequence of Detection
        """
        heard: Float32Array = self._heard.append(block)
        self._waiting += detections
        end = self._first + len(heard)
        ready = [d for d in self._waiting if self._sample(d.end_s + AFTER_S) <= end]
        self._waiting = [d for d in self._waiting if self._sample(d.end_s + AFTER_S) > end]
        for detection in ready:
            self._write(detection)
        spare = len(heard) - self._sample(BEFORE_S + DELAY_S)
        if spare > 0 and not self._waiting:
            self._heard.drop(spare)
            self._first += spare

    def flush(self, detections: Sequence[Detection]) -> None:
        """Write what is still waiting for sound, at the end of the stream.

        Parameters
        ----------
        detections : sequence of Detection
            That the end of the stream decided.
        """
        for detection in (*self._waiting, *detections):
            self._write(detection)
        self._waiting = []

    def _sample(self, seconds: float) -> int:
        return round(seconds * self._rate)

    def _write(self, detection: Detection) -> None:
        begin, end = (self._sample(detection.end_s + s) - self._first for s in (-BEFORE_S, AFTER_S))
        samples = self._heard.items[max(0, begin) : max(0, end)]
        if self.count == MOST_FILES or not len(samples):
            return
        label = re.sub(r"[^\w\-]", "_", str(detection.label))[:MOST_LABEL]
        prefix = f"{label}_{detection.start_s:.2f}s_{detection.score:.2f}_"
        with io.next_numbered_path(self._folder, prefix) as path:
            io.write(path, samples.clip(-1, 1), self._rate, subtype="PCM_16")
        self.count += 1
        if self.count == MOST_FILES:
            self._notices.say(f"{MOST_FILES} detections are captured in {self._folder}; no more are written")
