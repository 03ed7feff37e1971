"""Arenas: memory of a program, reused for one tensor after another."""

from __future__ import annotations

CACHE_LINE = 16  # elements of float32: offsets of tensors and widths of queues are multiples of it


def _whole_lines(size: int) -> int:
    return -(-max(size, 1) // CACHE_LINE) * CACHE_LINE


class Arena:
    """Offsets in memory that is allocated and freed: the first gap that fits.

    Examples
    --------
    >>> arena = Arena()
    >>> first, second = arena.allocate(20), arena.allocate(5)
    >>> arena.free(first)
    >>> arena.allocate(10), second, arena.size
    (0, 32, 48)
    """

    def __init__(self) -> None:
        self.size = 0  # elements that are needed
        self._taken: list[tuple[int, int]] = []

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.size:,} elements, {len(self._taken)} allocations)"

    def allocate(self, size: int) -> int:
        """Reserve `size` elements, and return their offset."""
        size, start = _whole_lines(size), 0
        for begin, end in sorted(self._taken):
            if begin - start >= size:
                break
            start = max(start, end)
        self._taken.append((start, start + size))
        self.size = max(self.size, start + size)
        return start

    def free(self, start: int) -> None:
        """Free the elements reserved at this offset."""
        self._taken = [(a, b) for a, b in self._taken if a != start]

    @property
    def length(self) -> int:
        """Elements of the memory that offsets are in."""
        return self.size


class NoReuseArena(Arena):
    """Offsets in memory that is never reused; `size` is what an `Arena` would need."""

    def __init__(self) -> None:
        super().__init__()
        self._starts: dict[int, int] = {}
        self._length = 0

    def allocate(self, size: int) -> int:
        """Reserve `size` elements that were never in use, and return their offset."""
        start = self._length
        self._starts[start] = super().allocate(size)
        self._length += _whole_lines(size)
        return start

    def free(self, start: int) -> None:
        """Note that what begins at this offset would be free."""
        super().free(self._starts[start])

    @property
    def length(self) -> int:
        """Elements of the memory that offsets are in."""
        return self._length
