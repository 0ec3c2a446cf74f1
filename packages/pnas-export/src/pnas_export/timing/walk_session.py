"""A separate program for `pnas_export.timing.sessions`: a walk through files in a fresh process.

It is run by its path and imports only the runtime, numpy and the file of `pnas_ops.timing.walk`. In a process that has
converted or trained, memory is fragmented, and the same net runs up to 6% slower; and importing PyTorch takes longer
than a walk.
"""

import json
import sys
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from itertools import cycle
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np

_CPU = "CPUExecutionProvider"
_ROUNDS_BETWEEN_REPORTS = 20
_OTHER_WORK_BYTES = 4 * 1024 * 1024
_BETWEEN_BYTES = 100 * 1024 * 1024
"""The bytes that a process touches between two runs of the same weights: other nets, and other work before each. If
there are few nets, copies of them take turns too. A net timed alone found its weights in the last-level cache, which
neither a net among others nor a block of a table does; it was 14% faster on TFLite, 25% on ONNX Runtime. (As much
other work alone would also evict the runtime's own code, which is hot in a program: 15% slower.)
"""
_IN_A_ROW = 10
_REST_S = 0.05
"""How long the threads of a TFLite interpreter keep a processor busy while they wait for its next run: up to a million
iterations of a loop. During that time, a net with two threads on two processors took up to a hundred times as long.
"""


class Files:
    """Loads files for one runtime, each as often as requested.

    Args:
        walk: the module `pnas_ops.timing.walk`.
        runtime: the module of the runtime.
        threads: of the runtime.
        nets: files of the whole nets, and of the probe, that are timed in turns.
        provider: of ONNX Runtime.
    """

    def __init__(
        self, walk: ModuleType, runtime: ModuleType, threads: int, nets: Sequence[str], *, provider: str = _CPU
    ) -> None:
        self._walk, self._runtime, self._threads, self._provider = walk, runtime, threads, provider
        if provider != _CPU and hasattr(runtime, "preload_dlls"):
            runtime.preload_dlls()  # CUDA libraries installed by pip
        # Older versions of ONNX Runtime cannot share threads.
        self._threads_are_shared = threads > 1 and hasattr(runtime, "set_global_thread_pool_sizes")
        if self._threads_are_shared:
            runtime.set_global_thread_pool_sizes(threads, 1)
        self._threads_wait = threads > 1 and hasattr(runtime, "Interpreter")
        self._at_work: object = None
        self._interpreters: dict[str, Any] = {}
        self._nets = nets
        self._other_work = np.zeros(_OTHER_WORK_BYTES, np.uint8)

    def block(self, file: str, signature: str | None) -> Any:
        """A `pnas_ops.TimedCall` that runs a file, or one signature of a TFLite file, on random numbers.

        Args:
            file: its path.
            signature: of a TFLite file that has several.
        """
        if file.endswith(".onnx"):
            return self._onnx_call(file)
        if signature is None:
            return self._tflite_call(self._interpreter(file, self._threads))
        if file not in self._interpreters:
            # All signatures of an interpreter share the scratch memory, like the blocks of a net.
            self._interpreters[file] = self._interpreter(file, self._threads)
        call = signature_call(self._interpreters[file], signature, self._walk.TimedCall)
        return self._alone(call, self._interpreters[file]) if self._threads_wait else call

    def net(self, file: str) -> Any:
        """A call that runs a whole net after other work, as a program would do between two images."""
        if self._threads_wait:
            return self._net_of_waiting_threads(file)
        copies = -(-_BETWEEN_BYTES // sum(map(turn_bytes, self._nets)))
        calls = [self.block(file, None) for _ in range(copies)]
        _warm_up(calls)
        turns = cycle(calls)
        current = calls[0]

        def prepare() -> None:
            nonlocal current
            current = next(turns)
            self._other_work += 1
            current.prepare()

        return self._walk.TimedCall(lambda: current.run(), prepare)

    def _net_of_waiting_threads(self, file: str) -> Any:
        """A net timed several times in a row, with single-threaded nets, whose threads never wait, between its runs."""
        timed = self.block(file, None)
        _warm_up([timed])

        def prepare() -> None:
            for other in self._between:
                self._other_work += 1
                other.prepare()
                other.run()
            self._other_work += 1
            timed.prepare()

        return self._alone(self._walk.TimedCall(timed.run, prepare), timed)

    @cached_property
    def _between(self) -> list[Any]:
        nets, calls, size = cycle(self._nets), [], 0
        while size < _BETWEEN_BYTES:
            net = next(nets)
            calls.append(self._tflite_call(self._interpreter(net, 1)))
            size += turn_bytes(net)
        _warm_up(calls)
        return calls

    def _alone(self, call: Any, owner: object) -> Any:
        """A call that begins when the threads of all interpreters but its `owner` rest."""

        def prepare() -> None:
            if self._at_work is not owner:
                rested = perf_counter() + _REST_S
                while perf_counter() < rested:
                    self._other_work += 1
                self._at_work = owner
            call.prepare()

        return self._walk.TimedCall(call.run, prepare)

    def _interpreter(self, file: str, threads: int) -> Any:
        interpreter = self._runtime.Interpreter(model_path=file, num_threads=threads)
        interpreter.allocate_tensors()
        return interpreter

    def _tflite_call(self, interpreter: Any) -> Any:
        inputs = [(one["index"], random_values(one["shape"], one["dtype"])) for one in interpreter.get_input_details()]

        def prepare() -> None:
            for index, values in inputs:
                interpreter.set_tensor(index, values)

        return self._walk.TimedCall(interpreter.invoke, prepare)

    def _onnx_call(self, file: str) -> Any:
        options = self._runtime.SessionOptions()
        if self._threads_are_shared:
            # The waiting threads of many sessions would be in one another's way.
            options.use_per_session_threads = False
        else:
            options.intra_op_num_threads, options.inter_op_num_threads = self._threads, 1
        session = self._runtime.InferenceSession(file, options, providers=[self._provider])
        if self._provider not in session.get_providers():  # it falls back silently
            raise RuntimeError(f"onnxruntime does not compute on {self._provider} here")
        binding = session.io_binding()
        writers = []
        for source in session.get_inputs():
            kind = {"tensor(uint8)": np.uint8, "tensor(float)": np.float32}[source.type]
            values = random_values([size if isinstance(size, int) else 1 for size in source.shape], kind)
            writers.append(self._bound(binding, source.name, values))
        for result in session.get_outputs():
            binding.bind_output(result.name, "cpu" if self._provider == _CPU else "cuda")

        def prepare() -> None:
            for write in writers:
                write()

        return self._walk.TimedCall(lambda: session.run_with_iobinding(binding), prepare)

    def _bound(self, binding: Any, name: str, values: Any) -> Callable[[], object]:
        """Binds an input to memory of the provider; returns a function that writes the values there."""
        if self._provider != _CPU:
            there = self._runtime.OrtValue.ortvalue_from_numpy(values, "cuda", 0)
            binding.bind_ortvalue_input(name, there)
            return lambda: there.update_inplace(values)
        here = values.copy()
        binding.bind_cpu_input(name, here)
        return lambda: np.copyto(here, values)


def turn_bytes(net: str) -> int:
    """The bytes that a run of a whole net touches, and the other work before it."""
    # The weights are beside the file where PyTorch's exporter, or Hugging Face's, puts them.
    files = [Path(f"{net}{ending}") for ending in ("", ".data", "_data")]
    return _OTHER_WORK_BYTES + sum(file.stat().st_size for file in files if file.is_file())


def _warm_up(calls: Sequence[Any]) -> None:
    for call in calls:
        call.run()
        call.run()


def signature_call(interpreter: Any, signature: str, make: Callable[..., Any]) -> Any:
    """A call that computes one signature.

    The public `SignatureRunner` allocates and copies its input and output at every call, which would be timed as well.
    So the input is set beforehand, untimed, and the subgraph is invoked by the interpreter's wrapper. The wrapper is
    private: if a version of the library lacks it, the runner is used instead, and the measurement includes copying.

    Args:
        interpreter: of `ai-edge-litert` or `tflite-runtime`, with tensors allocated.
        signature: takes "args_0".
        make: `pnas_ops.TimedCall`.
    """
    runner = interpreter.get_signature_runner(signature)
    (details,) = runner.get_input_details().values()
    values = random_values(details["shape"], details["dtype"])
    wrapper = getattr(interpreter, "_interpreter", None)
    needed = ("GetSignatureDefs", "GetSubgraphIndexFromSignature", "AllocateTensors", "SetTensor", "Invoke")
    if not all(hasattr(wrapper, name) for name in needed):
        return make(lambda: runner(args_0=values))
    assert wrapper is not None
    subgraph = wrapper.GetSubgraphIndexFromSignature(signature)
    wrapper.AllocateTensors(subgraph)
    place = wrapper.GetSignatureDefs()[signature]["inputs"]["args_0"]
    # In a net, the previous block has just written the input.
    return make(lambda: wrapper.Invoke(subgraph), lambda: wrapper.SetTensor(place, values, subgraph))


def random_values(shape: Any, dtype: Any) -> Any:
    """Numbers of N(0, 1), or any integers."""
    generator = np.random.default_rng(0)
    if np.issubdtype(dtype, np.floating):
        return generator.standard_normal(shape).astype(dtype)
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def main() -> None:
    """Arguments: the file of `pnas_ops.timing.walk`, and one with a plan of `pnas_export.timing.sessions`."""
    path, plan_path = sys.argv[1:]
    spec = spec_from_file_location("walk", path)
    assert spec is not None
    assert spec.loader is not None
    walk = module_from_spec(spec)
    spec.loader.exec_module(walk)
    plan = json.loads(Path(plan_path).read_text())
    files = Files(
        walk,
        import_module(plan["module"]),
        plan["threads"],
        [*[file for _, file, _ in plan["nets"]], plan["probe"]],
        provider=plan["provider"],
    )

    def tell(_: str, done: int, total: int) -> None:
        if done % _ROUNDS_BETWEEN_REPORTS == 0 or done == total:
            print(f"progress {done} {total}", flush=True)

    samples = walk.time_walks(
        [{key: files.block(file, signature) for key, file, signature in row} for row in plan["rows"]],
        idle=[files.block(file, signature) for file, signature in plan["idle"]],
        probe=files.net(plan["probe"]),
        wholes={key: files.net(file) for key, file, _ in plan["nets"]},
        samples=plan["samples"],
        whole_samples=plan["whole_samples"],
        in_a_row=_IN_A_ROW if plan["threads"] > 1 else 1,
        least_s=plan["least_s"],
        seed=plan["seed"],
        progress=tell,
    )
    print("result " + json.dumps(samples), flush=True)


if __name__ == "__main__":
    main()
