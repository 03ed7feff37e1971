"""Rows that a function makes of files, kept file by file while a run lasts, and one Parquet file at its end."""

import io
import itertools
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from audioconv.batch.worker import Job, Outcome, attempt, place, work_folder
from audioconv.errors import ArgumentError
from audioconv.io.atomic import atomic_write
from audioconv.io.paths import display_path

if TYPE_CHECKING:
    import pyarrow

SPOOL, PARTS = "rows", "parts"  # names beside the journal: rows of many files, files of many rows
_SMALL = 1 << 20  # bytes of rows that are sent back; more are written to a file of their own
_GROUP_ROWS, _GROUP_BYTES = 1 << 17, 1 << 23  # of a row group of Parquet: what is in memory when it is written
_BATCH_ROWS = 1 << 14  # of one file at a time


def check_pyarrow() -> None:
    """Raise an error that says what to install if there is no pyarrow."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise ArgumentError("a .parquet table needs pyarrow: pip install 'audioconv[parquet]'") from error


class TableTask:
    """Call a function that gives rows, and keep them as a stream of Arrow record batches.

    Parameters
    ----------
    fn : function of (source)
        Gives a mapping from columns to values, or an iterable of such mappings.
    work : str
        Folder for rows that are too many to be sent.
    """

    def __init__(self, fn: Callable[[Path], Any], work: str) -> None:
        self.fn, self.work = fn, work

    def __call__(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Do it, and return an outcome for each: the rows as bytes, or None if they are at the target of the job."""
        with work_folder(self.work) as folder:
            parts = [folder / str(job.number) for job in jobs]
            outcomes = [
                attempt(job.number, self._rows, Path(job.source), part) for job, part in zip(jobs, parts, strict=True)
            ]
            large = [i for i, outcome in enumerate(outcomes) if outcome.error is None and outcome.value is None]
            placed = place([jobs[i] for i in large], [parts[i] for i in large], [outcomes[i] for i in large])
            for i, outcome in zip(large, placed, strict=True):
                outcomes[i] = outcome
            return outcomes

    def _rows(self, source: Path, part: Path) -> bytes | None:
        """The rows of a file as bytes; None if they are so many that they are in a file."""
        import pyarrow

        found = self.fn(source)
        pieces = found if isinstance(found, Iterable) and not isinstance(found, Mapping) else [found]
        sink, writer = _Sink(part), None
        try:
            for piece in pieces:
                batch = record_batch(piece)
                if writer is None:
                    writer = pyarrow.ipc.new_stream(sink, batch.schema)
                writer.write_batch(batch)
            if writer is None:
                raise ArgumentError("the function gave no columns; a mapping from names to values is wanted")
            writer.close()
            return sink.small()
        finally:
            sink.close()


class _Sink(io.RawIOBase):
    """A file that is only made once there is much in it."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, io.BytesIO()
        self._is_small = True

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self._is_small and self._file.tell() + len(data) > _SMALL:
            large: Any = open(self._path, "wb")  # noqa: SIM115  (closed with this)
            large.write(self._file.getvalue())
            self._file, self._is_small = large, False
        return self._file.write(data)

    def small(self) -> bytes | None:
        self._file.flush()
        return self._file.getvalue() if self._is_small else None

    def close(self) -> None:
        self._file.close()
        super().close()


def record_batch(columns: Mapping[str, Any]) -> "pyarrow.RecordBatch":
    """Make rows of columns.

    Parameters
    ----------
    columns : mapping from str to array or value
        Arrays of one length, one row an item, of (rows, numbers) as lists of that length; values that are no
        arrays or lists stand in every row.

    Returns
    -------
    rows : pyarrow.RecordBatch
    """
    import pyarrow

    if not isinstance(columns, Mapping) or not columns or "file" in columns:
        what = (
            type(columns).__name__ if not isinstance(columns, Mapping) else "with a column 'file'" if columns else "{}"
        )
        raise ArgumentError(f"a mapping from names of columns, but for 'file', to values is wanted, not {what}")
    lengths = {len(values) for values in columns.values() if _is_column(values)}
    if len(lengths) > 1:
        raise ArgumentError(f"columns must have one length, not {sorted(lengths)}")
    rows = lengths.pop() if lengths else 1
    arrays = [
        _column(values) if _is_column(values) else _constant(_scalar(values), rows) for values in columns.values()
    ]
    return pyarrow.RecordBatch.from_arrays(arrays, names=[str(name) for name in columns])


def _is_column(values: Any) -> bool:
    return isinstance(values, (list, tuple)) or (isinstance(values, np.ndarray) and values.ndim > 0)


def _scalar(value: Any) -> Any:
    return value.item() if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fiub" else value


# Numbers and texts are given to Arrow as bytes: what it has for objects of any kind loads pandas, where that is
# installed, for 40 MB and half a second in each process.


def _column(values: Any) -> "pyarrow.Array":
    import pyarrow

    if not isinstance(values, np.ndarray):
        return pyarrow.array(values)
    flat = np.ascontiguousarray(values).reshape(-1)
    if flat.dtype.kind in "iuf" and flat.dtype.isnative:
        type_ = pyarrow.from_numpy_dtype(flat.dtype)
        array = pyarrow.Array.from_buffers(type_, len(flat), [None, pyarrow.py_buffer(flat)])
    else:
        array = pyarrow.array(flat)
    return array if values.ndim == 1 else pyarrow.FixedSizeListArray.from_arrays(array, int(np.prod(values.shape[1:])))


def _constant(value: Any, rows: int) -> "pyarrow.Array":
    """The same in all rows."""
    import pyarrow

    if type(value) in (int, float):
        return _column(np.full(rows, value, np.int64 if type(value) is int else np.float64))
    if type(value) is str:
        text = value.encode()
        ends = np.arange(rows + 1, dtype=np.int32) * np.int32(len(text))
        buffers = [None, pyarrow.py_buffer(ends), pyarrow.py_buffer(text * rows)]
        return pyarrow.Array.from_buffers(pyarrow.string(), rows, buffers)
    return pyarrow.repeat(value, rows)


class Spool:
    """A file that rows are appended to, so that many small ones are not as many files.

    Parameters
    ----------
    path : path
    """

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = open(path, "ab", buffering=0)  # noqa: SIM115  (closed by its owner)
        self._is_new = False

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def append(self, data: bytes) -> str:
        """Append rows, and return where they are."""
        start, rest = self._file.tell(), memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._is_new = True
        return f"{start}+{len(data)}"

    def sync(self) -> None:
        """Wait until the disk has what was appended."""
        if self._is_new:
            os.fsync(self._file.fileno())
            self._is_new = False


def write_table(
    target: Path, work: Path, kept: Iterable[tuple[int, str, str]], refuse: Callable[[int, str], None]
) -> bool:
    """Write the rows of all files to one Parquet file, in their order, with a first column `file`.

    Parameters
    ----------
    target : path
    work : path
        Folder with the spool and with files of many rows.
    kept : iterable of (number, source, place)
        The place is one in the spool, or the name of a file.
    refuse : function of (number, error)
        Is called for rows of other columns than those of the first file.

    Returns
    -------
    is_written : bool
        False if there are no rows of any file.
    """
    import pyarrow
    import pyarrow.parquet

    kept = iter(kept)
    first = next(kept, None)
    if first is None:
        return False
    with open(work / SPOOL, "rb") as spool, atomic_write(target) as part:
        with _reader(spool, work, first[2]) as reader:
            schema = reader.schema
        named = pyarrow.schema([pyarrow.field("file", pyarrow.string()), *schema])
        texts = [field.name for field in named if pyarrow.types.is_string(field.type)]
        with pyarrow.parquet.ParquetWriter(part, named, use_dictionary=texts) as writer:
            groups = _RowGroups(writer, named)
            for number, source, place_ in itertools.chain([first], kept):
                with _reader(spool, work, place_) as reader:
                    if reader.schema == schema:
                        groups.add(reader, display_path(source))
                    else:
                        refuse(number, f"its columns are ({_text(reader.schema)}), those of {display_path(first[1])} "
                                       f"({_text(schema)}); the same are wanted of every file")  # fmt: skip
            groups.write()
    return True


def _reader(spool: BinaryIO, work: Path, place_: str) -> "pyarrow.RecordBatchStreamReader":
    """The rows of a file, batch by batch."""
    import pyarrow

    start, plus, length = place_.partition("+")
    if not plus:
        return pyarrow.ipc.open_stream(pyarrow.OSFile(str(work / place_)))
    spool.seek(int(start))
    return pyarrow.ipc.open_stream(spool.read(int(length)))


def _text(schema: "pyarrow.Schema") -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)


class _RowGroups:
    """Rows that wait until there are enough for a row group; which rows are one depends on nothing but the rows."""

    def __init__(self, writer: Any, schema: "pyarrow.Schema") -> None:
        self._writer, self._schema = writer, schema
        self._batches: list[Any] = []
        self._rows = self._bytes = 0

    def add(self, batches: Iterable[Any], name: str) -> None:
        import pyarrow

        for whole in batches:
            for start in range(0, whole.num_rows, _BATCH_ROWS):
                batch = whole.slice(start, _BATCH_ROWS)
                columns = [_constant(name, batch.num_rows), *batch.columns]
                self._batches.append(pyarrow.RecordBatch.from_arrays(columns, schema=self._schema))
                self._rows += batch.num_rows
                self._bytes += self._batches[-1].nbytes
                if self._rows >= _GROUP_ROWS or self._bytes >= _GROUP_BYTES:
                    self.write()

    def write(self) -> None:
        import pyarrow

        if self._batches:
            self._writer.write_table(pyarrow.Table.from_batches(self._batches), row_group_size=self._rows)
        self._batches, self._rows, self._bytes = [], 0, 0
