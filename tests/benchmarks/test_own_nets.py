"""The three examples of `pnas-own`, kept whole, from weights that `pretrain.py` has made in the folder PRETRAINED_DIR.

Run with `PRETRAINED_DIR=pretrained uv run pytest -m slow tests/benchmarks/test_own_nets.py -s` on an idle machine.
"""

import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from pnas_latency import Landing
from pnas_ops import load_json
from pnas_own.reporting import OwnResults

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "apps" / "own" / "examples"
PHOTOS = ROOT.parent / "shared" / "data" / "ants-bees-photos.zip"
MINUTES = 15

pytestmark = pytest.mark.slow


def results(folder: Path, example: str, weights: str, *arguments: str) -> OwnResults:
    """What the program finds, within the minutes that its README names."""
    pretrained = Path(os.environ.get("PRETRAINED_DIR", "pretrained"), f"{weights}.safetensors").resolve()
    for needed in (pretrained, PHOTOS):
        if not needed.exists():
            pytest.skip(f"{needed.name} is not there")
    zipfile.ZipFile(PHOTOS).extractall(folder)
    program = [sys.executable, "-m", "pnas_own", "run", f"{EXAMPLES / example}:make", "--data-dir", folder / "photos"]
    command = [*map(str, program), "--run-dir", str(folder / "run"), "--cache-dir", str(folder / "cache"), *arguments]
    began = time.monotonic()
    subprocess.run(command, check=True, env=os.environ | {"PRETRAINED": str(pretrained)})
    found = load_json(folder / "run" / "results.json", OwnResults)
    minutes = (time.monotonic() - began) / 60
    print(f"{example}: {minutes:.1f} minutes, {found}")
    assert minutes < MINUTES
    assert 3 * len(found.changes) >= found.places
    return found


def landed(folder: Path) -> bool:
    """Whether the net keeps the target and uses it, as it was measured then: machines change their speed."""
    landing = load_json(folder / "run" / "landing.json", Landing)
    measured = landing.attempts[landing.chosen].measured_ms
    return measured is not None and 0.93 * landing.target_ms <= measured <= landing.target_ms


def test_photographs_by_a_net_of_torchvision(tmp_path: Path) -> None:
    original, found = results(tmp_path, "photos.py", "mobilenet_v3_small", "--target-latency-ms", "0.4").nets
    assert landed(tmp_path)
    assert found.measured_ms < original.measured_ms
    assert found.score > 0.6


def test_photographs_by_a_net_of_blocks(tmp_path: Path) -> None:
    original, found = results(tmp_path, "resnet.py", "resnet18", "--target-latency-ms", "4").nets
    assert landed(tmp_path)
    assert found.measured_ms < original.measured_ms
    assert found.score > 0.6


def test_segmentation_by_a_net_of_torchvision(tmp_path: Path) -> None:
    epochs = ["--imitation-epochs=1", "--search-warmup-epochs=3", "--search-epochs=8", "--train-epochs=12"]
    rates = ["--search-weight-lr=0.05", "--train-lr=0.05"]
    original, found = results(
        tmp_path, "digits.py", "mobilenet_v3_large", "--target-latency-ms=0.8", *epochs, *rates
    ).nets
    assert landed(tmp_path)
    assert found.measured_ms < original.measured_ms
    assert found.score > 0.45
