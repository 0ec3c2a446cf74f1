"""Whether a net, the images, the loss and the score go together: tried on one batch."""

import copy
from typing import Any

from torch import Tensor, nn

from pnas_apps.ground.errors import UserError
from pnas_apps.training.training import Training
from pnas_ops import in_one_line
from pnas_own.data import Data
from pnas_own.given import Given
from pnas_own.preset import OwnPreset
from pnas_supernet import accuracy

_IMAGES = 2


def check_net(network: nn.Module, data: Data, given: Given, preset: OwnPreset) -> None:
    """Runs a copy of the net on two test images, and asks the loss and the score of what it gives.

    Raises:
        UserError: for a net that does not take the images, a loss or a score that does not take what it gives, and
            options of the training that are not for this net.
    """
    tried = copy.deepcopy(network).eval()
    pixels, targets = next(iter(data.test()))
    device = next((one.device for one in tried.parameters()), None)
    if device is None:
        raise UserError(f"{given.path}: the net that {given.name} makes has no weights: there is nothing to train")
    images, targets = data.preprocessing(pixels[:_IMAGES].to(device)), targets[:_IMAGES].to(device)
    outputs = _outputs(tried, images, given)
    if given.loss is None or given.score is None:
        _check_logits(outputs, data, given)
    if given.loss is not None:
        loss = given.loss
        value = given.call("loss", lambda: loss(outputs, targets))
        if not isinstance(value, Tensor) or value.ndim or not value.requires_grad:
            raise UserError(f"{given.path}: loss returned no scalar with a gradient: return a mean over the batch")
    score = given.score or accuracy
    judged: Any = given.call("score", lambda: score(outputs, targets))
    if not isinstance(judged, int | float) and not (isinstance(judged, Tensor) and judged.ndim == 0):
        raise UserError(f"{given.path}: score returned a {type(judged).__name__}: return a number, larger is better")
    try:
        Training(tried, preset.train, classes=None if given.loss else len(data.classes), loss=given.loss)
    except ValueError as error:
        raise UserError(f"{in_one_line(error)}: leave out that --train option for this net") from None


def _outputs(net: nn.Module, images: Tensor, given: Given) -> Any:
    try:
        return net(images)
    except Exception as error:  # whatever a user's net raises
        shape = "x".join(map(str, images.shape))
        raise UserError(
            f"the net that {given.name} of {given.path} makes does not take images {shape}: {type(error).__name__}: "
            f"{in_one_line(error)}: mend it, or name another --resolution"
        ) from None


def _check_logits(outputs: Any, data: Data, given: Given) -> None:
    classes = len(data.classes)
    if isinstance(outputs, Tensor) and outputs.ndim == 2 and (not classes or outputs.shape[1] == classes):
        return
    what = f"{tuple(outputs.shape)}" if isinstance(outputs, Tensor) else f"a {type(outputs).__name__}"
    wanted = f"{classes} logits an image, one for each class" if classes else "logits (N, classes)"
    raise UserError(
        f"the net that {given.name} of {given.path} makes gives {what}, not {wanted}: let {given.name} take the number "
        "of classes, or give loss and score for what it gives"
    )
