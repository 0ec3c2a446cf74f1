"""Spaces by their names."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from command_line import assert_refused
from pnas_cifar10.cli import main
from pnas_imagenet.cli import main as imagenet


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--space", "cifr"], r"there is no space 'cifr': name one of cifar, cifar-network, tree"),
        (["--space", "cifar-network", "--resolution", "1"], r"resolution 1 of space .* is no multiple of 8.*: take 8$"),
        (["--space", "darts", "--resolution", "30"], r"resolution 30 of .darts-1-3. comes to 30 pixels"),
    ],
)
def test_one_that_cannot_be_is_refused_before_any_image_is_read(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    given = ["search", "--data-dir", str(tmp_path), "--run-dir", str(tmp_path / "run")]
    assert_refused(CliRunner().invoke(main, [*given, *arguments]), message)


def test_so_is_one_for_photos(tmp_path: Path) -> None:
    given = ["search", "--data-dir", str(tmp_path), "--run-dir", str(tmp_path / "run")]
    result = CliRunner().invoke(imagenet, [*given, "--space", "mcunet", "--resolution", "2"])
    assert_refused(result, r"resolution 2 of 'mcunet.*' is used up before block")
