"""Wires: the only modules that know h11, h2 and wsproto. Bytes on one side, messages and heads on the other.

A wire is pure: it is fed bytes, returns a list of events and keeps what it wants to send until it is asked. It
never raises because of a peer's bytes; what is wrong with them is a :class:`aigw_sansio.faults.Fault`.
"""
