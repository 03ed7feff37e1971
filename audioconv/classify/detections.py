"""What a detector gives out: a word, when it was said, and how sure the detector was of it."""

from typing import Any, NamedTuple

import numpy as np


class Detection(NamedTuple):
    """One detected word or sound event.

    Parameters
    ----------
    label : str
    start_s, end_s : float
        When the word was said, estimated, in seconds from the start of the stream.
    score : float
        Of a word its smoothed posterior at the decision, which falls as soon as that has been at least the threshold
        for long enough: so a lower threshold decides earlier, and gives the same word a lower score. Of a sound event
        the mean posterior from its beginning to its end, which the threshold sets as well. Only scores at the same
        thresholds can be compared.

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
