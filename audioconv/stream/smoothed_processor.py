"""The base of stages with several smoothed parameters, which change together."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from audioconv.stream.processor import Processor
from audioconv.stream.smoothed import SmoothedParameter


class SmoothedProcessor(Processor):
    """Base of stages whose parameters may be set at any time, and go in a straight line over the next block.

    A subclass declares them by `setting`, says in `_checks` how each is checked, by a function of value and name, and
    in `_numbers` what its step interpolates.
    """

    _checks: Mapping[str, Callable[..., float]]

    def __init__(self, channels: int, **values: float) -> None:
        super().__init__(channels)
        self._values = {name: self._checks[name](value, name) for name, value in values.items()}
        self._smoothed = SmoothedParameter(self._numbers(self._values))

    @abstractmethod
    def _numbers(self, values: dict[str, float]) -> Any:
        """What the step interpolates, a row of its layout."""

    def _set(self, name: str, value: float) -> None:
        values = self._values | {name: self._checks[name](value, name)}
        self._smoothed.target, self._values = self._numbers(values), values

    def _reset(self) -> None:
        self._smoothed.settle()


def setting(name: str, doc: str) -> Any:
    """A property that is a parameter of a `SmoothedProcessor`."""

    def get(self: SmoothedProcessor) -> float:
        return self._values[name]

    def put(self: SmoothedProcessor, value: float) -> None:
        self._set(name, value)

    return property(get, put, doc=doc)
