"""What a detector gives out: a word, when it was said, and how sure the detector was of it."""

from typing import Any, NamedTuple

import numpy as np


class Detection(NamedTuple):
    """One detected word.

    Parameters
    ----------
    label : str
    start_s, end_s : float
        When the word was said, estimated, in seconds from the start of the stream.
    score : float
        Its smoothed posterior at the decision.

    Examples
    --------
    >>> from audioconv import Detection
    >>> Detection("yes", 1.05, 1.43, 0.934)
    Detection('yes' at 1.05 to 1.43 s, score 0.934)
    """

    label: Any
    start_s: float
    end_s: float
    score: float

    def __repr__(self) -> str:
        label = self.label.item() if isinstance(self.label, np.generic) else self.label
        return f"Detection({label!r} at {self.start_s:.2f} to {self.end_s:.2f} s, score {self.score:.3f})"
