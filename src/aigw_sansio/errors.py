"""The one exception of the core: misuse of its own interface.

Decides: that a bad caller is an exception. Must not know: bad peers; what they do is a
:class:`aigw_sansio.faults.Fault`, never an exception.
"""


class LocalProtocolError(Exception):
    """The caller broke the contract between core and driver.

    Raised for an identifier that was never issued, an answer of the wrong type, a confirmation of more bytes
    than were pulled, time that runs backwards and the like. The state is as it was before the call. It is a bug
    of the caller: do not catch it to go on, mend the call.
    """
