"""Scores of sound events by the field's own scorers, sed_eval and psds_eval."""

import sys
import types
import warnings

import numpy as np

sys.modules.setdefault("pkg_resources", types.ModuleType("pkg_resources"))  # which dcase_util asks for versions only

try:
    import pandas as pd
    import sed_eval
    from psds_eval import PSDSEval
except ImportError:
    sed_eval = None

SEGMENT_S, COLLAR_S = 1.0, 0.2
DTC, GTC, CTTC, MOST_EFPR = 0.5, 0.5, 0.3, 100  # of PSDS; cross-triggers do not count, classes count by their mean


def found_by_sed_eval(truth, found, duration_s):
    """F1 of segments and of onsets, over all decisions and as the mean over classes.

    truth, found: of each recording a list of (onset_s, offset_s, label).
    """
    labels = sorted({label for each in truth for *_, label in each})
    segments = sed_eval.sound_event.SegmentBasedMetrics(labels, time_resolution=SEGMENT_S)
    onsets = sed_eval.sound_event.EventBasedMetrics(labels, t_collar=COLLAR_S, evaluate_offset=False)
    for i, both in enumerate(zip(truth, found, strict=True)):
        known, told = ([_row(i, *event) for event in each] for each in both)
        segments.evaluate(known, told, evaluated_length_seconds=duration_s)
        onsets.evaluate(known, told)
    row = {}
    for name, metrics in (("segment", segments), ("event", onsets)):
        overall = metrics.results_overall_metrics()["f_measure"]
        row |= {f"{name} {key}": overall[key] for key in ("f_measure", "precision", "recall")}
        row[f"{name} f_measure, mean of classes"] = metrics.results_class_wise_average_metrics()["f_measure"][
            "f_measure"
        ]
    return row


def found_by_psds_eval(truth, points, duration_s):
    """PSDS of what is found at each of several thresholds."""
    names = [f"{i}.wav" for i in range(len(truth))]
    metadata = pd.DataFrame({"filename": names, "duration": duration_s})
    scorer = _Psds(
        ground_truth=_table(truth), metadata=metadata, dtc_threshold=DTC, gtc_threshold=GTC, cttc_threshold=CTTC
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of pandas
        for found in points:
            scorer.add_operating_point(_table(found))
        return float(scorer.psds(alpha_ct=0.0, alpha_st=0.0, max_efpr=MOST_EFPR).value)


def _row(recording, onset_s, offset_s, label):
    return {"file": f"{recording}.wav", "onset": onset_s, "offset": offset_s, "event_label": label}


def _table(events):
    """Events as psds_eval takes them; such as last no time it refuses."""
    rows = [
        (f"{i}.wav", onset_s, offset_s, label)
        for i, each in enumerate(events)
        for onset_s, offset_s, label in each
        if offset_s > onset_s
    ]
    return pd.DataFrame(rows, columns=["filename", "onset", "offset", "event_label"])


if sed_eval is not None:

    class _Psds(PSDSEval):
        """psds_eval 0.5.3 makes an int of an array of one number, which NumPy refuses since 2.4.

        So the place where its curve ends is put in beforehand.
        """

        @staticmethod
        def _auc(x, y, max_x=None, decreasing_y=False):
            if max_x is not None and max_x not in x:
                i = int(np.searchsorted(x, max_x))
                x, y = np.insert(x, i, max_x), np.insert(y, i, y[i - 1])
            return PSDSEval._auc(x, y, max_x, decreasing_y)
