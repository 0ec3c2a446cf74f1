"""What was converted is kept, by all that it was converted from."""

from pathlib import Path

import torch
from torch import Tensor, nn

from pnas_export.ground.conversion_cache import cached_conversion, fingerprint
from pnas_export.ground.inference_copy import inference_copy


def test_what_is_kept_is_not_made_again_unless_it_is_damaged(tmp_path: Path) -> None:
    made: list[bytes] = []

    def convert() -> bytes:
        made.append(b"model %d" % len(made))
        return made[-1]

    def kept(key: str = "net.onnx") -> bytes:
        return cached_conversion(tmp_path, lambda: key, convert)

    assert [kept(), kept(), kept("other")] == [b"model 0", b"model 0", b"model 1"]
    content = (tmp_path / "net.onnx").read_bytes()
    for damaged in (content[:-1] + b"?", content[:-1], b"?" + content[1:], b""):
        (tmp_path / "net.onnx").write_bytes(damaged)
        again = kept()
        assert again == made[-1] == kept()
    assert len(made) == 2 + 4


def test_without_a_folder_it_is_always_made() -> None:
    made = iter([b"one", b"two"])

    def forbidden() -> str:
        raise AssertionError("nothing is kept, so that nothing needs a key")

    assert [cached_conversion(None, forbidden, lambda: next(made)) for _ in range(2)] == [b"one", b"two"]


class Shift(nn.Module):
    """Adds a tensor that is neither a parameter nor a buffer."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self.by = torch.tensor([by])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.by


def test_one_weight_more_or_less_is_another_conversion(net: nn.Module, other_net: nn.Module) -> None:
    def key(module: nn.Module, *, size: int = 8, option: str = "") -> str:
        return fingerprint(inference_copy(module), [torch.zeros(1, 3, size, size)], option, libraries=["onnx"])

    nudged = inference_copy(net)
    parameter = next(nudged.parameters())
    parameter.view(-1)[0] = torch.nextafter(parameter.view(-1)[0], torch.tensor(torch.inf))
    slope = nn.Sequential(nn.LeakyReLU(0.1)), nn.Sequential(nn.LeakyReLU(0.2))
    shift = Shift(1.0), Shift(2.0)
    keys = [key(net), key(other_net), key(nudged), key(net, size=16), key(net, option="x"), *map(key, slope + shift)]
    assert len(set(keys)) == len(keys)
    assert key(net) == keys[0]
