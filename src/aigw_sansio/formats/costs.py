"""What a response costs: its tokens times their prices.

Decides: which price a token has. Must not know: where prices come from.
"""

from ..events import UsageReported
from ..ids import CustomCost


def cost_of(prices: CustomCost, usage: UsageReported | None) -> float | None:
    """The cost of ``usage``, in the currency of ``prices``. ``None``: nobody can tell.

    Input that was read from a cache or written to one is part of all input: it is counted once, with its own price.
    """
    if prices.total_cost is not None:
        return prices.total_cost
    if usage is None:
        return None
    price_in = prices.per_token_in
    counts = (
        (usage.cache_read_input_tokens, _either(prices.per_cache_read_token, price_in)),
        (usage.cache_creation_input_tokens, _either(prices.per_cache_write_token, price_in)),
        (_uncached(usage), price_in),
        (usage.output_tokens, prices.per_token_out),
    )
    known = [count * price for count, price in counts if count is not None and price is not None]
    return sum(known) if known else None


def _either(first: float | None, second: float | None) -> float | None:
    return second if first is None else first


def _uncached(usage: UsageReported) -> int | None:
    if usage.input_tokens is None:
        return None
    return max(0, usage.input_tokens - (usage.cache_read_input_tokens or 0) - (usage.cache_creation_input_tokens or 0))
