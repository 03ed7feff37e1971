"""Convolution of a stream with an impulse response of any length, which may be changed while it runs."""

from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from audioconv._typing import ArrayLike, DTypeLike, FloatArray, FloatName
from audioconv.arrays import choice, float_dtype, floating, number, time_first, whole
from audioconv.errors import ArgumentError, DtypeError, ShapeError
from audioconv.kernels.dsp.partition_layout import Shape
from audioconv.kernels.realtime.crossfade import CUT, FADE_INPUT
from audioconv.signal._partition_plan import PartitionPlan, partition_plan
from audioconv.stage import Guard, for_channels
from audioconv.stream.crossfade import ConvolverInstance, Crossfade
from audioconv.stream.processor import Processor
from audioconv.stream.steps import Entry, Table, table_of_steps
from audioconv.stream.values import finite, hertz_or_none

REMEMBERED = 480_000  # least length of the ring buffer of past input, for later filters: 10 s at 48 kHz
FADE_RATE = 48000  # Hz, of fades in seconds where the stream's sample rate is not known
WARM_UP = 24  # blocks of silence at first, or the first block of sound would take 5 to 15 times as long as others
Tail: TypeAlias = Literal["cut", "fade_input"]
_MODES: dict[str, int] = {"cut": CUT, "fade_input": FADE_INPUT}


class StreamConvolver(Processor):
    """Convolve a stream block by block: partitioned convolution with a frequency-domain delay line (FDL).

    The blocks of results, joined, and then `flush()` are `latency` zeros and then `convolve(signal, ir)`, within 2e-6
    (float32) of its maximum, however the signal is cut. Every block costs about the same; `plan` says what.

    Parameters
    ----------
    ir : float array, shape (taps,), (taps, channels) or (taps, in, out)
        One filter for all channels, or a filter a channel, or a matrix: its output o is the sum of all inputs i, each
        convolved with ir[:, i, o]. With `channels=1` an ir of several channels makes as many of the one.
    max_block : int >= 1, in samples
        The longest block that `process` takes; shorter ones, of 0 samples too, may come in any order. The work is
        arranged for blocks of this length.
    channels : int >= 1
        Of the input.
    latency : int, in samples
        Delay of the results, by default 0; with more, the convolution needs less work.
    dtype : "float32" or "float64"
        Of the blocks and of the computation; `ir` is converted to it.
    sample_rate : float, optional
        In Hz. Chains, files and sound cards of another one then refuse the stream, and the fades of `set_ir` are
        counted by it, else by 48000.
    max_taps : int, optional
        The longest response that `set_ir` may bring; if not given, len(ir) or 480,000, whichever is larger.
    replace_nonfinite : bool
        Replace samples that are not finite by zeros; `nonfinite_count` counts them.

    Attributes
    ----------
    latency, channels, out_channels : int
    rate_in, rate_out : float or None
        The sample rate, if it is known.
    plan : PartitionPlan
        The partitions, and what a block should take; print it.

    Raises
    ------
    ShapeError
        If ir is empty, or its channels differ from `channels`.
    DtypeError
        If ir is not float32 or float64.
    ArgumentError
        For numbers that make no sense, an ir that is not finite, and another dtype.

    Notes
    -----
    Without `replace_nonfinite` a sample that is not finite spoils results of its own channel, or of its matrix, for at
    most taps + three partitions; `reset` forgets it.

    References
    ----------
    Gardner, Efficient convolution without input-output delay, JAES 43 (1995). Garcia, Optimal filter partition for
    efficient convolution with short input/output delay, AES 113 (2002).

    Examples
    --------
    >>> import numpy as np
    >>> stream = StreamConvolver(np.array([1.0, 0.5, 0.25], "float32"), max_block=2)
    >>> stream.process(np.array([1.0, 0.0], "float32"))
    array([1. , 0.5], dtype=float32)
    >>> stream.flush()
    array([0.25, 0.  ], dtype=float32)
    """

    def __init__(self, ir: ArrayLike, *, max_block: int = 512, channels: int = 1, latency: int = 0,
                 dtype: DTypeLike = "float32", sample_rate: float | None = None, max_taps: int | None = None,
                 replace_nonfinite: bool = False) -> None:  # fmt: skip
        self._dtype, self._max_block = float_dtype(dtype), (most := whole(max_block, "max_block"))
        self._longest_block = most
        self.channels = whole(channels, "channels")
        # `responses` adds the pre-ringing of a resampled response to the public one
        self.latency = self._latency = whole(latency, "latency", least=0)
        self.rate_in = self.rate_out = hertz_or_none(sample_rate)
        responses, out_channels, matrix = self._responses(ir)
        super().__init__(channels, out_channels)
        taps = responses.shape[1]
        self._max_taps = max(taps, REMEMBERED) if max_taps is None else whole(max_taps, "max_taps")
        if self._max_taps < taps:
            raise ArgumentError(f"max_taps is {max_taps}, but ir has {taps} taps")
        self._crossfade = Crossfade(
            self._instance(responses, matrix), self._max_taps + self._latency + max(most, 65536)
        )
        if replace_nonfinite:
            self._crossfade.replace_nonfinite = True
        self._changing = Guard("StreamConvolver's set_ir")
        self._prepare()
        silence = np.zeros((min(most, 64), self.channels), self._dtype)
        for _ in range(WARM_UP):
            self.process(silence)
        self._crossfade.rewind()
        self._dims = 1 + (self.out_channels > 1)

    def _flush(self) -> FloatArray:
        """The latency + taps - 1 samples that are still due; taps are those of the longest response still in use."""
        with self._changing.lock:  # waits for a `set_ir` at work
            frames = max(instance.shape.latency + instance.shape.taps for _, instance in self._crossfade.in_use()) - 1
            rest = np.empty((frames, self.out_channels), self._dtype)
            self._run(np.zeros((frames, self.channels), self._dtype), rest)
            rest = self._shaped(rest)
            self._begin()
            return rest

    def _reset(self) -> None:
        with self._changing.lock:
            self._begin()

    def _begin(self) -> None:
        self._crossfade.begin()
        self._dims = 1 + (self.out_channels > 1)

    def set_ir(self, ir: ArrayLike, fade_s: float = 0.02, tail: Tail = "cut") -> None:
        """Crossfade to another impulse response while the stream runs; may be called from another thread.

        The slow work is done here, and not in `process`. With g the gain of a linear fade from 0 to 1 from the next
        block on, and x the input since the stream began:

        - "cut": the result is (1 - g) (x * old) + g (x * new);
        - "fade_input": it is ((1 - g) x) * old + (g x) * new: what went into the old filter decays in full.

        A change during a fade fades from the mix of the moment; of changes between two blocks the last one counts.

        Parameters
        ----------
        ir : float array
            With as many dimensions and channels as the first one, of up to `max_taps` taps.
        fade_s : float >= 0
            In seconds, by the stream's `sample_rate`.
        tail : {"cut", "fade_input"}
            What happens to the tail of the old filter, its response to earlier input.

        Raises
        ------
        ShapeError, DtypeError, ArgumentError
            The filter stays as it was.
        """
        choice(tail, "tail", get_args(Tail))
        fade_s = number(fade_s, "fade_s", 0)
        responses, out_channels, matrix = self._responses(ir)
        if matrix != self._crossfade.newest.shape.matrix or out_channels != self.out_channels:
            raise ShapeError(f"ir of shape {np.shape(ir)} makes other channels than the stream has, which are "
                             f"{self.channels} in and {self.out_channels} out")  # fmt: skip
        if responses.shape[1] > self._max_taps:
            raise ArgumentError(
                f"ir has {responses.shape[1]} taps, but the stream remembers the past for max_taps = {self._max_taps}"
            )
        instance = self._instance(responses, matrix)
        with self._changing:
            self._crossfade.post(instance, _MODES[tail], round(fade_s * (self.rate_in or FADE_RATE)))

    def get_state(self) -> dict[str, Any]:
        """A snapshot of the stream's whole state, for `set_state`; it can be pickled.

        Returns
        -------
        state : dict

        Raises
        ------
        BusyError
            If another thread or a sound card is in the stream.
        """
        with self._guard, self._changing:
            return {"made_with": self._made_with(), "instances": self._crossfade.snapshot()}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state of this stream, or of one made with the same arguments; the state stays as it is.

        Parameters
        ----------
        state : dict
            As `get_state` has given it.

        Raises
        ------
        ArgumentError
            For what is no state, and for one of a stream of other channels, latency, dtype or max_taps.
        BusyError
            If another thread or a sound card is in the stream.
        """
        if not isinstance(state, dict) or not {"made_with", "instances"} <= state.keys():
            raise ArgumentError(f"state must be what get_state gives, not {state!r:.60}")
        with self._guard, self._changing:
            if state["made_with"] != self._made_with():
                raise ArgumentError(f"the state is of a stream with {state['made_with']}, not {self._made_with()}")
            self._crossfade.restore(state["instances"])

    @property
    def plan(self) -> PartitionPlan:
        """The `PartitionPlan` of the newest filter."""
        shape = self._crossfade.newest.shape
        return self._plan(shape.taps, shape.latency, shape.matrix)

    def _plan(self, taps: int, latency: int, matrix: bool) -> PartitionPlan:
        dtype: FloatName = "float32" if self._dtype == np.float32 else "float64"
        return partition_plan(taps, latency=latency, inputs=self.channels, outputs=self.out_channels, matrix=matrix,
                              dtype=dtype, block=self._longest_block)  # fmt: skip

    @property
    def nonfinite_count(self) -> int:
        """How many samples were not finite and have been replaced since the signal began, with `replace_nonfinite`."""
        return self._crossfade.nonfinite_count

    def _compiled_step(self) -> Entry:
        if self._dtype != np.float32:
            raise DtypeError(f"a step of a chain takes float32, and this stream {self._dtype}")
        return self._crossfade.step()

    def _whole_table(self) -> Table:
        return table_of_steps([self._crossfade.step()])

    def _made_with(self) -> dict[str, Any]:
        sizes = {"channels": self.channels, "out_channels": self.out_channels, "latency": self._latency}
        return sizes | {"dtype": self._dtype.name, "max_taps": self._max_taps}

    def _responses(self, ir: ArrayLike) -> tuple[Any, int, bool]:
        """The filters (number, taps), how many channels come out, and whether the filters are a matrix."""
        taps = floating(ir, "ir", dims=(1, 2, 3))
        if taps.size == 0:
            raise ShapeError(f"ir is empty (shape {taps.shape}); at least one tap is needed")
        if taps.ndim > 1 and taps.shape[1] != self.channels:
            taps = self._for_other_channels(taps)
        with np.errstate(over="ignore"):
            filters = finite(taps.reshape(len(taps), -1).T.astype(self._dtype), "ir")
        return filters, taps.shape[2] if taps.ndim == 3 else self.channels, taps.ndim == 3

    def _for_other_channels(self, ir: Any) -> Any:
        """One channel goes through each response, and any number through one; what else does not fit is refused."""
        if ir.ndim == 2 and 1 in (self.channels, time_first(ir, "ir").shape[1]):
            return ir[:, None, :] if self.channels == 1 else ir[:, 0]
        raise ShapeError(
            f"ir of shape {ir.shape} has {ir.shape[1]} channels, but the stream has channels={self.channels}; for so "
            f"many it is made with {for_channels(self, ir.shape[1])}"
        )

    def _instance(self, responses: Any, matrix: bool) -> ConvolverInstance:
        filters, taps = responses.shape
        outputs = self.out_channels
        chosen = self._plan(taps, self._latency, matrix)
        shape = Shape(chosen.levels, self._latency, taps, self.channels, outputs, filters, matrix, self._dtype)
        return ConvolverInstance(responses, shape)

    def _parameters(self) -> dict[str, Any]:
        taps = {"taps": self._crossfade.newest.shape.taps, "max_block": self._max_block, "latency": self.latency}
        return taps | ({} if self._dtype == np.float32 else {"dtype": self._dtype.name})
