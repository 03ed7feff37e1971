"""Which of scipy's tests audioconv is expected to fail, with which error, and why. All others must pass."""

from typing import NamedTuple


class Difference(NamedTuple):
    """A kind of test that is expected to fail."""

    tests: str  # regular expression, found in "module::Class::test[parameters]"
    error: str  # regular expression, found in what the test ends with
    reason: str


DIMENSIONS = r"NotOfferedError: \d dimensions"
SIGNALS_AND_PLANES = "signals with channels, and planes; a number alone or a volume is neither"
EMPTY = r"ShapeError: [xh] is empty"
NOTHING = "an empty signal or filter is refused: it is a mistake far more often than meant"
WORDS = "errors have messages of our own"
STFT = r"test_short_time_fft.py::test_"

FEW = (
    # convolve, correlate
    Difference(r"TestConvolve::test_(zero_rank|broadcastable|input_swapping)", DIMENSIONS, SIGNALS_AND_PLANES),
    Difference(r"TestCorrelate(Real|Complex)::test_(rank0|rank3|method)", DIMENSIONS, SIGNALS_AND_PLANES),
    # convolve2d
    Difference(
        r"TestConvolve2d::test_fillvalue", "NotOfferedError: a border of another value than zero",
        "what stands around a plane is zero, or made of its own values",
    ),
    # upfirdn
    Difference(
        r"TestUpfirdn::test_modes", "NotOfferedError: what stands around the signal",
        "a signal stands between zeros; pad it first for something else",
    ),
    Difference(
        r"TestUpfirdn::test_valid_input", "DID NOT RAISE",
        "a filter of two dimensions is one filter a channel; scipy has the same one for all",
    ),
    # ShortTimeFFT
    Difference(
        STFT + r"(closest_STFT_dual_window_STFT_roundtrip_complex|roundtrip_complex_window"
        r"|exceptions_fft_mode_complex_win)", "NotOfferedError: a complex window", "windows are real, as sound is",
    ),
    Difference(
        STFT + r"closest_STFT_dual_window_STFT_roundtrip\[", "NotOfferedError: an inverse with another window",
        "the inverse is the one with the canonical dual window, which is nearest to spectra that were changed",
    ),
    Difference(
        STFT + "(compare_stft_detrend|average_all_segments)", "NotOfferedError: frames without their trends",
        "trends are taken off whole signals, before; a stream has no others",
    ),
    Difference(
        STFT + "minimal_length_signal", r"Regex pattern did not match[^$]*Parameter n must be",
        "signals shorter than half the window have spectra, too; what refuses them here is scipy's count of frames",
    ),
    Difference(STFT + "exceptions_properties_methods", "Regex pattern did not match", WORDS),
)  # fmt: skip

MANY = (
    # fftconvolve, oaconvolve
    Difference(r"Test(FFT|OA)Convolve::test_zero_rank", DIMENSIONS, SIGNALS_AND_PLANES),
    Difference(r"Test(FFT|OA)Convolve::test_empty", EMPTY, NOTHING),
    Difference(
        r"TestFFTConvolve::test_fft_nan", "DID NOT WARN",
        "NaN comes out as NaN; a warning each time would stop nothing in a stream",
    ),
)  # fmt: skip
DIFFERENCES = {"few": FEW, "many": MANY}
