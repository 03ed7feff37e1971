"""The settings of all experiments of the lab."""

from collections.abc import Callable
from typing import NamedTuple


def _silent(text: str) -> None:
    """Announce nothing."""


class Settings(NamedTuple):
    """How thorough the experiments are, and where they say what they do.

    Parameters
    ----------
    quick : bool
        Whether to have a look only, in about a minute in all.
    threads : int, optional
        Default: `AUDIOCONV_THREADS`, or the cores of this process.
    announce : callable
        announce(text) is called with what is being done now; by default nothing is said.
    limit_s : float, optional
        For the comparison, which leaves out what does not fit; by default 450, quick 35.

    Examples
    --------
    >>> from audioconv.lab import Settings
    >>> Settings().seeds, Settings(quick=True).seeds
    ((0, 1, 2), (0,))
    """

    quick: bool = False
    threads: int | None = None
    announce: Callable[[str], object] = _silent
    limit_s: float | None = None

    def __repr__(self) -> str:
        return f"Settings(quick={self.quick}, threads={self.threads}, limit_s={self.limit_s})"

    @property
    def seeds(self) -> tuple[int, ...]:
        """Random states with which everything trained is repeated."""
        return (0,) if self.quick else (0, 1, 2)
