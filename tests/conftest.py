"""Options and Hypothesis profiles of all tests."""

import gc

import pytest
from hypothesis import HealthCheck, settings

SLOW = [HealthCheck.too_slow]  # says something of the machine
# the same examples every time: new ones are looked for with --hypothesis-profile=deep
settings.register_profile("default", max_examples=50, deadline=None, suppress_health_check=SLOW, derandomize=True)
settings.register_profile("deep", max_examples=2000, deadline=None, suppress_health_check=SLOW)
settings.load_profile("default")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--accept``: rewrite the expected lines of the transcripts to what came."""
    parser.addoption("--accept", action="store_true", default=False, help="rewrite transcripts to what came")


def pytest_collection_finish() -> None:
    """The tests themselves live to the end: they are taken out of what each collection of garbage walks through."""
    gc.collect()
    gc.freeze()
