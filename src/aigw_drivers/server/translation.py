"""The provider ``compat`` works in whatever this package starts.

Decides: that a gateway here has the core's own translator, unless its host gives it another one. Must not know: any
format.
"""

from aigw_sansio import Parts, translate


def with_translation(parts: Parts | None) -> Parts:
    """``parts``, with what ``compat`` needs."""
    return (parts or Parts()).with_translator(translate)
