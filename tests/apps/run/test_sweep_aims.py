"""Budgets on devices, as data, and what a search for all of them takes."""

import pytest
from attrs import evolve

from pnas_apps.cli.presets import read_preset
from pnas_apps.run.device_settings import DeviceSettings
from pnas_apps.run.preset import ImagePreset, structure_preset
from pnas_apps.run.sweep_aims import SweepAim, device_names, folder_name, least_of_each_device, sweep_aims
from pnas_apps.run.sweep_effort import ARCH_STEP, MOST, preset_effort, sweep_preset
from pnas_cifar10.cli import PRESETS

TFLITE, ONNX = DeviceSettings(), DeviceSettings(name="onnxruntime")


def test_aims_are_every_budget_on_every_device() -> None:
    aims = sweep_aims([TFLITE, ONNX], [0.2, 0.1, 10.0])
    assert [(aim.device, aim.latency_ms) for aim in aims] == [
        *((TFLITE, ms) for ms in (0.2, 0.1, 10.0)),
        *((ONNX, ms) for ms in (0.2, 0.1, 10.0)),
    ]
    assert least_of_each_device(aims) == (aims[1], aims[4])
    assert [folder_name(aim, aims) for aim in aims[::2]] == ["tflite-0.2ms", "tflite-10ms", "onnxruntime-0.1ms"]
    near = sweep_aims([TFLITE], [0.1, 0.1 + 1e-16])
    assert len({folder_name(aim, near) for aim in near}) == 2


def test_devices_have_names_for_any_file_system_that_differ() -> None:
    names = ["adb,cpus=4-7:R5CT1", "adb:cpus 4-7 R5CT1", "cmd:ssh board 'bench {model}' > /dev/null 2>&1; and more"]
    devices = [DeviceSettings(name=name) for name in names]
    aims = sweep_aims(devices, [1.0])
    assert list(device_names(aims).values()) == [
        "adb-cpus-4-7-R5CT1",
        "adb-cpus-4-7-R5CT1-2",
        "cmd-ssh-board-bench-model-dev-null-2-1-a",
    ]


@pytest.mark.parametrize("latency_ms", [0.0, -1.0, float("nan")])
def test_a_budget_that_is_none_is_refused(latency_ms: float) -> None:
    with pytest.raises(ValueError, match="latency_ms"):
        SweepAim(device=TFLITE, latency_ms=latency_ms)


@pytest.mark.parametrize("name", ["cpu", "quick", "digits"])
@pytest.mark.parametrize("aims", [1, 2, 4, 5, 20])
def test_a_sweep_takes_at_most_twice_the_effort_and_no_aim_is_given_more_than_alone(name: str, aims: int) -> None:
    preset = structure_preset(read_preset(name, PRESETS), name, ImagePreset)
    found = sweep_preset(preset, aims)
    alone, swept = preset.search, found.search
    assert evolve(swept, arch_interval=alone.arch_interval) == alone

    def weight_steps(interval: int, count: int) -> float:
        """Of a thousand steps an epoch, and architecture steps counted as so many of them."""
        return 1000 * (alone.warmup_epochs + alone.epochs) + count * ARCH_STEP * 1000 * alone.epochs / interval

    single = weight_steps(alone.arch_interval, 1)
    assert weight_steps(swept.arch_interval, aims) <= MOST * single
    assert swept.arch_interval >= alone.arch_interval
    if swept.arch_interval > alone.arch_interval:
        assert weight_steps(swept.arch_interval - 1, aims) > MOST * single
    assert preset_effort(found, aims) / preset_effort(preset, 1) == pytest.approx(
        weight_steps(swept.arch_interval, aims) / single
    )


def test_rewards_count_as_the_passes_that_they_take() -> None:
    preset = structure_preset(read_preset("cpu", PRESETS), "cpu", ImagePreset)
    rewarded = evolve(preset, objective=evolve(preset.objective, form="reinforce", samples=30))
    assert preset_effort(rewarded, 1) == pytest.approx(3 + 5 * (1 + 30 / 3 / 5))
    assert preset_effort(preset, 1) == pytest.approx(3 + 5 * (1 + ARCH_STEP / 5))
