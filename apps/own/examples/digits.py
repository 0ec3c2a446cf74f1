"""scikit-learn's digits, pasted on photographs and found again pixel by pixel, by torchvision's LR-ASPP."""

import os
from functools import partial
from pathlib import Path
from urllib.error import URLError

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset
from torchvision.io import ImageReadMode, decode_image
from torchvision.models import MobileNet_V3_Large_Weights
from torchvision.models.segmentation import lraspp_mobilenet_v3_large
from torchvision.transforms.v2.functional import center_crop, resize

from pnas_ops import read_weights

CLASSES, SIDE, DIGIT = 11, 64, 40  # ten digits and what lies around them; pixels
WEIGHTS = torch.tensor([0.1] + 10 * [1.0])  # most pixels lie around
Loader = DataLoader[tuple[Tensor, ...]]


def make() -> nn.Module:
    """A net whose backbone is ImageNet's, or that of the file PRETRAINED."""
    local = os.environ.get("PRETRAINED")
    if local:
        net = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=CLASSES)
        found = {name: one for name, one in read_weights(local).items() if name.startswith("features.")}
        net.backbone.load_state_dict({name.removeprefix("features."): one for name, one in found.items()})
        return net
    try:
        weights = MobileNet_V3_Large_Weights.DEFAULT
        return lraspp_mobilenet_v3_large(weights=None, weights_backbone=weights, num_classes=CLASSES)
    except URLError as error:
        raise RuntimeError(f"no weights ({error}): set PRETRAINED to those of tests/benchmarks/pretrain.py") from None


def loss(outputs: dict[str, Tensor], masks: Tensor) -> Tensor:
    """Cross entropy of every pixel, a tenth of it around the digits."""
    return functional.cross_entropy(outputs["out"], masks, weight=WEIGHTS.to(masks.device))


def score(outputs: dict[str, Tensor], masks: Tensor) -> float:
    """Mean intersection over union of the classes that are there."""
    found = outputs["out"].argmax(dim=1)
    pairs = torch.bincount((masks * CLASSES + found).flatten(), minlength=CLASSES**2).view(CLASSES, CLASSES)
    union = pairs.sum(dim=0) + pairs.sum(dim=1) - pairs.diagonal()
    return float((pairs.diagonal()[union > 0] / union[union > 0]).mean())


def loaders(folder: Path) -> tuple[Loader, Loader, Loader]:
    """Every digit once, on a photograph of its own split: for the weights, for the choice, and for the test."""
    digits = load_digits()
    pictures, classes = torch.from_numpy(digits.images).float().div(16), torch.from_numpy(digits.target)
    photos = [read(path) for path in sorted(folder.rglob("*.jpg"))]
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))
    train, choice, test = (
        TensorDataset(*pasted(pictures[part], classes[part], photos[at::3]))
        for at, part in enumerate(order.split([900, 400, 497]))
    )
    shuffled = partial(DataLoader, batch_size=16, shuffle=True, drop_last=True)
    return shuffled(train), shuffled(choice), DataLoader(test, batch_size=len(test))


def read(path: Path) -> Tensor:
    """The middle of a photograph, uint8 (3, SIDE, SIDE)."""
    middle: Tensor = center_crop(resize(decode_image(path, ImageReadMode.RGB), [SIDE]), [SIDE])
    return middle


def pasted(pictures: Tensor, classes: Tensor, photos: list[Tensor]) -> tuple[Tensor, Tensor]:
    """White digits at random places: uint8 (N, 3, SIDE, SIDE), and the class of each pixel (N, SIDE, SIDE)."""
    generator = torch.Generator().manual_seed(len(pictures))
    images, masks = [], []
    for picture, digit in zip(pictures, classes, strict=True):
        top, left = torch.randint(SIDE - DIGIT, (2,), generator=generator).tolist()
        photo = photos[int(torch.randint(len(photos), (), generator=generator))]
        ink = torch.zeros(SIDE, SIDE)
        ink[top : top + DIGIT, left : left + DIGIT] = resize(picture[None], [DIGIT, DIGIT])[0]
        images.append((photo * (1 - ink) + 255 * ink).byte())
        masks.append((ink > 0.5) * (1 + digit))
    return torch.stack(images), torch.stack(masks)
