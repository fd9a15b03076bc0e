"""Loads at once all that the core loads when it is first needed, but for the translator.

Decides: that nothing is left to load. Must not know: who needs it. To import this module is all there is to do.

A module that is loaded late may be missing: no descriptor is left, the process has another root by now, or its files
have been replaced. So a program that runs long imports this first. :mod:`aigw_drivers` does.
"""

import difflib
import http
import json
from typing import Final

from . import prompt, recorder
from .bodies import aws_eventstream, json_array
from .dialects.responses import dialect
from .exchanges import reviewed, translating
from .formats.realtime import REALTIME_FORMATS, make_realtime_reader
from .formats.registry import FORMATS, make_reader
from .realtime import reviewed_side
from .sessions import compat, laned_session
from .upstream import cached_call, session_sockets, socket_call

#: What few programs need, beside the readers of formats.
LOADED: Final = (
    difflib, http, json,
    aws_eventstream, cached_call, compat, dialect, json_array, laned_session, prompt, recorder,
    reviewed, reviewed_side, session_sockets, socket_call, translating,
)  # fmt: skip

for _format in FORMATS:
    make_reader(_format)
for _format in REALTIME_FORMATS:
    make_realtime_reader(_format)
