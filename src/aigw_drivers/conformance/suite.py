"""The suite as one class. It decides only what belongs to it; the checks stand in modules of their own."""

from .byte_checks import ByteChecks
from .dial_checks import DialChecks
from .end_checks import EndChecks
from .proxy_checks import ProxyChecks
from .time_checks import TimeChecks
from .turn_checks import TurnChecks


class DriverSuite(ByteChecks, EndChecks, DialChecks, ProxyChecks, TimeChecks, TurnChecks):
    """What every driver must do. Subclass it under a name that pytest collects (``Test...``), and set :attr:`host`.

    :attr:`patience_s` is the longest wait for what must come. The capabilities are :attr:`tls`,
    :attr:`half_close_over_tls`, :attr:`lingering_close`, :attr:`contains_bugs`, :attr:`checks_answers`,
    :attr:`exact_pauses`, :attr:`waits_for_look_ups` and :attr:`proxies`: none is checked unless the subclass
    declares it.

    The words that are wanted in the reasons of ``connect_failed`` are those of
    :meth:`aigw_sansio.Engine.connect_failed`.
    """
