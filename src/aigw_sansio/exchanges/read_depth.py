"""How much of a response is read for its meaning. Data only."""

from enum import IntEnum


class ReadDepth(IntEnum):
    """How much of a response is read for its meaning."""

    COMMIT = 0  #: every chunk, to find the commit
    MARKERS = 1  #: nobody listens: only chunks with a marker of an error or of usage
    ALL = 2  #: somebody listens
