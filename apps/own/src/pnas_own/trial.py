"""Whether a net, the images, the loss and the score go together: tried on one batch."""

import copy
import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from pnas_apps.ground.errors import UserError
from pnas_apps.run.named_functions import takes_argument
from pnas_apps.training.training import Training
from pnas_ops import in_one_line
from pnas_own.data import Data
from pnas_own.first_batches import LOADERS
from pnas_own.given import Given
from pnas_own.preset import OwnPreset
from pnas_supernet import TrainingMode, accuracy, evaluating, seeded

_IMAGES = 2


def check_net(network: nn.Module, data: Data, given: Given, preset: OwnPreset) -> None:
    """Runs a copy of the net on two test images, and asks the loss and the score of what it gives.

    Raises:
        UserError: for a net that does not take the images, or gives something else in training than in evaluation, a
            loss or a score that does not take what it gives, what is not finite of all these, labels that are no
            classes of the net, options of the training that are not for this net, and a state that no file can hold.
    """
    _check_state(network, given)
    tried = copy.deepcopy(network)
    pixels, targets = next(iter(data.test()))
    device = next(tried.parameters()).device
    # Two at least, so that BatchNorm has something to take its statistics of.
    images = data.preprocessing(torch.cat([pixels] * _IMAGES)[:_IMAGES].to(device))
    targets = torch.cat([targets] * _IMAGES)[:_IMAGES].to(device)
    with evaluating(tried):
        outputs = _outputs(tried, images, given)
    if given.loss is None or given.score is None:
        _check_logits(outputs, data, given)
    if given.loss is None and given.loaders is not None:
        _check_labels(outputs.shape[1], data, given)
    TrainingMode(tried).enter()
    with seeded(0, device):
        trained = _outputs(tried, images, given)
    if _structure(trained) != _structure(outputs):
        raise UserError(
            f"the net that {given.name} of {given.path} makes gives {_structure(trained)} in training and "
            f"{_structure(outputs)} in evaluation: let it give the same in both, for example without auxiliary outputs"
        )
    _check_loss(trained, targets, given)
    _check_score(outputs, targets, given)
    try:
        Training(tried, preset.train, classes=known_classes(data, given), loss=given.loss)
    except ValueError as error:
        raise UserError(f"{in_one_line(error)}: leave out that --train option for this net") from None


def known_classes(data: Data, given: Given) -> int | None:
    """The number of classes whose labels a training may mix; None where that is unknown or there are no classes."""
    return None if given.loss else len(data.classes) or None


def _outputs(net: nn.Module, images: Tensor, given: Given) -> Any:
    try:
        outputs = net(images)
    except Exception as error:  # whatever a user's net raises
        shape = "x".join(map(str, images.shape))
        other_images = "name another --resolution" if given.loaders is None else "let loaders give others"
        dtypes = {weight.dtype for weight in net.parameters()}
        way_out = f"let its forward take them, or {other_images}"
        if dtypes != {images.dtype}:
            way_out = f"let {given.name} return it in float32, as net.float() is"
        raise UserError(
            f"the net that {given.name} of {given.path} makes does not take images {shape} ({type(error).__name__}: "
            f"{in_one_line(error)}): {way_out}"
        ) from None
    if not all(one.isfinite().all() for one in pytree.tree_leaves(outputs) if isinstance(one, Tensor)):
        raise UserError(
            f"the net that {given.name} of {given.path} makes gives values that are not finite for the first test "
            "images: check its weights"
        )
    return outputs


def _check_state(network: nn.Module, given: Given) -> None:
    for name, kept in network.state_dict().items():
        if not isinstance(kept, Tensor) or kept.is_complex():
            what = kept.dtype if isinstance(kept, Tensor) else f"a {type(kept).__name__}"
            raise UserError(
                f"the net that {given.name} of {given.path} makes keeps {what} as {name}, but weight files hold only "
                "real tensors: let it keep those, and no extra state"
            )


def _structure(outputs: Any) -> str:
    """Containers, with the shapes of their tensors."""
    return str(
        pytree.tree_map(lambda one: tuple(one.shape) if isinstance(one, Tensor) else type(one).__name__, outputs)
    )


def _check_loss(outputs: Any, targets: Tensor, given: Given) -> None:
    loss = given.loss
    if loss is None:
        return
    value = given.call("loss", lambda: loss(outputs, targets))
    if not isinstance(value, Tensor) or value.ndim or not value.requires_grad:
        raise UserError(f"{given.path}: loss returned no scalar with a gradient: return a mean over the batch")
    if not value.isfinite():
        raise UserError(f"{given.path}: loss returned {value.item()} for the first test images: return a finite number")


def _check_score(outputs: Any, targets: Tensor, given: Given) -> None:
    score = given.score or accuracy
    judged: Any = given.call("score", lambda: score(outputs, targets))
    if not hasattr(judged, "__float__") or getattr(judged, "ndim", 0) > 0:
        raise UserError(f"{given.path}: score returned a {type(judged).__name__}: return a number, larger is better")
    if not math.isfinite(judged):
        raise UserError(
            f"{given.path}: score returned {float(judged)} for the first test images: return a finite number"
        )


def _check_logits(outputs: Any, data: Data, given: Given) -> None:
    classes = len(data.classes)
    if isinstance(outputs, Tensor) and outputs.ndim == 2 and (not classes or outputs.shape[1] == classes):
        return
    what = f"{tuple(outputs.shape)}" if isinstance(outputs, Tensor) else f"something of type {type(outputs).__name__}"
    wanted = f"{classes} logits per image, one per class" if classes else "logits (N, classes)"
    way_out = f"let {given.name} take the number of classes"
    if given.loaders is not None or takes_argument(given.make):
        way_out = "let its forward return such"
    raise UserError(
        f"the net that {given.name} of {given.path} makes gives {what}, not {wanted}: {way_out}, or define loss and "
        "score for its output"
    )


def _check_labels(classes: int, data: Data, given: Given) -> None:
    batches = (data.training("weights", "trial"), data.training("choice", "trial"), data.test())
    for which, (_, labels) in zip(LOADERS, (next(iter(one)) for one in batches), strict=True):
        where = f"{given.path}: loaders give {which}"
        if labels.dtype != torch.int64 or labels.ndim != 1:
            raise UserError(
                f"{where} labels as {labels.dtype} {tuple(labels.shape)}: give torch.int64 (N,), or a loss for them"
            )
        if labels.min() < 0 or labels.max() >= classes:
            raise UserError(
                f"{where} labels from {int(labels.min())} to {int(labels.max())}, and the net that {given.name} makes "
                f"has classes 0 to {classes - 1}: give it one class per label"
            )
