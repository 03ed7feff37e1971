"""What convolution buys: the ideas of the field as experiments that run, reported on one page of numbers and pictures.

Reference: Goodfellow, Bengio, Courville, Deep Learning (2016), chapter 9.
"""

import importlib
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from audioconv._typing import Path
from audioconv.arrays import choice
from audioconv.lab.settings import Settings

Experiment: TypeAlias = Literal["comparison", "sparse", "sharing", "pooling", "prior", "dilated", "fast"]

EXPERIMENTS: dict[Experiment, str] = {  # modules of this folder, each with a function show(report, settings)
    "comparison": "networks of equal budget on images and words",
    "sparse": "sparse interactions: connections, pruned kernels, receptive fields",
    "sharing": "parameter sharing: one set of weights, a few, or one for each place",
    "pooling": "pooling: what shifts do to outputs and to accuracy",
    "prior": "convolution as a dense layer with an infinitely strong prior",
    "dilated": "dilated and transposed convolution",
    "fast": "fast algorithms: what a convolution costs, measured and predicted",
}

__all__ = ["EXPERIMENTS", "Settings", "run"]


def run(path: Path, names: Iterable[Experiment] = (), settings: Settings | None = None) -> dict[Experiment, Any]:
    """Run experiments and write one page about them.

    Parameters
    ----------
    path : path
        Of the page, .html.
    names : iterable of str
        Keys of `EXPERIMENTS`; by default all.
    settings : Settings, optional
        How thorough they are; by default all of them are run with three seeds.

    Returns
    -------
    found : dict of str -> object
        By name, what each experiment found.

    Raises
    ------
    ArgumentError
        For a name that is none of them.

    Examples
    --------
    >>> from audioconv import lab
    >>> lab.run("page.html", names=["convolutional"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    audioconv.errors.ArgumentError: experiment must be one of 'comparison', ..., not 'convolutional'
    """
    from audioconv.report import Report

    settings = Settings() if settings is None else settings
    chosen: list[Experiment] = [choice(name, "experiment", tuple(EXPERIMENTS)) for name in names]
    chosen = chosen or list(EXPERIMENTS)
    report = Report("What convolution buys")
    found: dict[Experiment, Any] = {}
    report.text(
        "Every number on this page comes from the run that made it. The ideas are those of chapter 9 of Deep Learning "
        "by Goodfellow, Bengio and Courville (2016)."
    )
    try:
        for name in chosen:
            found[name] = importlib.import_module(f"audioconv.lab.{name}").show(report, settings)
    except KeyboardInterrupt:
        report.text(f"Interrupted: {', '.join(name for name in chosen if name not in found)} not finished.")
        raise
    finally:
        report.save(path)
    return found
