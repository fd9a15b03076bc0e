"""Names of what the core and its host talk about.

Decides: the types of ids; they are ints, issued by the core and never reused. Must not know: how they are counted.
"""

from typing import NewType

#: Names one connection of a gateway, for its whole life.
ConnId = NewType("ConnId", int)

#: Names one question of the core to its host.
AskId = NewType("AskId", int)
