"""What a response costs."""

import pytest

from aigw_sansio.events import UsageReported
from aigw_sansio.formats.costs import cost_of
from aigw_sansio.ids import CustomCost

PRICES = CustomCost(per_token_in=10.0, per_token_out=100.0)
CACHED = CustomCost(per_token_in=10.0, per_token_out=100.0, per_cache_read_token=1.0, per_cache_write_token=20.0)


@pytest.mark.parametrize(
    ("prices", "usage", "cost"),
    [
        (PRICES, UsageReported(input_tokens=7, output_tokens=3), 370.0),
        (PRICES, UsageReported(input_tokens=7, cache_read_input_tokens=5, output_tokens=3), 370.0),
        (CACHED, UsageReported(input_tokens=7, cache_read_input_tokens=5, output_tokens=3), 325.0),
        (
            CACHED,
            UsageReported(input_tokens=7, cache_read_input_tokens=4, cache_creation_input_tokens=2, output_tokens=0),
            54.0,
        ),
        (PRICES, UsageReported(input_tokens=1, cache_read_input_tokens=5), 50.0),  # a provider that counts apart
        (CustomCost(per_token_out=1.0), UsageReported(input_tokens=7, output_tokens=3), 3.0),
        (PRICES, UsageReported(input_characters=7), None),
        (PRICES, None, None),
        (CustomCost(), UsageReported(input_tokens=7), None),
        (CustomCost(total_cost=2.5, per_token_in=1.0), None, 2.5),
        (CustomCost(total_cost=0.0), UsageReported(input_tokens=7), 0.0),
    ],
)
def test_a_cost(prices: CustomCost, usage: UsageReported | None, cost: float | None) -> None:
    assert cost_of(prices, usage) == cost
