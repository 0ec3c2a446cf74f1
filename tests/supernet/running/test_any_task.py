"""Searches of other tasks than the classification of images: any loss and score, inputs and outputs of any form."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from pnas_supernet import EpochRecord, MixedOp, ProxylessNAS, SearchConfig, accuracy, alpha_parameters

CONFIG = SearchConfig(warmup_epochs=0, epochs=1, arch_interval=1, alpha_lr=0.1, label_smoothing=0.0)


def two_convolutions(conv: nn.Conv2d) -> MixedOp:
    step = conv.stride[0]
    other = nn.Conv2d(conv.in_channels, conv.out_channels, 1, step, groups=conv.groups, bias=conv.bias is not None)
    return MixedOp([conv, other])


def search_of(network: nn.Module, config: SearchConfig = CONFIG, **options: Any) -> ProxylessNAS:
    return ProxylessNAS(network, config, generator=torch.Generator().manual_seed(0), **options)


def learned(search: ProxylessNAS, batches: list[Any]) -> EpochRecord:
    record = search.run_epoch(batches, batches)
    assert all(alpha.any() for alpha in alpha_parameters(search.network))
    return record


def test_segmentation_has_dicts_of_outputs_and_a_score_of_its_own() -> None:
    torch.manual_seed(0)
    network = torchvision.models.segmentation.lraspp_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=3
    )
    network.classifier.low_classifier = two_convolutions(network.classifier.low_classifier)
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    masks = torch.randint(3, (4, 32, 32), generator=torch.Generator().manual_seed(0))
    scored: list[dict[str, Tensor]] = []

    def mean_iou(outputs: dict[str, Tensor], targets: Tensor) -> float:
        scored.append(outputs)
        found = outputs["out"].argmax(1)
        of_classes = [((found == k) & (targets == k)).sum() / ((found == k) | (targets == k)).sum() for k in range(3)]
        return float(torch.stack(of_classes).mean())

    def loss(outputs: dict[str, Tensor], targets: Tensor) -> Tensor:
        return nn.functional.cross_entropy(outputs["out"], targets)

    config = SearchConfig(warmup_epochs=0, epochs=1, arch_interval=1, micro_batches=2)
    record = learned(search_of(network, config, loss=loss, score=mean_iou), [(images, masks)])
    assert 0 < record.train_accuracy < 1
    assert [outputs["out"].shape for outputs in scored] == [(4, 3, 32, 32)] * 2
    with pytest.raises(
        ValueError, match=r"a OrderedDict and targets torch\.int64 of \(4, 32, 32\) have no cross entropy"
    ):
        search_of(network).run_epoch([(images, masks)], [(images, masks)])
    with pytest.raises(ValueError, match=r"have no accuracy: say what is good about them with a score="):
        search_of(network, loss=loss).run_epoch([(images, masks)], [(images, masks)])


class Detector(nn.Module):
    """From lists of images and of targets to a dict of losses, as torchvision's detectors have it in training."""

    def __init__(self) -> None:
        super().__init__()
        self.op = MixedOp([nn.Conv2d(3, 4, size, padding=size // 2) for size in (1, 3)])

    def forward(self, images: list[Tensor], targets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
        boxes = [self.op(image[None]).mean((0, 2, 3)) for image in images]
        of_images = [(box - target["boxes"]).square().mean() for box, target in zip(boxes, targets, strict=True)]
        return {"boxes": torch.stack(of_images).mean(), "classes": torch.stack(boxes).square().mean()}


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_detection_has_lists_of_images_and_targets_and_gives_its_losses(micro_batches: int) -> None:
    torch.manual_seed(0)
    images = [torch.randn(3, size, 9, generator=torch.Generator().manual_seed(0)) for size in (8, 9, 10, 11)]
    targets = [{"boxes": torch.rand(count, 4, generator=torch.Generator().manual_seed(0))} for count in (1, 3, 2, 1)]
    config = SearchConfig(warmup_epochs=0, epochs=1, arch_interval=1, micro_batches=micro_batches)
    search = search_of(
        Detector(),
        config,
        loss=lambda losses, targets: sum(losses.values()),
        score=lambda losses, targets: -losses["boxes"],
    )
    with torch.no_grad():
        expected = sum(
            (box - target["boxes"]).square().mean() / 4
            for box, target in zip(
                [search.network.op.candidates[0](image[None]).mean((0, 2, 3)) for image in images],
                targets,
                strict=True,
            )
        )
    with torch.no_grad():
        search.network.op.alpha[1] = -50.0
    record = learned(search, [((images, targets), targets)])
    assert record.train_accuracy == pytest.approx(-float(expected), rel=1e-5)
    assert "%" not in repr(record)


def test_torchvisions_own_detector_searches() -> None:
    torch.manual_seed(0)
    network = torchvision.models.detection.ssdlite320_mobilenet_v3_large(
        weights=None, weights_backbone=None, num_classes=3
    )
    stem = network.backbone.features[0][0]
    stem[0] = two_convolutions(stem[0])
    stem[0].candidates[1].padding = (0, 0)
    images = [torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) for _ in range(2)]
    targets = [{"boxes": torch.tensor([[5.0, 5.0, 40.0, 50.0]]), "labels": torch.tensor([1])} for _ in range(2)]
    search = search_of(
        network,
        loss=lambda losses, targets: sum(losses.values()),
        score=lambda losses, targets: -losses["classification"],
    )
    assert learned(search, [((images, targets), targets)]).train_loss > 0


class TwoTowers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.op = MixedOp([nn.Bilinear(3, 2, 1), nn.Bilinear(3, 2, 1, bias=False)])

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.op(left, right)


@pytest.mark.parametrize("named", [False, True])
def test_a_network_takes_several_inputs(named: bool) -> None:
    torch.manual_seed(0)
    left, right = (
        torch.randn(6, 3, generator=torch.Generator().manual_seed(0)),
        torch.randn(6, 2, generator=torch.Generator().manual_seed(0)),
    )
    inputs = {"left": left, "right": right} if named else (left, right)
    targets = torch.randn(6, 1, generator=torch.Generator().manual_seed(0))
    config = SearchConfig(warmup_epochs=0, epochs=1, arch_interval=1, micro_batches=2)
    batches = [(inputs, targets)]
    search = search_of(TwoTowers(), config, loss=nn.functional.mse_loss, score=lambda found, wanted: -57.5)
    record = learned(search, batches)
    assert record.train_accuracy == pytest.approx(-57.5)
    assert "-57.5; validation" in repr(record)
    with pytest.raises(
        ValueError, match=r"float32 of \(6, 1\) and targets torch\.float32 of \(6, 1\) have no accuracy"
    ):
        search_of(TwoTowers(), loss=nn.functional.mse_loss).run_epoch(batches, batches)
    with pytest.raises(ValueError, match="a batch has 6 inputs and 5 targets"):
        search_of(TwoTowers(), config, loss=nn.functional.mse_loss).run_epoch([(inputs, targets[:5])], batches)
    with pytest.raises(ValueError, match=r"a loss is a scalar tensor, got 1\.0: give its mean over the batch"):
        search_of(TwoTowers(), loss=lambda found, wanted: 1.0).run_epoch(batches, batches)


@pytest.mark.parametrize(
    "loss",
    [
        lambda found, wanted: nn.functional.mse_loss(found.detach(), wanted),
        lambda found, wanted: torch.tensor(nn.functional.mse_loss(found, wanted).item()),
    ],
    ids=["detached", "item"],
)
def test_a_loss_without_a_graph_is_refused_before_anything_is_learned(loss: Callable[[Tensor, Tensor], Tensor]) -> None:
    batches = [((torch.ones(6, 3), torch.ones(6, 2)), torch.zeros(6, 1))]
    search = search_of(TwoTowers(), loss=loss)
    with pytest.raises(ValueError, match="the loss has no graph while the network's outputs have one"):
        search.run_epoch(batches, batches)
    assert search.step == 0


def test_accuracy_is_a_share_of_images_and_of_pixels() -> None:
    assert accuracy(torch.eye(3), torch.tensor([0, 1, 0])) == pytest.approx(2 / 3)
    pixels = torch.nn.functional.one_hot(torch.arange(8).view(2, 2, 2) % 3, 3).movedim(-1, 1).float()
    assert accuracy(pixels, torch.zeros(2, 2, 2, dtype=torch.long)) == pytest.approx(3 / 8)


def test_what_the_user_put_into_evaluation_mode_stays_there() -> None:
    norm = nn.BatchNorm2d(3)
    network = nn.Sequential(norm, nn.BatchNorm2d(3), MixedOp([nn.Identity(), Scale()]), Head())
    norm.eval()
    search = search_of(network, SearchConfig(warmup_epochs=0, epochs=3, arch_interval=1))
    batches = [(torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)) + 3, torch.arange(4) % 3)]
    search.run_epoch(batches, batches)
    assert norm.running_mean.tolist() == [0.0, 0.0, 0.0]
    assert network[1].running_mean.any()
    network.eval()  # as one does between epochs, to look how good it is
    search.run_epoch(batches, batches)
    assert [module.training for module in network[:2]] == [False, True]
    assert norm.running_mean.tolist() == [0.0, 0.0, 0.0]
    norm.train()
    search.run_epoch(batches, batches)
    assert norm.running_mean.any()


class Scale(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight


class Head(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def test_lazy_modules_are_refused_until_they_have_run() -> None:
    network = nn.Sequential(MixedOp([nn.Identity()]), nn.LazyLinear(3))
    with pytest.raises(ValueError, match=r"1\.weight has no shape yet.*: run the network once before its search"):
        search_of(network)
    network[1](torch.zeros(1, 4))
    assert search_of(network).epochs_left == 1
