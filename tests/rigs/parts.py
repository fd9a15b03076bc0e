"""Parts of gateways under test."""

from typing import Final

from aigw_sansio import Parts, translate

#: What drivers give to each gateway.
TRANSLATES: Final = Parts(translator=translate)
