"""Spaces compared, as a terminal shows them."""

import io

from rich.console import Console

from pnas_apps.showing.design_table import design_page
from pnas_latency import SpaceDesign, SpaceOutlook

WIDE = SpaceOutlook(name="wide", resolution=8, drawn=10, macs=(1e6, 2e6, 6e6))
NARROW = SpaceOutlook(name="narrow", resolution=16, drawn=10, macs=(1e6, 1e6))
NONE = SpaceOutlook(name="none", resolution=8, drawn=10, macs=())
DESIGN = SpaceDesign(limits={"weight_bytes_int8": 1e6}, outlooks=(NONE, NARROW, WIDE))


def shown(**options: dict[str, float]) -> list[list[str]]:
    text = io.StringIO()
    Console(file=text, width=80).print(design_page(DESIGN, **options))
    return [line.split() for line in text.getvalue().splitlines()]


def test_the_best_space_comes_first_and_one_without_a_net_has_no_macs() -> None:
    lines = shown()
    assert " ".join(lines[0]) == "A net takes at most 1,000,000 bytes of weights in int8"
    assert ["wide", "@8", "30.0%", "3", "1", "2", "6"] in lines
    assert lines.index(["none", "@8", "0.0%", "-", "-", "-", "-"]) > lines.index(["narrow", "@16", "20.0%", *"1111"])
    assert " ".join(" ".join(line) for line in lines).strip().endswith(f"Best space: {DESIGN.reason}.")


def test_what_others_have_found_stands_beside_with_the_rank_correlation() -> None:
    lines = shown(published={"wide @8": 5e6, "narrow @16": 7e6, "none @8": 9e6})
    assert ["wide", "@8", "30.0%", "3", "1", "2", "6", "5"] in lines
    assert ["none", "@8", "0.0%", "-", "-", "-", "-", "9"] in lines
    assert " ".join(lines[-1]) == "Rank correlation of the means with those published: -1.00."


def test_two_means_have_no_rank_correlation_that_says_anything() -> None:
    lines = shown(published={"wide @8": 5e6, "narrow @16": 7e6})
    assert ["none", "@8", "0.0%", "-", "-", "-", "-", "-"] in lines
    assert not any(line[:2] == ["Rank", "correlation"] for line in lines)
