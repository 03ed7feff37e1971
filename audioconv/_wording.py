"""Words of messages: numbers with their nouns, and what was probably meant."""

from collections.abc import Collection, Iterable

NEAR = 0.7  # of 1: "highpas" is near "highpass", and "resnet" not near "tc-resnet8"
MOST_SHOWN = 60  # characters of what was given


def counted(count: int, noun: str, plural: str = "") -> str:
    """A number and what it counts, with commas between thousands.

    Parameters
    ----------
    count : int
    noun : str
        Of one; of more than one without `plural` it gets an s.
    plural : str, optional

    Examples
    --------
    >>> counted(1, "channel"), counted(2400, "channel"), counted(2, "class", "classes")
    ('1 channel', '2,400 channels', '2 classes')
    """
    return f"{count:,} {noun if count == 1 else plural or f'{noun}s'}"


def similar(given: object, known: Iterable[str]) -> list[str]:
    """What of `known` was probably meant, at most two; none where none is near.

    Examples
    --------
    >>> similar("Delya", ["gain", "delay", "limiter"])
    ['delay']
    """
    from difflib import get_close_matches

    if not isinstance(given, str):
        return []
    names = {name.lower(): name for name in known if name != given}
    return [names[found] for found in get_close_matches(given[:MOST_SHOWN].lower(), names, n=2, cutoff=NEAR)]


def none_of(name: str, given: object, known: Collection[str], more: str = "") -> str:
    """What to say of a value that is none of `known`: the one that was probably meant, or else all of them.

    Parameters
    ----------
    name : str
        Of the parameter.
    given : object
    known : collection of str
    more : str, optional
        What else could be given.

    Examples
    --------
    >>> print(none_of("type", "limitter", ["gain", "delay", "limiter"]))
    type cannot be 'limitter'; did you mean 'limiter'?
    >>> print(none_of("type", "louder", ["gain", "delay", "limiter"], "a file"))
    type must be one of 'gain', 'delay', 'limiter' or a file, not 'louder'
    """
    if near := similar(given, known):
        return f"{name} cannot be {_shown(given)}; did you mean {' or '.join(map(repr, near))}?"
    listed = ", ".join(map(repr, known)) + (f" or {more}" if more else "")
    return f"{name} must be one of {listed}, not {_shown(given)}"


def has_no(what: str, given: Iterable[str], known: Collection[str]) -> str:
    """What to say of keys that something has not: those that were probably meant, or else all that it has.

    Examples
    --------
    >>> print(has_no("delay", ["feedbak"], ["delay_s", "feedback", "mix"]))
    delay has no feedbak; did you mean feedback?
    >>> print(has_no("delay", ["wet"], ["delay_s", "feedback", "mix"]))
    delay has no wet; it has delay_s, feedback, mix
    """
    given = sorted(given)
    near = [similar(name, known)[:1] for name in given]
    said = f"{what} has no {', '.join(name[:MOST_SHOWN] for name in given)}"
    if all(near):
        return f"{said}; did you mean {', '.join(name for names in near for name in names)}?"
    return f"{said}; it has {', '.join(known)}"


def _shown(given: object) -> str:
    text = repr(given)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."
