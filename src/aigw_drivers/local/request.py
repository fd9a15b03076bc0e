"""Requests as a program writes them, and the command that they become.

Decides: that a request is one that the engine can be given. Must not know: limits, providers and drivers.
"""

from collections.abc import Sequence

import msgspec

from aigw_sansio import Create
from aigw_sansio import Step as EngineStep
from aigw_sansio import StepConfig as EngineConfig

from ..client.request import Step, check_request
from ..client.values import Mode


def create_command(steps: Sequence[Step], event_id: str, mode: Mode) -> Create:
    """The command for ``steps``.

    Raises ``TypeError`` or ``ValueError`` if something is no JSON, a ``config`` has a field of the wrong type, or for
    what :func:`~aigw_drivers.client.request.check_request` says.
    """
    check_request(steps, event_id, mode)
    return Create(event_id, [_step(step, mode if number == 0 else None) for number, step in enumerate(steps)])


def _step(step: Step, mode: Mode | None) -> EngineStep:
    config = dict(step.config)
    if mode is not None:
        config["response"] = mode
    return EngineStep(
        provider=step.provider,
        endpoint=step.endpoint,
        method=step.method,
        headers=list(step.headers.items()),
        query=None if step.query is None else msgspec.json.encode(step.query),
        config=msgspec.convert(config, EngineConfig),
        body=step.body.encode() if isinstance(step.body, str) else step.body,
    )
