"""Whether the training images are enough for a search."""

import re

import pytest

from pnas_apps.ground.errors import UserError
from pnas_apps.steps.search_images import check_interval


def test_too_few_images_for_an_interval_are_refused_with_both_ways_out() -> None:
    with pytest.raises(UserError, match="give --batch-size 12 or --search-arch-interval 2, or add images"):
        check_interval(64, 80, 32, 5)
    check_interval(64, 80, 12, 5)
    check_interval(64, 80, 32, 2)


@pytest.mark.parametrize(("count", "batch", "interval"), [(4, 128, 5), (6, 2, 15), (3, 2, 4)])
def test_every_way_out_leads_out(count: int, batch: int, interval: int) -> None:
    with pytest.raises(UserError) as refused:
        check_interval(count, 80, batch, interval)
    flags = {name: int(number) for name, number in re.findall(r"--([a-z-]+) (\d+)", str(refused.value))}
    check_interval(count, 80, flags.get("batch-size", batch), flags.get("search-arch-interval", interval))
