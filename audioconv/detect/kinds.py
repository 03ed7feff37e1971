"""Which kind of model a file holds, told by its header; without what the model itself needs."""

import pathlib

from audioconv._typing import Path
from audioconv.io.model_file import stored_kind

SHIPPED = pathlib.Path(__file__).with_name("keywords.safetensors")  # made by data/make_model.py


def is_detector(path: Path) -> bool:
    """Tell whether a model file is that of a detector of keywords, rather than of a classifier of clips.

    Parameters
    ----------
    path : path

    Returns
    -------
    is_detector : bool

    Raises
    ------
    ModelFileError
        If it cannot be read as a model.

    Examples
    --------
    >>> from audioconv.detect import is_detector
    >>> is_detector("audioconv/detect/keywords.safetensors")
    True
    """
    return stored_kind(path) == "KeywordDetector"
