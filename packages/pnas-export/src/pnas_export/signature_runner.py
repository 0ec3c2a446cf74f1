"""The signatures of one interpreter as calls without arguments."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor


def signature_calls(interpreter: Any, inputs: Mapping[str, Tensor]) -> dict[str, Callable[[], None]]:
    """One call a signature, which computes it once on its input.

    The public `SignatureRunner` allocates, and copies its input and output, at every call. That would be timed as well,
    so the input is set once and the subgraph invoked through the wrapper under the interpreter. That one is private:
    where a version of the library lacks it, the runner stands in and the time of copying is part of the measurement.

    Args:
        interpreter: of `ai-edge-litert` or `tflite-runtime`, its tensors allocated.
        inputs: the value of "args_0" for each signature.
    """
    wrapper = getattr(interpreter, "_interpreter", None)
    needed = ("GetSignatureDefs", "GetSubgraphIndexFromSignature", "AllocateTensors", "SetTensor", "Invoke")
    if not all(hasattr(wrapper, name) for name in needed):
        return {key: _through_runner(interpreter, key, value) for key, value in inputs.items()}
    return {key: _through_wrapper(wrapper, key, value) for key, value in inputs.items()}


def _through_wrapper(wrapper: Any, key: str, value: Tensor) -> Callable[[], None]:
    subgraph = wrapper.GetSubgraphIndexFromSignature(key)
    wrapper.AllocateTensors(subgraph)
    wrapper.SetTensor(wrapper.GetSignatureDefs()[key]["inputs"]["args_0"], value.numpy(), subgraph)
    invoke = wrapper.Invoke
    return lambda: invoke(subgraph)


def _through_runner(interpreter: Any, key: str, value: Tensor) -> Callable[[], None]:
    runner = interpreter.get_signature_runner(key)
    array = value.numpy()

    def call() -> None:
        runner(args_0=array)

    return call
