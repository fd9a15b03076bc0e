"""The conformance suite for drivers: subclass :class:`DriverSuite` in your tests, and pytest runs it on your driver.

It needs ``pytest``, and nothing else of the tests of this project. A driver whose loop is asyncio's or trio's is hosted
by :class:`LoopHost`::

    from aigw_drivers.conformance import DriverSuite, LoopHost

    class TestMyDriver(DriverSuite):
        host = LoopHost(MyDriver, "asyncio")
        patience_s = 5

Any other one is hosted by a function of yours, a :class:`HostFactory`; ``tests/examples`` has one for a driver of
threads and one for Twisted. What a driver may do, and need not, is a *capability*: the suite checks it if the class
declares it, for example ``tls = True``.

The engines of the suite (:class:`ToyEngine`) hold a driver to its ten duties, which the docstring of :mod:`aigw_sansio`
lists: each call is recorded, and each breach is noted.
"""

import pytest as _pytest  # noqa: PT013 - a name without underscore would be reachable as one of ours

_CHECKS = ("byte_checks", "dial_checks", "end_checks", "proxy_checks", "time_checks", "turn_checks")
# before they are imported: then a failed check shows its values
_pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in (*_CHECKS, "rig", "sockets", "toy_engines")))

from .hosts import Host, HostFactory, HostSettings, LoopDriver, LoopHost  # noqa: E402
from .suite import DriverSuite  # noqa: E402
from .toy_engines import ToyEngine  # noqa: E402

__all__ = ["DriverSuite", "Host", "HostFactory", "HostSettings", "LoopDriver", "LoopHost", "ToyEngine"]
