"""Whether the core under test is the compiled one, whose functions and classes cannot be replaced or stood in for."""

from typing import Final

import pytest

from aigw_sansio import gateway

COMPILED: Final = not gateway.__file__.endswith(".py")

needs_sources = pytest.mark.skipif(COMPILED, reason="the compiled core takes no stand-ins and no patches")
