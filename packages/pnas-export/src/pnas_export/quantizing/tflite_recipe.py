"""The recipe for ai-edge-quantizer: which operators are quantized, and how."""

import re
from collections.abc import Collection
from typing import Any, Literal

Scheme = Literal["float16", "dynamic-int8", "int8", "int8-float-io"]
"""How a TFLite file is quantized:

- "float16": weights in half precision, computed in float32;
- "dynamic-int8": weights of dense convolutions and linear layers in int8, their inputs quantized at run time; weights
  of depthwise convolutions in float16;
- "int8": everything in int8, including input and output, except the input of a `RawPixels`, which stays uint8;
- "int8-float-io": everything inside in int8, input and output in float32.
"""


def tflite_recipe(scheme: Scheme, float_tensors: Collection[str] = ()) -> Any:
    """A `RecipeManager` of ai-edge-quantizer.

    Args:
        scheme: what is quantized.
        float_tensors: names of outputs of operators that stay float32.
    """
    from ai_edge_quantizer.algorithm_manager import AlgorithmName
    from ai_edge_quantizer.qtyping import (
        ComputePrecision,
        OpQuantizationConfig,
        TensorDataType,
        TensorQuantizationConfig,
        TFLOperationName,
    )
    from ai_edge_quantizer.recipe_manager import RecipeManager

    half = OpQuantizationConfig(
        weight_tensor_config=TensorQuantizationConfig(num_bits=16, dtype=TensorDataType.FLOAT),
        compute_precision=ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    manager = RecipeManager()
    everything = TFLOperationName.ALL_SUPPORTED
    match scheme:
        case "float16":
            manager.add_quantization_config(".*", everything, half, AlgorithmName.FLOAT_CASTING)
        case "dynamic-int8":
            manager.add_dynamic_config(".*", everything, num_bits=8)
            # LiteRT does not hand dynamic-range depthwise convolutions to XNNPACK, which makes a net 4 times slower.
            manager.add_quantization_config(".*", TFLOperationName.DEPTHWISE_CONV_2D, half, AlgorithmName.FLOAT_CASTING)
        case "int8" | "int8-float-io":
            manager.add_static_config(".*", everything, activation_num_bits=8, weight_num_bits=8)
            if scheme == "int8-float-io":
                for place in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
                    manager.add_quantization_config(".*", place, algorithm_key=AlgorithmName.NO_QUANTIZE)
    for name in float_tensors:
        # The quantizer finds an operator by the names of its outputs, each followed by a semicolon.
        manager.add_quantization_config(f"^{re.escape(name)};", everything, algorithm_key=AlgorithmName.NO_QUANTIZE)
    return manager
