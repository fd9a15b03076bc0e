"""The one exception of the core: misuse of its own interface.

Data only. One exception class. A mistake of our caller is an exception; a mistake of a peer is a
:class:`aigw_sansio.faults.Fault`, never an exception.
"""


class LocalProtocolError(Exception):
    """The caller broke the contract between core and driver.

    Raised, for example, for an identifier that was never issued, an answer of the wrong type, a confirmation of more
    bytes than were pulled, or time that runs backwards. The state is as it was before the call. It is a bug of the
    caller: do not catch it and go on, fix the call.
    """
