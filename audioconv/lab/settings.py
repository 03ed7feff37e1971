"""What all experiments of the lab are told."""

from collections.abc import Callable
from typing import NamedTuple


class Settings(NamedTuple):
    """How thorough the experiments are, and where they say what they do."""

    quick: bool = False  # a look, in about a minute in all
    threads: int | None = None
    announce: Callable[[str], object] = lambda text: None  # called with what is being done now
    limit_s: float | None = None  # for the comparison, which leaves out what does not fit; by default 450, quick 35

    @property
    def seeds(self) -> tuple[int, ...]:
        """Random states with which everything trained is repeated."""
        return (0,) if self.quick else (0, 1, 2)
