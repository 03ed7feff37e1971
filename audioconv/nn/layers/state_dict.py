"""The arrays of a network by name, as they are taken over by another one."""

from collections.abc import Mapping

import numpy as np

from audioconv._typing import Array, ArrayLike
from audioconv.errors import ArgumentError, DtypeError, ModelFileError, ShapeError


def check_state_dict(state_dict: Mapping[str, ArrayLike], own: Mapping[str, Array]) -> None:
    """Raise an error if arrays have not the names and shapes of a network's own, or are not of real numbers.

    Raises
    ------
    ArgumentError, ModelFileError, ShapeError, DtypeError
    """
    if not isinstance(state_dict, Mapping):
        raise ArgumentError(f"state_dict must be a dict of arrays by name, not {state_dict!r}")
    if own.keys() != state_dict.keys():
        missing, unknown = sorted(own.keys() - state_dict.keys()), sorted(state_dict.keys() - own.keys())
        raise ModelFileError(f"the weights do not fit the network: missing {missing}, unknown {unknown}")
    for name, array in own.items():
        if np.shape(state_dict[name]) != array.shape:
            raise ShapeError(f"weight {name} must have shape {array.shape}, not {np.shape(state_dict[name])}")
        if (given := np.asarray(state_dict[name]).dtype).kind not in "fiu":
            raise DtypeError(f"weight {name} must be an array of real numbers, not of {given}")
