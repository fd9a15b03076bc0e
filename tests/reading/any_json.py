"""JSON of any shape, for properties over readers: any value, and a recorded value with one node exchanged."""

from collections.abc import Callable

from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def mutate(value: object, draw: Callable[..., object]) -> object:
    """``value`` with one node, somewhere in it, replaced by any JSON."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        key = draw(st.sampled_from(sorted(value)))
        return {**value, key: mutate(value[key], draw)}
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], mutate(value[at], draw), *value[at + 1 :]]
    return draw(JSON)
