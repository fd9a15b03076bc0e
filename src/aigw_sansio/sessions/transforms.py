"""Transforms of requests: functions of the host's own that change or refuse a step before its call is built.

Decides: in which order they are called, what of their results is checked, and what becomes of a step whose transform
raises. Must not know: how a call is built, and which transforms there are (:mod:`aigw_sansio.parts`).
"""

import msgspec

from ..dialects.commands import Step
from ..engine.services import Services
from ..faults import Fault
from ..formats.promises import BrokenPromise, checked, event_of, fault_of
from ..parts.parts import Parts
from ..parts.request import ProviderRequest
from ..providers.registry import ALIASES

_OURS = "cf-aig-"


def transform_step(services: Services, parts: Parts, step: Step, log_id: str) -> Step | Fault:
    """``step`` as the host's transforms change it, or why it is refused. The exchange has the id ``log_id``."""
    provider = ALIASES.get(step.provider, step.provider)
    transforms = parts.transforms_for(provider)
    if not transforms:
        return step
    request = ProviderRequest(
        provider=provider,
        endpoint=step.endpoint,
        method=step.method,
        headers=tuple(field for field in step.headers if not field[0].lower().startswith(_OURS)),
        body=(step.query if step.body is None else step.body) or b"",
    )
    for name, transform in transforms:
        try:
            result = _checked(transform(request), request)
        except Exception as error:
            services.emit(event_of(log_id, name, error))
            return fault_of(name)
        if isinstance(result, Fault):
            return result
        request = result
    return Step(
        provider=provider,
        endpoint=request.endpoint,
        method=request.method,
        headers=list(request.headers),
        query=None,
        config=step.config,
        body=request.body or None,
    )


def _checked(result: object, request: ProviderRequest) -> ProviderRequest | Fault:
    """``result`` of the transform of ``request``, if it can be used."""
    if isinstance(result, Fault):
        return checked(result, "the fault")
    if not isinstance(result, ProviderRequest):
        raise BrokenPromise("it returned neither a ProviderRequest nor a Fault")
    body = msgspec.structs.asdict(result)["body"]
    if type(body) is not bytes:
        raise BrokenPromise("the body of its request is no bytes")
    if result.provider != request.provider:
        raise BrokenPromise("it named another provider")
    fields = checked(msgspec.structs.replace(result, body=b""), "its request")  # without what may be large
    return msgspec.structs.replace(fields, body=body)
