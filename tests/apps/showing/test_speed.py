"""What a report says of a machine that has changed its speed, and of one that is too noisy."""

import io
from pathlib import Path

import pytest
from attrs import evolve
from rich.console import Console

from pnas_apps.run.results import NetResult, RunResults
from pnas_apps.showing.file_tables import proof_table
from pnas_apps.showing.run_tables import measured_text, results_table, speed_line, words_line
from pnas_export import Bundle
from pnas_ops import DeviceInfo, load_json

ROOT = Path(__file__).parents[3]
DEVICE = DeviceInfo(device="board", runtime="fake", runtime_version="1", threads=1, dtype="float32")


@pytest.fixture
def net() -> NetResult:
    net = load_json(ROOT / "tests" / "samples" / "finished-run" / "results.json", RunResults).nets[0]
    return evolve(net, predicted_ms=0.4, measured=evolve(net.measured, latency_ms=0.5, noisy=False))


def printed(*nets: NetResult, elsewhere: bool = False) -> str:
    text = io.StringIO()
    table = results_table(nets, measured="model.tflite", device=DEVICE, measured_elsewhere=elsewhere)
    Console(file=text, width=120).print(table)
    return text.getvalue()


def test_predictions_are_told_at_the_speed_of_the_measurement(net: NetResult) -> None:
    assert (net.off_by, net.predicted_now_ms) == (pytest.approx(-0.2), 0.4)
    slow = evolve(net, slower=1.25)
    assert (slow.off_by, slow.predicted_now_ms) == (pytest.approx(0.0), pytest.approx(0.5))
    assert "-20.0%" in printed(net)
    page = printed(slow)
    assert "+0.0%" in page
    assert "0.4000" not in page
    assert "Nets take 1.25 times as long now as when the table was made" in page


def test_a_net_that_is_too_noisy_is_off_by_nothing_that_could_be_told(net: NetResult) -> None:
    noisy = evolve(net, measured=evolve(net.measured, noisy=True), slower=1.25)
    assert noisy.off_by is None
    assert "too noisy" in printed(noisy)


def test_files_and_nets_of_others_that_are_too_noisy_have_a_word(net: NetResult) -> None:
    proof = Bundle.load(ROOT / "tests" / "samples" / "finished-run" / "bundle").proof
    assert proof is not None
    one, two = proof.files[0].timings
    noisy = evolve(two, measurement=evolve(two.measurement, latency_ms=19.6, noisy=True))
    files = (evolve(proof.files[0], timings=(one, noisy)), *proof.files[1:])
    text = io.StringIO()
    Console(file=text, width=80).print(proof_table(evolve(proof, files=files)))
    assert "19.6 noisy" in text.getvalue()
    assert "MB" in text.getvalue()
    assert measured_text(net.measured) == "0.5000"
    assert measured_text(evolve(net.measured, noisy=True)) == "0.5000 noisy"
    disturbed = evolve(net.measured, p25_ms=0.88, p75_ms=8.7)
    assert measured_text(disturbed) == "0.5000 disturbed"
    assert words_line([net.measured, None]) == ""
    assert words_line([net.measured, disturbed, None]).startswith(
        "Disturbed: a quarter of the runs took more than twice"
    )


def test_nothing_is_said_of_a_speed_that_is_not_known_or_the_same(net: NetResult) -> None:
    assert speed_line([None, None]) is None
    assert speed_line([1.02, None, 0.99]) is None
    assert speed_line([0.8]) == (
        "Nets take 0.80 times as long now as when the table was made: predictions are for the current speed."
    )
    assert "times as long" not in printed(evolve(net, slower=1.25), elsewhere=True)
