"""Plans of steps that a session asks for again: only the body differs, so the rest is made once.

Decides: which plans may be used again, for which steps, and how many are kept. Must not know: how a plan is made.

Kept is what depends on nothing but the step's words, without its body, and the settings: no signature, no quota, no
cache, no key that the host has found, no step that was translated or changed. The memo is of one session, so what its
client wrote is not held any longer than the session.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from ..dialects.commands import Step
from ..exchanges.ports import PlannedStep
from ..ids import CustomCost
from ..providers.call import with_body, without_body
from ..providers.named_model import named_model
from ..quotas.costs import price_of
from ..secret import SecretSet

#: So many plans are kept, of steps that have with the heads made of them so many characters together. Wires keep of
#: each head its lines and its section. So a session holds some 20 KiB for them at most, which are not counted.
_MOST: Final = 4
_LONGEST: Final = 4096


class _Known:
    """A plan, and the step that it was made for, both without their bodies. ``prices``: of its provider's models."""

    __slots__ = ("planned", "prices", "size", "step")

    def __init__(self, step: Step, planned: PlannedStep, prices: Mapping[str, CustomCost], size: int) -> None:
        self.size = size
        self.step = step
        self.planned = planned
        self.prices = prices


class PlanMemo:
    """The plans that one session may use again."""

    __slots__ = ("_client", "_known", "_own_tokens", "_size")

    def __init__(self) -> None:
        self._client: object = None
        self._own_tokens: SecretSet | None = None
        self._known: dict[tuple[str, str], _Known] = {}
        self._size = 0  # characters of what is kept

    def find(self, client: object, own_tokens: SecretSet, step: Step) -> PlannedStep | None:
        """The plan of ``step``, if one like it was kept for ``client``: the same object, with the settings that it has
        now. ``own_tokens``: those of all gateways."""
        if client is not self._client or own_tokens is not self._own_tokens:
            return None
        known = self._known.get((step.provider, step.endpoint))
        if known is None:
            return None
        like = known.step
        body = step.query if step.body is None else step.body
        if not body or step.headers != like.headers or step.method != like.method or step.config != like.config:
            return None
        planned = known.planned
        call, price = planned.call, planned.price
        if price is None and known.prices:
            price = price_of(known.prices, named_model(call.request.target.decode("ascii"), body))
        return planned._replace(call=with_body(call, body), price=price)

    def keep(
        self,
        client: object,
        own_tokens: SecretSet,
        step: Step,
        planned: PlannedStep,
        *,
        price: CustomCost | None,
        prices: Mapping[str, CustomCost],
    ) -> None:
        """Keep the plan of ``step``, which is as the client wrote it. ``price``: what the client says that it costs."""
        call = planned.call
        if not call.request.body or call.signed or call.account or call.cache:
            return
        size = len(step.endpoint) + sum(len(name) + len(value) for name, value in step.headers)
        size += len(call.request.target) + sum(len(name) + len(value) for name, value in call.request.headers)
        if size > _LONGEST:
            return
        if client is not self._client or own_tokens is not self._own_tokens:
            self.close()
            self._client, self._own_tokens = client, own_tokens
        replaced = self._known.pop((step.provider, step.endpoint), None)
        self._size += size - (0 if replaced is None else replaced.size)
        if len(self._known) >= _MOST or self._size > _LONGEST:
            self._known.clear()  # a client that asks for more in turn gains nothing from the oldest either
            self._size = size
        bare = msgspec.structs.replace(step, query=None, body=None)
        planned = planned._replace(call=without_body(call), price=price)
        self._known[step.provider, step.endpoint] = _Known(bare, planned, prices, size)

    def close(self) -> None:
        """Forget all."""
        self._client = self._own_tokens = None
        self._known.clear()
        self._size = 0
