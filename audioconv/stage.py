"""The contract of everything that works block by block, and what its implementations share.

The guard (a lock) against two threads in one state, the check on blocks, and the queue of samples between blocks.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, Protocol, runtime_checkable
from weakref import WeakSet

import numpy as np

from audioconv._typing import Array
from audioconv._wording import counted
from audioconv.arrays import MOST_CHANNELS, floating
from audioconv.errors import ArgumentError, BusyError, DtypeError, ShapeError


@runtime_checkable
class Stage(Protocol):
    """Protocol of streaming objects (stages).

    The blocks returned by `process`, joined, and then `flush()` equal `latency` zeros followed by the result of
    the same operation on the whole signal, cut in any way. After `flush` a stage is as after `reset`.

    Examples
    --------
    >>> import audioconv as ac
    >>> isinstance(ac.Gain(), ac.Stage)
    True
    """

    @property
    def latency(self) -> int:
        """Delay of the results in samples (in frames for streams of frames)."""

    def process(self, block: Any) -> Any:
        """Take the next block and return what is due.

        Parameters
        ----------
        block : array, shape (samples, ...)
            Of any length.

        Returns
        -------
        y : array
        """

    def flush(self) -> Any:
        """End the signal: return what is still due and start afresh.

        Returns
        -------
        y : array
        """

    def reset(self) -> None:
        """Forget the signal so far."""


class Guard:
    """A context that one thread at a time may hold; a second one gets a BusyError and changes nothing.

    Guards of stages that work together share one lock: who holds one of them holds them all.
    """

    def __init__(self, owner: str) -> None:
        self._owner, self.live = owner, False
        self.lock = threading.Lock()  # used directly where speed counts: `with` takes 0.4 us instead of 0.15
        self._sharing = WeakSet([self])

    def __enter__(self) -> None:
        if not self.lock.acquire(False):
            raise self.busy()

    def __exit__(self, *error: object) -> None:
        self.lock.release()

    def busy(self) -> BusyError:
        """The error for the second thread; it says if a sound card holds the lock."""
        if self.live:
            return BusyError(f"this {self._owner} is being played live; stop it first")
        part = ", or while what it is a part of was at work" if len(self._sharing) > 1 else ""
        return BusyError(f"a {self._owner} was entered by two threads at once{part}; give each thread its own")

    def mark(self, live: bool) -> None:
        """Note in all guards with this one's lock whether a sound card holds it."""
        for guard in self._sharing:
            guard.live = live

    def share(self, others: Iterable["Guard"]) -> None:
        """Share one lock with other guards, and with all that share theirs.

        Raises
        ------
        BusyError
            If one of them is held; none is changed then.
        """
        guards, held = [self, *others], dict[int, threading.Lock]()
        for guard in guards:
            if id(guard.lock) not in held:
                if not guard.lock.acquire(False):
                    for lock in held.values():
                        lock.release()
                    raise guard.busy()
                held[id(guard.lock)] = guard.lock
        # The former locks stay held, so that a thread which has just looked one up is turned away.
        lock, sharing = threading.Lock(), WeakSet(each for guard in guards for each in guard._sharing)
        for guard in sharing:
            guard.lock, guard._sharing = lock, sharing

    def __getstate__(self) -> str:
        return self._owner

    def __setstate__(self, owner: str) -> None:
        Guard.__init__(self, owner)  # copies have locks of their own


class GuardedStage(ABC):
    """Base of stages that one thread at a time may enter.

    The public `process`, `flush` and `reset` hold the guard around `_process`, `_flush`, `_reset` of a subclass. A
    caller that holds the guard already, such as a chain, calls the latter.
    """

    _guard: Guard

    def process(self, block: Any) -> Any:
        """Take the next block and return what is due.

        Parameters
        ----------
        block : array, shape (samples, ...)
            Of any length; of the stage's channels and dtype.

        Returns
        -------
        y : array

        Raises
        ------
        ShapeError, DtypeError, BusyError
            The stage stays as it was.
        """
        with self._guard:
            return self._process(block)

    def flush(self) -> Any:
        """End the signal: return what is still due, and start afresh.

        Returns
        -------
        y : array
            Shaped like the results of the blocks before.

        Raises
        ------
        BusyError
            If another thread or a sound card is in the stage, or in one that it is a part of.
        """
        with self._guard:
            return self._flush()

    def reset(self) -> None:
        """Forget the signal so far.

        Raises
        ------
        BusyError
            If another thread or a sound card is in the stage, or in one that it is a part of.
        """
        with self._guard:
            self._reset()

    @abstractmethod
    def _process(self, block: Any) -> Any: ...

    @abstractmethod
    def _flush(self) -> Any: ...

    @abstractmethod
    def _reset(self) -> None: ...

    def _parameters(self) -> dict[str, Any]:
        """The main parameters by name, for `repr`."""
        return {}

    def __repr__(self) -> str:
        return described(type(self).__name__, self._parameters())


def described(name: str, parameters: dict[str, Any]) -> str:
    """One line that says what an object is and its main parameters.

    Examples
    --------
    >>> described("Gain", {"gain_db": -6.0000001, "channels": 2})
    'Gain(gain_db=-6, channels=2)'
    """
    return f"{name}({', '.join(f'{key}={value_text(value)}' for key, value in parameters.items())})"


def value_text(value: Any) -> str:
    """A parameter as text, numbers rounded to what a reader wants to see."""
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


# --- blocks -----------------------------------------------------------------------------------------------


def checked_block(
    block: Any,
    dtype: np.dtype[Any] | None,
    shapes: tuple[tuple[int, ...], ...],
    *,
    stage: Any = None,
    name: str = "block",
    unit: str = "samples",
    finite: bool = False,
) -> Array:
    """Return a block as an array if a stream takes it, or raise an error that says why.

    Parameters
    ----------
    block : array_like
    dtype : numpy.dtype, optional
        float32, float64 or a complex one; by default float32 or float64.
    shapes : tuple of shapes
        Those of an item (a sample or a frame) that are taken: () is one channel without an axis of its own.
    stage : object, optional
        What takes the block; the message for another shape then says what to do, by `channels_advice`.
    name, unit : str
        What to call the block and its items in a message.
    finite : bool
        Whether to refuse NaN and infinity.

    Raises
    ------
    DtypeError, ShapeError, ArgumentError
    """
    array = np.asarray(block)
    if array.dtype != dtype and (dtype is None or dtype.kind == "f"):
        array = floating(array, name)  # brings it to the byte order of this machine, or says what is wrong with it
    if dtype is not None and array.dtype != dtype:
        raise DtypeError(f"{name} must be {dtype}, not {array.dtype}; convert with {name}.astype('{dtype}')")
    if not array.ndim or array.shape[1:] not in shapes:
        expected = " or ".join(str((unit, *shape)).replace("'", "") for shape in shapes)
        advice = "" if stage is None else channels_advice(stage, array.shape, name)
        raise ShapeError(f"{name} must have shape {expected}, not {array.shape}{advice}")
    if finite and not np.isfinite(array).all():
        index = np.flatnonzero(~np.isfinite(array).reshape(len(array), -1).all(axis=1))[0]
        raise ArgumentError(f"{name} must be finite, but sample {index} is not")
    return array


def sample_shapes(channels: int) -> tuple[tuple[int, ...], ...]:
    """The shapes of a sample of `channels` channels: one needs no axis of its own."""
    return ((1,), ()) if channels == 1 else ((channels,),)


def for_channels(stage: Any, channels: int) -> str:
    """How a stage like this one is made for `channels`, as text; a class may say it in `_for_channels`."""
    template: str = getattr(stage, "_for_channels", "{name}(..., channels={0})")
    return template.format(channels, name=type(stage).__name__, rows=counted(channels, "row"))


def channels_advice(stage: Any, shape: tuple[int, ...], name: str = "block") -> str:
    """Advice for a block of another shape than a stage takes; a stage without `channels` is for one channel."""
    if len(shape) not in (1, 2):
        return ""
    if not hasattr(stage, "channels"):
        axis = int(np.argmin(shape))
        return f"; {type(stage).__name__} takes one channel: give one of them, or their mean, {name}.mean(axis={axis})"
    columns, helps, channels = 1 if len(shape) == 1 else max(1, shape[1]), [], stage.channels or 1
    if len(shape) == 2 and 0 < shape[0] < columns:
        helps.append(f"give {name}.T if it is (channels, samples)")
    if not helps or (shape[0] != channels and columns <= MOST_CHANNELS):
        helps.append(f"this {type(stage).__name__} is made for {counted(channels, 'channel')}, and one for {columns} "
                     f"is made with {for_channels(stage, columns)}")  # fmt: skip
    return "; " + "; ".join(helps)


# --- between blocks ---------------------------------------------------------------------------------------


class SkipFirst:
    """Drops the first items of a sequence of blocks: latency, or what padding has made.

    Examples
    --------
    >>> skip = SkipFirst(3)
    >>> [skip([1, 2]), skip([3, 4]), skip([5])]
    [[], [4], [5]]
    """

    def __init__(self, count: int) -> None:
        self.left = count

    def __call__(self, block: Any) -> Any:
        """The block without those of its items that are to be left out."""
        rest = block[self.left :]
        self.left = max(0, self.left - len(block))
        return rest


def without_latency(stage: Stage, blocks: Iterable[Any]) -> Iterator[Any]:
    """The output of a stage for blocks, its flush included, without the first `latency` items."""
    skip = SkipFirst(stage.latency)
    for block in blocks:
        yield skip(stage.process(block))
    yield skip(stage.flush())


def frame_count(samples: int, length: int, hop: int) -> int:
    """How many frames of `length` samples, from one to the next `hop`, lie inside a signal.

    Examples
    --------
    >>> frame_count(16000, 400, 160)
    98
    """
    return max(0, 1 + (samples - length) // hop)


class SampleQueue:
    """A queue (FIFO) of items between blocks: until a frame is complete, or they are taken.

    Attributes
    ----------
    items : array, shape (items, ...)
    skip : int
        Number of coming items to drop, where the hop is longer than the window.

    Examples
    --------
    >>> queue = SampleQueue(np.zeros(1))
    >>> queue.append(np.array([1.0, 2.0]))
    array([0., 1., 2.])
    >>> queue.take(2), queue.items
    (array([0., 1.]), array([2.]))
    """

    def __init__(self, items: Array) -> None:
        self.items, self.skip = items, 0

    def append(self, block: Array) -> Array:
        """Append a block, and return all items."""
        joined = np.concatenate((self.items, block))
        skipped = min(self.skip, len(joined))
        self.skip -= skipped
        self.items = joined[skipped:]
        return self.items

    def frames(self, length: int, hop: int | None = None) -> int:
        """How many frames of `length` items are complete, one each `hop` items (by default without overlap)."""
        return frame_count(len(self.items), length, hop or length)

    def drop(self, count: int) -> None:
        """Drop the first items, and coming ones if there are not as many."""
        self.skip += max(0, count - len(self.items))
        if count:
            self.items = self.items[count:].copy()  # so that the memory of the block is freed

    def take_all(self, block: Array) -> Array:
        """Remove and return all items, with a block appended."""
        taken, self.items = self.append(block), self.items[:0]
        return taken

    def take(self, count: int) -> Array:
        """Remove and return the first items."""
        taken = self.items[:count]
        self.drop(count)
        return taken
