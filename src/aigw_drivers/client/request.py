"""Requests as a program writes them, and the message that they become (client protocol, section 3.1).

Decides: the fields of ``universal.create``, and that it is one that the gateway can read: what it cannot read, it
could not refuse by name. Must not know: sockets, and whether an exchange of that name runs.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypedDict, get_args

import msgspec

from aigw_sansio.json_text import MAX_DEPTH, is_too_deep

from .values import Mode

_LONGEST_ID: Final = 256


class StepConfig(TypedDict, total=False):
    """How a step is tried. Times are milliseconds. Ranges: client protocol, section 3.1."""

    requestTimeout: int
    connectTimeout: int
    idleTimeout: int
    totalTimeout: int
    maxAttempts: int
    retryDelay: int
    backoff: Literal["constant", "linear", "exponential"]


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a provider. In a list of them each is tried if the one before failed.

    ``query`` is the body of the request: anything that :mod:`msgspec` can encode as JSON; a :class:`msgspec.Raw` goes
    as it is. ``body`` is sent instead of it, with the ``content-type`` in ``headers``. ``headers`` may hold the
    provider's key; without one the gateway's stored key is used.

    It is not the :class:`aigw_sansio.Step`, which holds a request as the engine has read it.
    """

    provider: str
    endpoint: str
    query: object = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str | bytes | None = field(default=None, repr=False)
    method: str = "POST"
    config: StepConfig = field(default_factory=StepConfig)


class Options(TypedDict, total=False):
    """What may be said of a request beside provider, endpoint and query. See :class:`Step`.

    ``fallback`` are the steps that are tried in order if the first one fails. ``event_id`` names the exchange, 1 to 256
    characters; without it the client makes a name.
    """

    headers: Mapping[str, str]
    body: str | bytes
    method: str
    config: StepConfig
    fallback: Sequence[Step]
    event_id: str


_OPTIONS: Final = tuple(Options.__annotations__)
_CONFIG: Final = tuple(StepConfig.__annotations__)
_MODES: Final = get_args(Mode)


def steps_of(provider: str, endpoint: str, query: object, options: Options) -> list[Step]:
    """The steps of a request in their order. Raises ``TypeError`` for an option that nobody knows."""
    for name in options:
        if name not in _OPTIONS:  # else a slip of the pen would have no effect, and nobody were told
            raise TypeError(f"{name} is no option of a request; allowed are {', '.join(_OPTIONS)}")
    first = Step(
        provider,
        endpoint,
        query,
        headers=options.get("headers", {}),
        body=options.get("body"),
        method=options.get("method", "POST"),
        config=options.get("config", {}),
    )
    return [first, *options.get("fallback", ())]


def create_message(steps: Sequence[Step], event_id: str, mode: Mode) -> str:
    """The JSON text of ``universal.create``.

    Raises ``TypeError`` or ``ValueError`` if something is no JSON, or for what :func:`check_request` says.
    """
    check_request(steps, event_id, mode)
    request = [_step(step, mode if number == 0 else None) for number, step in enumerate(steps)]
    data = msgspec.json.encode({"type": "universal.create", "eventId": event_id, "request": request})
    if is_too_deep(data):
        raise ValueError(f"the request is nested deeper than {MAX_DEPTH} levels")
    try:
        msgspec.json.decode(data, type=msgspec.Raw)  # a Raw of the caller may be anything
        return data.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the request holds a msgspec.Raw that is no JSON: {error}") from None


def check_request(steps: Sequence[Step], event_id: str, mode: Mode) -> None:
    """Raises ``ValueError`` if ``event_id`` has the wrong length, ``mode`` is none, or a step has two bodies; and
    ``TypeError`` if one is no :class:`Step`, or a part of it has a type that would be sent as something else."""
    if not 1 <= len(event_id) <= _LONGEST_ID:
        raise ValueError(f"event_id has {len(event_id)} characters; it must have 1 to {_LONGEST_ID}")
    if mode not in _MODES:
        raise ValueError(f"mode is {mode!r}; allowed are {', '.join(_MODES)}")
    for step in steps:
        _check_step(step)


def _check_step(step: object) -> None:
    if not isinstance(step, Step):
        kind = f"{type(step).__module__}.{type(step).__qualname__}"
        raise TypeError(f"a step is of type {kind}; allowed is aigw_drivers.client.Step")
    if step.query is not None and step.body is not None:
        raise ValueError("a step has query or body, not both")
    if isinstance(step.query, bytes | bytearray | memoryview):  # as a value of JSON it would be base64 in a string
        raise TypeError("query is bytes; JSON that is encoded goes as msgspec.Raw(...), anything else as body")
    if not isinstance(step.body, str | bytes | None):
        raise TypeError(f"body is of type {type(step.body).__name__}; allowed are str and bytes")
    if not isinstance(step.headers, Mapping):
        raise TypeError(f"headers is of type {type(step.headers).__name__}; allowed is a mapping")
    for name in step.config:
        if name not in _CONFIG:
            raise TypeError(f"{name} is no part of config; allowed are {', '.join(_CONFIG)}")


def cancel_message(event_id: str) -> str:
    """The JSON text of ``universal.cancel``."""
    return msgspec.json.encode({"type": "universal.cancel", "eventId": event_id}).decode()


PING_MESSAGE: Final = '{"type":"universal.ping"}'


def _step(step: Step, mode: Mode | None) -> dict[str, object]:
    config: dict[str, object] = dict(step.config)
    if mode is not None:
        config["response"] = mode
    said: dict[str, object] = {"provider": step.provider, "endpoint": step.endpoint, "config": config}
    if step.headers:
        said["headers"] = dict(step.headers)
    if step.method != "POST":
        said["method"] = step.method
    if step.query is not None:
        said["query"] = step.query
    if isinstance(step.body, str):
        said["body"] = {"text": step.body}
    elif step.body is not None:
        said["body"] = {"base64": b64encode(step.body).decode()}
    return said
