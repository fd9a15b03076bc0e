"""The base of every protocol: effects, questions, timers, seeded random bytes, send buffers, and connections."""
