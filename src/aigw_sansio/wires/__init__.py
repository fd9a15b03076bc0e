"""Wires: the only modules that import h11, h2 and wsproto. They turn bytes into messages and heads, and back.

A wire is pure: it takes bytes, returns a list of events and keeps its output until it is asked for it. It never raises
because of a peer's bytes; an error in them is a :class:`aigw_sansio.faults.Fault`.
"""
