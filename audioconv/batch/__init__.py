"""Many files, on one machine or many: lazily read lists, failures in a table, runs that go on where they were cut."""

from audioconv.batch._map_files import map_files
from audioconv.batch.summary import BatchSummary, Failure

__all__ = ["BatchSummary", "Failure", "map_files"]
