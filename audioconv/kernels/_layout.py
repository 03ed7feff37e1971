"""Records (rows of int64) with named fields: the state of a step between calls, the fields of an instruction.

A row is int64, one number or address a field; float64 numbers stand in rows of their own. A layout is declared once,
beside the kernel that reads it, and gives each field its offset, which is a constant for Numba:

    GAIN = layout("GAIN", "channels", "gain")
    ... state[GAIN.gain] ...                            # in the kernel
    row = GAIN.pack(channels=2, gain=address)           # in the stage
"""

from collections import namedtuple

RESERVED = ("check_names", "pack", "row_size", "names")


def layout(name, *fields, first=0):
    """Return the offsets of named fields, from `first` on: a named tuple.

    A field is a name, or a pair (name, count) for `count` numbers in a row, whose offset is that of the first. The
    layout has `pack`, `check_names`, `names` and `row_size`, too.

    Examples
    --------
    >>> RAMP = layout("RAMP", "now", ("target", 2), "turns")
    >>> RAMP.turns, RAMP.row_size
    (3, 4)
    >>> RAMP.pack(now=1, target=(5, 6), turns=0)
    [1, 5, 6, 0]
    """
    pairs = [(field, 1) if isinstance(field, str) else field for field in fields]
    names, counts = [name for name, _ in pairs], [count for _, count in pairs]
    if bad := [n for n in names if n in RESERVED]:
        raise ValueError(f"{', '.join(bad)} cannot be a field of {name}")
    known = frozenset(names)
    offsets = [first + sum(counts[:i]) for i in range(len(counts))]

    def check_names(self, values):
        """Raise TypeError unless a dict has every field once and nothing else."""
        if values.keys() != known:
            raise TypeError(f"{name} has the fields {', '.join(names)}, not {', '.join(values)}")

    def pack(self, **values):
        """The numbers of a row in order: every field once, by name."""
        self.check_names(values)
        row = []
        for field, count in zip(names, counts, strict=True):
            numbers = [values[field]] if count == 1 else list(values[field])
            if len(numbers) != count:
                raise ValueError(f"{field} of {name} has {count} numbers, not {len(numbers)}")
            row += numbers
        return row

    methods = {"check_names": check_names, "pack": pack}
    members = {"__slots__": (), "names": tuple(names), "row_size": sum(counts)} | methods
    return type(name, (namedtuple(name, names),), members)(*offsets)
