"""What a response costs: its tokens times their prices.

Decides: which price a model and a token has. Must not know: where prices come from.
"""

from collections.abc import Mapping

from ..events import UsageReported
from ..ids import CustomCost


def price_of(prices: Mapping[str, CustomCost], model: str | None) -> CustomCost | None:
    """The price of ``model`` among ``prices``: its own, else that of the longest beginning (``NAME*``), if any."""
    if not prices:
        return None
    name = model or ""
    if (own := prices.get(name)) is not None:
        return own
    found = [known for known in prices if known.endswith("*") and name.startswith(known[:-1])]
    return prices[max(found, key=len)] if found else None


def cost_of(prices: CustomCost, usage: UsageReported | None) -> float | None:
    """The cost of ``usage``, in the currency of ``prices``. ``None``: nobody can tell.

    Input that was read from a cache or written to one is part of all input: it is counted once, with its own price.
    """
    if prices.total_cost is not None:
        return prices.total_cost
    if usage is None:
        return None
    price_in, price_out = prices.per_token_in, prices.per_token_out
    heard = _without(usage.input_audio_tokens, usage.cache_read_input_audio_tokens)
    cached = (usage.cache_read_input_tokens, usage.cache_creation_input_tokens)
    counts = (
        (usage.cache_read_input_tokens, _either(prices.per_cache_read_token, price_in)),
        (usage.cache_creation_input_tokens, _either(prices.per_cache_write_token, price_in)),
        (heard, _either(prices.per_audio_token_in, price_in)),
        (_without(usage.input_tokens, *cached, heard), price_in),
        (usage.output_audio_tokens, _either(prices.per_audio_token_out, price_out)),
        (_without(usage.output_tokens, usage.output_audio_tokens), price_out),
    )
    known = [count * price for count, price in counts if count is not None and price is not None]
    return sum(known) if known else None


def _either(first: float | None, second: float | None) -> float | None:
    return second if first is None else first


def _without(all_of_them: int | None, *parts: int | None) -> int | None:
    """Those that are in none of the ``parts``."""
    return None if all_of_them is None else max(0, all_of_them - sum(part or 0 for part in parts))
