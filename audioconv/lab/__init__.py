"""What convolution buys: the ideas of the field as experiments that run, told in one page of numbers and pictures.

Reference: Goodfellow, Bengio, Courville, Deep Learning (2016), chapter 9.
"""

import importlib
from collections.abc import Sequence
from typing import Any

from audioconv._typing import Path
from audioconv.arrays import choice
from audioconv.lab.settings import Settings

EXPERIMENTS = {  # modules of this folder, each with a function show(report, settings)
    "comparison": "networks of equal budget on images and words",
    "sparse": "sparse interactions: connections, pruned kernels, receptive fields",
    "sharing": "parameter sharing: one set of weights, a few, or one for each place",
    "pooling": "pooling: what shifts do to outputs and to accuracy",
    "prior": "convolution as a dense layer with an infinitely strong prior",
    "dilated": "dilated and transposed convolution",
    "fast": "fast algorithms: what a convolution costs, measured and predicted",
}

__all__ = ["EXPERIMENTS", "Settings", "run"]


def run(path: Path, names: Sequence[str] = (), settings: Settings = Settings()) -> dict[str, Any]:  # noqa: B008 - a tuple
    """Run experiments and write one page about them.

    Parameters
    ----------
    path : path of the page, .html
    names : sequence of str, of `EXPERIMENTS`
        By default all.
    settings : Settings

    Returns
    -------
    dict of name -> what the experiment returned

    Raises
    ------
    ArgumentError
        For a name that is none of them.
    """
    from audioconv.report import Report

    names = [choice(name, "experiment", tuple(EXPERIMENTS)) for name in names] or list(EXPERIMENTS)
    report, found = Report("What convolution buys"), {}
    report.text(
        "Every number on this page comes from the run that made it. The ideas are those of chapter 9 of Deep Learning "
        "by Goodfellow, Bengio and Courville (2016)."
    )
    try:
        for name in names:
            found[name] = importlib.import_module(f"audioconv.lab.{name}").show(report, settings)
    except KeyboardInterrupt:
        report.text(f"Interrupted: {', '.join(name for name in names if name not in found)} not finished.")
        raise
    finally:
        report.save(path)
    return found
