"""The requests of a client in this process, which are objects, and may hold anything.

Decides: which of them can be used, by the rules that hold for every client (client protocol, section 3.1), and which
fault another one has. Must not know: providers, and whether an exchange of that id is running.
"""

from typing import Final

import msgspec

from ...config import Limits
from ...faults import Fault
from ...json_text import MAX_DEPTH, valid_json
from ..commands import BadCreate, Create, Step
from ..step_rules import (
    MAX_EVENT_ID,
    bad_event_id,
    head_too_large,
    invalid,
    misplaced_body,
    most_steps,
    too_many_headers,
    too_many_steps,
    utf8_size,
)

_BYTES: Final = (bytes,)


def checked(create: Create, limits: Limits) -> Create | BadCreate:
    """``create``, if every part of it has its type and is within ``limits``; otherwise why it cannot run."""
    name: object = msgspec.structs.asdict(create)["event_id"]  # as a field it must be text, if this is compiled
    event_id = name if isinstance(name, str) and 1 <= len(name) <= MAX_EVENT_ID and _is_text(name) else None
    if event_id is None and name is not None:
        return BadCreate(None, bad_event_id())
    try:
        # a copy too: what its owner changes afterwards changes no running exchange
        plain = msgspec.to_builtins(create, builtin_types=_BYTES)
        create = msgspec.convert(plain, Create, builtin_types=_BYTES)
    except (msgspec.ValidationError, TypeError, RecursionError, BufferError) as error:
        return BadCreate(event_id, invalid(f"the request has a field of the wrong type: {_without_value(error)}"))
    if not create.steps:
        return BadCreate(event_id, invalid("request has no step"))
    if len(create.steps) > most_steps(limits)[0]:
        return BadCreate(event_id, too_many_steps(limits))
    for index, step in enumerate(create.steps):
        fault = _refuse(step, f"request[{index}]", limits)
        if fault is not None:
            return BadCreate(event_id, fault)
    return create


def _refuse(step: Step, path: str, limits: Limits) -> Fault | None:
    """Why ``step`` cannot be used, if it cannot."""
    if (fault := too_many_headers(path, len(step.headers), limits)) is not None:
        return fault
    texts = [text for header in step.headers for text in header]
    if not all(map(_is_text, (step.provider, step.endpoint, step.method, *texts))):
        return invalid(f"{path} has a string with half of a surrogate pair; it must be text")
    size = utf8_size(step.endpoint) + sum(map(utf8_size, texts))
    if size > limits.head_bytes:
        return head_too_large(path, size, limits)
    size = len(step.query or step.body or b"")
    if size > limits.message_bytes:
        return invalid(f"{path} sends {size} bytes; message_bytes allows {limits.message_bytes}")
    if step.query is not None and valid_json(step.query) is None:
        return invalid(f"{path}.query is no JSON in UTF-8, of at most {MAX_DEPTH} levels")
    if step.body is not None:
        fault = misplaced_body(path, has_query=step.query is not None, method=step.method)
        if fault is not None:
            return fault
    for name, value in msgspec.structs.asdict(step.config).items():
        if isinstance(value, float) and value != value:
            return invalid(f"{path}.config.{name} is no number")
    return None


def _is_text(text: str) -> bool:
    """Whether ``text`` can be written in UTF-8."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_value(error: Exception) -> str:
    """The message of msgspec: it quotes a value that is none of those allowed."""
    text, separator, path = str(error).rpartition(" - at ")
    text = (text if separator else path).partition(" '")[0]
    return f"{text}{separator}{path if separator else ''}"
