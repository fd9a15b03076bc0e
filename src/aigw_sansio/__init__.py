"""aigw_sansio: an AI gateway as a state machine, without I/O.

Start with :class:`aigw_sansio.gateway.Gateway`, the one class a driver holds.
"""
