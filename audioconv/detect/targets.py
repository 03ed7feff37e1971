"""What a detector's network is taught to say at each of its rows."""

from collections.abc import Sequence

import numpy as np

from audioconv._typing import Float32Array
from audioconv.arrays import number, whole
from audioconv.detect.mixtures import Span
from audioconv.errors import ArgumentError

CUT_OFF = 1 / 3  # a keyword that lacks more than this share of its beginning is not taught


def frame_targets(
    spans: Sequence[Span],
    rows: int,
    row_hop: int,
    row_end: int,
    keywords: int,
    *,
    sample_rate: int = 16000,
    lag_s: float = 0.06,
    window_s: float = 0.16,
    ignore_before: float = 0.5,
    ignore_after_s: float = 0.36,
    warmup_s: float = 0.0,
) -> Float32Array:
    """Make the targets of the rows of a stretch of sound.

    A keyword is to be said for a while soon after its end. Rows around that, from somewhere in the word on, are
    ignored: there it is neither right nor wrong to have recognised it. All others are background. A keyword that began
    long before the stretch is ignored as a whole. Where the window of a keyword meets what is ignored for another, or
    the warm-up, it is taught; where two windows meet, the one of the word that ends later.

    Parameters
    ----------
    spans : sequence of Span
        The keywords of the stretch, as `MixtureGenerator.draw` gives them.
    rows : int >= 0
    row_hop : int, in samples
        From row to row.
    row_end : int, in samples
        How much of the stretch the network has seen when row 0 is complete; row r when it has seen `row_end + r *
        row_hop`.
    keywords : int
        How many there are.
    sample_rate : int, in Hz
    lag_s : float, in seconds
        The first row to say a keyword is the first that is complete so long after its end.
    window_s : float > 0, in seconds
        For how long rows say it.
    ignore_before : float, from 0 to 1
        The share of the word after which rows are ignored.
    ignore_after_s : float >= 0, in seconds
        Until when after the end of the word rows are ignored.
    warmup_s : float >= 0, in seconds
        Rows that have seen less than this of the stretch are ignored.

    Returns
    -------
    targets : float32 array, shape (rows, 1 + keywords)
        A one in each row: in column 0 for background, else in column 1 + label index. Rows of zeros are ignored by
        `nn.SoftmaxCrossEntropy`.

    Raises
    ------
    ArgumentError
        For numbers out of their range, and for labels that there are not.

    Examples
    --------
    A word of 0.3 s in a stretch of 1.2 s, with rows of 50 ms; ignored rows are shown as `.`, background as `0`:

    >>> from audioconv.detect import Span, frame_targets
    >>> targets = frame_targets([Span(1, 4800, 9600)], 24, 800, 800, 2)
    >>> "".join("." if not row.any() else str(row.argmax()) for row in targets)
    '000000000....222...00000'
    """
    rows, row_hop, row_end = whole(rows, "rows", 0), whole(row_hop, "row_hop"), whole(row_end, "row_end", 0)
    keywords, rate = whole(keywords, "keywords"), whole(sample_rate, "sample_rate")
    lag = round(number(lag_s, "lag_s") * rate)
    window = round(number(window_s, "window_s", above=0) * rate)
    number(ignore_before, "ignore_before", 0, 1)
    after = round(number(ignore_after_s, "ignore_after_s", 0) * rate)
    _check_spans(spans, keywords)
    seen = row_end + row_hop * np.arange(rows)
    targets = np.zeros((rows, 1 + keywords), np.float32)
    targets[seen >= number(warmup_s, "warmup_s", 0) * rate, 0] = 1
    for _, begin, end in spans:
        targets[(seen > begin + ignore_before * (end - begin)) & (seen < end + after)] = 0
        targets[(seen >= end + lag) & (seen < end + lag + window)] = 0
    for label_index, begin, end in sorted(spans, key=lambda span: span.end):
        if -begin <= CUT_OFF * (end - begin):
            window_rows = (seen >= end + lag) & (seen < end + lag + window)
            targets[window_rows] = 0
            targets[window_rows, 1 + label_index] = 1
    return targets


def activity_targets(
    spans: Sequence[Span], rows: int, row_hop: int, row_end: int, classes: int, *, lag: int = 0
) -> Float32Array:
    """Make the targets of the rows of a stretch of sound for `nn.BinaryCrossEntropy`: which classes sound.

    Parameters
    ----------
    spans : sequence of Span
        The sounds of the stretch; they may overlap, begin before it and end after it.
    rows : int >= 0
    row_hop, row_end : int, in samples
        As of `frame_targets`.
    classes : int
        How many there are.
    lag : int >= 0, in samples
        How far behind the sound rows answer.

    Returns
    -------
    targets : float32 array, shape (rows, classes)
        1 where a class sounded when the row was complete, `lag` samples earlier; else 0.

    Raises
    ------
    ArgumentError
        For numbers out of their range, and for labels that there are not.

    Examples
    --------
    Two sounds in a stretch of 0.6 s, with rows of 50 ms:

    >>> from audioconv.detect import Span, activity_targets
    >>> targets = activity_targets([Span(0, 1600, 6400), Span(1, 4800, 9600)], 12, 800, 800, 2)
    >>> for row in targets.T:
    ...     print("".join("-#"[int(value)] for value in row))
    -######-----
    -----######-
    """
    rows, row_hop, row_end = whole(rows, "rows", 0), whole(row_hop, "row_hop"), whole(row_end, "row_end", 0)
    _check_spans(spans, whole(classes, "classes"))
    heard = row_end + row_hop * np.arange(rows) - whole(lag, "lag", 0)
    targets = np.zeros((rows, classes), np.float32)
    for label_index, begin, end in spans:
        targets[(heard >= begin) & (heard < end), label_index] = 1
    return targets


def _check_spans(spans: Sequence[Span], labels: int) -> None:
    if wrong := [span for span in spans if not 0 <= span.label_index < labels or span.end < span.begin]:
        raise ArgumentError(f"a span has a label index below {labels}, and begins before it ends, unlike {wrong[0]}")
