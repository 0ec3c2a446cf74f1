"""Whether the training images are enough for a search."""

import re
from pathlib import Path

import pytest
import torch
from attrs import evolve
from rich.console import Console

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.images.batch_parts import check_shared
from pnas_apps.images.image_set import ImageSet
from pnas_apps.steps.search_images import check_interval, check_search_images
from small_runs import small_preset, small_run


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


@pytest.mark.parametrize(("count", "world_size"), [(1, 1), (3, 2)])
@pytest.mark.parametrize("interval", [1, 5])
def test_a_batch_of_one_image_is_no_way_out(count: int, world_size: int, interval: int) -> None:
    with pytest.raises(UserError, match=rf"on {count} of the 4 training .* per architecture step\): add images$"):
        check_interval(count, 4, 32, interval, world_size)


def test_a_share_that_is_too_small_is_named_where_all_images_would_do() -> None:
    with pytest.raises(UserError, match=r"on 1 of the 80 .*: give --search-share 1, or add images$"):
        check_interval(1, 80, 32, 2, of_all=64)
    with pytest.raises(UserError, match=r"on 1 of the 80 .*: add images$"):
        check_interval(1, 80, 32, 2, of_all=63)


def test_all_images_are_held_out_from_as_a_search_does(tmp_path: Path) -> None:
    labels = torch.arange(60) % 3
    images = ImageSet(images=torch.zeros(60, 1, 8, 8, dtype=torch.uint8), labels=labels, classes=("a", "b", "c"))
    preset = evolve(small_preset(), search_share=0.1, validation_share=0.5)
    task = small_run(tmp_path / "run", images, Reporter(Console(quiet=True)), preset=preset).task

    def check(interval: int) -> None:
        check_search_images(task, evolve(preset, search=evolve(preset.search, arch_interval=interval)), 1)

    # 3 of 6, and 30 of 60: three batches of 8.
    with pytest.raises(UserError, match=r"on 3 of the 60 .* or --search-share 1, or add images$"):
        check(3)
    with pytest.raises(UserError, match=r"on 3 of the 60 .*: give --search-arch-interval 1 --batch-size 3, or add"):
        check(4)
    # One image of each class, or none at all for the architecture.
    preset = evolve(preset, search_share=0.05)
    with pytest.raises(UserError, match=r"^--search-share 0.05 leaves 3 of 60 images, .*: give a larger one$"):
        check(3)
    preset = evolve(preset, validation_share=0.01)
    with pytest.raises(UserError, match=r"^class 'a' has 20 images, but .* or give --validation-share"):
        check(3)


@pytest.mark.parametrize(("size", "ways"), [(1, "4"), (2, "4"), (3, "4"), (5, "4 or --batch-size 6")])
def test_every_process_has_more_than_one_image_of_a_batch(size: int, ways: str) -> None:
    with pytest.raises(UserError, match=f"give --batch-size {ways}$"):
        check_shared(size, 2)
    for way in re.findall(r"\d+", ways):
        check_shared(int(way), 2)
    check_shared(1, 1)
