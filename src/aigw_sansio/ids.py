"""Ids that the core and its driver use for connections and questions.

Data only. Types of ids. They are ints, issued by the core and never reused.
"""

from typing import NewType

#: One connection of a gateway.
ConnId = NewType("ConnId", int)

#: One question of the core to its host.
AskId = NewType("AskId", int)
