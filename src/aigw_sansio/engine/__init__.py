"""The machinery below every protocol: the outlet for effects, questions, timers, seeded random bytes, send buffers, and
the base of every connection.
"""
