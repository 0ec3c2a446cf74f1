"""What a user can mend is told in one line, before anything slow, and nothing is left behind."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from command_line import assert_refused
from own_nets import TINY, Run, WriteFile
from pnas_apps.ground.errors import UserError
from pnas_export import CommandMetric, DeviceError
from pnas_own import dry_run
from pnas_own.cli import main

KNOWING = TINY.replace("make(classes)", "make()").replace("8, classes", "8, 2")
"""The tiny net, that knows how many classes it has."""

EXTRA_STATE = (
    TINY.replace("nn.ReLU(inplace=True)", "Counting()", 1)
    + """
class Counting(nn.ReLU):
    def get_extra_state(self):
        return {"calls": 1}
    def set_extra_state(self, state):
        pass
"""
)
COMPLEX = (
    KNOWING.replace("return nn", "net = nn")
    + """
    import torch
    net.register_buffer("turn", torch.zeros(3, dtype=torch.complex64))
    return net
"""
)

LOADING = (
    KNOWING
    + """
import torch
def batch(size=8, label=1):
    return torch.randint(256, (64, 3, size, size), dtype=torch.uint8), torch.full((64,), label)
class OnePass:
    def __init__(self, batches):
        self.length, self.left = len(batches), iter(batches)
    def __len__(self):
        return self.length
    def __iter__(self):
        return self
    def __next__(self):
        return next(self.left)
class Wrapper(list):
    def __init__(self, batches):
        super().__init__(batches)
        self.left = super().__iter__()
    def __iter__(self):
        return self.left
def loaders(folder):
    good = [batch()]
    return {}, {}, {}
"""
)


def loading(weights: str = "good", choice: str = "good", test: str = "good") -> str:
    """A file whose loaders return these three."""
    return LOADING.replace("return {}, {}, {}", f"return {weights}, {choice}, {test}")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nothing of a run is left where the program runs."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield
    assert not list((tmp_path / "here").iterdir())


def test_a_name_without_a_function_and_a_file_that_is_not_there(run: Run, tmp_path: Path) -> None:
    arguments = ["run", "my_model.py", "--data-dir", str(tmp_path), "--cache-dir", str(tmp_path / "cache")]
    assert_refused(CliRunner().invoke(main, arguments), r"'my_model.py' names no function: write FILE.py:FUNCTION")
    assert_refused(run("none.py"), r"there is no file none.py: name the Python file")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def other():\n    pass\n", r"has no make: name a function in it that returns your net"),
        ("make = 3\n", r"make is a int, not a function"),
        (
            "import nowhere_to_be_found\n",
            r"check line 1 of .*: it raised ModuleNotFoundError: No module named 'nowh",
        ),
        ("def make(:\n", r"raised SyntaxError"),
        (
            "def make():\n    raise OSError('no network')\n",
            r"check line 2 of .*\.py: make raised OSError: no network\n",
        ),
        ("def make():\n    return 3\n", r"make returned a int: let it return a torch.nn.Module"),
        ("from torch import nn\ndef make():\n    return nn.Flatten()\n", r"has no weights: there is nothing to train"),
        (
            "from torch import nn\ndef make():\n    return nn.Linear(7, 2)\n",
            r"does not take images 2x3x16x16 \(RuntimeError: .*\): let its forward take them, or name another --res",
        ),
        (
            "from torch import nn\ndef make(classes):\n"
            "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, classes))\n",
            r"has no rule, and the default rule does not fit the net that make makes \(the rule returned no "
            r"candidate for any module\): add a function rule",
        ),
        (
            "from torch import nn\ndef make():\n    return nn.Conv3d(3, 2, 1)\n",
            r"does not take images 2x3x16x16 \(RuntimeError: .*\): let its forward take them, or name another --res",
        ),
        *(
            (
                TINY.replace("classes),\n    )", f"classes),\n    ).{dtype}()"),
                r"does not take images .*\): let make return it in float32, as net.float\(\) is\n",
            )
            for dtype in ("half", "bfloat16", "double")
        ),
        (
            TINY.replace("8, classes", "8, 5"),
            r"gives \(2, 5\), not 2 logits per image, one per class: let its forward return such, or define loss",
        ),
        (
            TINY.replace("make(classes)", "make()").replace("8, classes", "8, 5"),
            r"gives \(2, 5\), not 2 logits per image, .*: let make take the number of classes, or define loss",
        ),
        (
            EXTRA_STATE,
            r"keeps a dict as 2\._extra_state, but weight files hold only real tensors: let it keep those",
        ),
        (COMPLEX, r"keeps torch\.complex64 as turn, but weight files hold only real tensors"),
        (TINY + "rule = 1\n", r"rule is a int, not a function"),
        (TINY + "def rule(path, module, inputs):\n    return None\n", r"rule returned no candidate for any module"),
        (TINY + "def rule(path, module, inputs):\n    return 1 / 0\n", r"rule raised ZeroDivisionError"),
        (TINY + "def loss(outputs, targets):\n    return 0.0\n", r"loss returned no scalar with a gradient"),
        (TINY + "def loss(outputs, targets):\n    return 1 / 0\n", r"line \d+ of .*: loss raised ZeroDivisionError"),
        (TINY + "def score(outputs, targets):\n    return 'good'\n", r"score returned a str: return a number"),
        (KNOWING + "def loaders(folder):\n    return 1, 2\n", r"loaders returned a tuple: let loaders return three"),
        (
            KNOWING + "def loaders(folder):\n    return 1, 2, 3\n",
            r"loaders returned a int without batches for the weights",
        ),
        (
            KNOWING
            + "import torch\ndef loaders(folder):\n    return [[(torch.zeros(2, 3, 8, 8), torch.zeros(2))]] * 3\n",
            r"loaders give for the weights images as torch.float32 \(2, 3, 8, 8\): give uint8 RGB pixels",
        ),
    ],
)
def test_a_file_that_does_not_give_what_it_should(text: str, message: str, run: Run, write_file: WriteFile) -> None:
    assert_refused(run(write_file(text)), message)


def three(batches: str) -> list[str]:
    """Files in which the first, the second, and the third of the loaders are these batches."""
    return [loading(weights=batches), loading(choice=batches), loading(test=batches)]


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ("[]", r"loaders returned a list without batches {which}: let loaders return three"),
        ("[(*batch(), 1)]", r"loaders give {which} a tuple of 3: let each batch be a pair \(images, targets\)"),
        ("[{'images': 1, 'labels': 2}]", r"loaders give {which} a dict: let each batch be a pair"),
        (
            "[batch(8)[:1] + ([1] * 64,)]",
            r"loaders give {which} targets as list of 64 images: give a tensor with one row",
        ),
        ("[batch(8)[:1] + ({},)]", r"loaders give {which} targets as dict of 64 images: give a tensor with one row"),
        (
            "[(batch()[0].float(), batch()[1])]",
            r"loaders give {which} images as torch.float32 \(64, 3, 8, 8\): give uint8",
        ),
        (
            "[(batch()[0], batch()[1].float())]",
            r"loaders give {which} labels as torch.float32 \(64,\): give torch.int64",
        ),
        (
            "[batch(label=2)]",
            r"loaders give {which} labels from 2 to 2, .* has classes 0 to 1: give it one class per",
        ),
        ("[batch(label=-1)]", r"loaders give {which} labels from -1 to -1"),
        ("OnePass([batch()] * 2)", r"returned a OnePass {which}, which is exhausted after one pass: return a list"),
    ],
)
def test_each_of_the_loaders_is_looked_at(
    which: int, batches: str, message: str, run: Run, write_file: WriteFile
) -> None:
    named = ("for the weights", "for the choice", "for the test")[which]
    assert_refused(run(write_file(three(batches)[which])), message.replace("{which}", named))


@pytest.mark.parametrize("which", [0, 1, 2])
def test_images_of_two_sizes(which: int, run: Run, write_file: WriteFile) -> None:
    assert_refused(
        run(write_file(three("[batch(16)]")[which])), r"images of \d+x\d+ for the weights and of .* one size"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            TINY + "def loaders(folder):\n    pass\n",
            r"make takes the number of classes, which is unknown with loaders: let make take no argument",
        ),
        (
            loading("Broken()") + "class Broken(list):\n    def __len__(self):\n        return 9\n"
            "    def __iter__(self):\n        yield tuple(one[:8] for one in batch())\n"
            "        raise OSError('disk is gone')\n",
            r"line \d+ of .*: loaders raised OSError: disk is gone\n",
        ),
        (loading(choice="Wrapper([batch()])"), r"loaders returned is exhausted after an earlier pass: return"),
        ("import sys\ndef make():\n    sys.exit(3)\n", r"line 3 of .*: make raised SystemExit: 3\n"),
        pytest.param(
            TINY.replace("return nn", "return torch.jit.script(nn").replace("classes),\n    )", "classes),\n    ))")
            + "import torch\n",
            r"make returned a scripted net, .*: return the net before torch.jit.script",
            marks=pytest.mark.filterwarnings("ignore:.*torch.jit.script.*:FutureWarning"),
        ),
        (
            TINY.replace("return nn", "return torch.compile(nn").replace("classes),\n    )", "classes),\n    ))")
            + "import torch\n",
            r"make returned a compiled net, .*: return it without torch.compile",
        ),
        (
            TINY + "plain = make\ndef make(classes):\n    net = plain(classes)\n    net[0].compile()\n    return net\n",
            r"make returned a compiled net, .*: return it without torch.compile",
        ),
        (
            TINY + "import torch\nplain = make\ndef make(classes):\n    net = plain(classes)\n"
            "    net.forward = torch.compile(net.forward)\n    return net\n",
            r"make returned a compiled net, .*: return it without torch.compile",
        ),
        pytest.param(
            TINY.replace("nn.Linear(8", "nnq.Linear(8") + "import torch.ao.nn.quantized as nnq\n",
            r"8 of the net that make makes is quantized, .*: return the unquantized net",
            marks=pytest.mark.filterwarnings("ignore:.*quantize.*deprecated"),
        ),
        (
            TINY.replace("nn.Linear(8", "nn.LazyLinear(").replace("(, ", "("),
            r"8.weight .* has no shape yet .*: run the net once",
        ),
        (
            TINY.replace("nn.Flatten()", "Keeping()") + "import torch\nclass Keeping(nn.Flatten):\n"
            "    def __init__(self):\n        super().__init__()\n"
            "        self.kept = 2 * torch.ones(3, requires_grad=True)\n",
            r"the net that make makes cannot be copied \(RuntimeError: .*\): let its modules hold only",
        ),
        (
            TINY.replace("classes),", "classes, device='meta'),"),
            r"8.weight .* is on the meta device, .*: make the net on",
        ),
        (
            TINY.replace("classes),\n    )", "classes),\n    ).requires_grad_(False)"),
            r"all weights .* are frozen: call",
        ),
        (
            TINY + "def score(outputs, targets):\n    return float('nan')\n",
            r"score returned nan for the first test images",
        ),
        (
            TINY + "def loss(outputs, targets):\n    return outputs.sum() * float('inf')\n",
            r"loss returned (nan|-?inf) for the first test images",
        ),
        (
            TINY.replace("nn.Flatten()", "Nan(), nn.Flatten()")
            + "class Nan(nn.Module):\n    def forward(self, x):\n        return x * float('nan')\n",
            r"gives values that are not finite for the first test images",
        ),
        (
            TINY.replace("return nn.Sequential(", "return Two(")
            + "class Two(nn.Sequential):\n    def forward(self, x):\n        y = super().forward(x)\n"
            "        return (y, y) if self.training else y\n",
            r"gives \(\(2, 2\), \(2, 2\)\) in training and \(2, 2\) in evaluation: let it give the same",
        ),
    ],
)
def test_what_would_fail_only_after_the_table(text: str, message: str, run: Run, write_file: WriteFile) -> None:
    assert_refused(run(write_file(text)), message)


@pytest.mark.parametrize("number", ["numpy.float32(0.5)", "numpy.array(0.5)", "torch.tensor(0.5)", "1"])
def test_a_score_is_any_number(number: str, run: Run, write_file: WriteFile) -> None:
    text = f"{TINY}import numpy, torch\ndef score(outputs, targets):\n    return {number}\n"
    # What is refused next is told instead.
    text += "def rule(path, module, inputs):\n    return None\n"
    assert_refused(run(write_file(text)), r"rule returned no candidate for any module")


def test_images_that_are_not_there(run: Run, write_file: WriteFile, tmp_path: Path) -> None:
    assert_refused(run(write_file(TINY), data=tmp_path / "none"), r"there is no folder .*none: name another --data-dir")
    (tmp_path / "bare").mkdir()
    assert_refused(run(write_file(TINY), data=tmp_path / "bare"), r"bare has no sub-folders: name a folder with one")


def test_dropout_is_for_other_nets(run: Run, write_file: WriteFile, tmp_path: Path) -> None:
    preset = Path("apps/own/src/pnas_own/presets/small.toml")
    text = (Path(__file__).resolve().parents[2] / preset).read_text().replace("[train]", "[train]\ndropout = 0.2")
    (tmp_path / "dropout.toml").write_text(text)
    refused = run(write_file(TINY), "--preset", tmp_path / "dropout.toml")
    assert_refused(refused, r"no pnas_ops.Classifier for dropout: .* for this net")


def test_a_command_that_tells_no_cost_is_found_out_before_the_table(
    run: Run, write_file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def of_a_call(metric: CommandMetric) -> float:
        asked.append((metric.name, metric.template))
        raise DeviceError("it did not tell energy_mj of an empty call", "run it by hand")

    monkeypatch.setattr(CommandMetric, "of_a_call", of_a_call)
    limit = ("--max", "energy_mj=3")
    refused = run(write_file(TINY), *limit, "--metric", "energy_mj=true {model}")
    assert_refused(refused, "did not tell energy_mj of an empty call: run it by hand")
    assert asked == [("energy_mj", "true {model}")]
    assert_refused(
        run(write_file(TINY), *limit), "does not have energy_mj for all blocks: add --metric energy_mj=COMMAND"
    )


def test_a_folder_without_a_run_is_not_gone_on_with(tmp_path: Path) -> None:
    refused = CliRunner().invoke(main, ["report", str(tmp_path / "none")])
    assert_refused(refused, "none holds no run: name a run's folder")


def test_a_run_of_another_program_is_named(tmp_path: Path) -> None:
    sample = Path(__file__).parents[1] / "samples" / "finished-run" / "settings.json"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "settings.json").write_bytes(sample.read_bytes())
    refused = CliRunner().invoke(main, ["report", str(tmp_path / "run")])
    assert_refused(refused, "is a run of pnas-cifar10 or pnas-imagenet: name another folder")


def test_a_dry_run_tells_every_step_and_leaves_nothing(
    run: Run, write_file: WriteFile, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("SEARCH_S", "TRAININGS_S", "_IMITATION_S"):
        monkeypatch.setattr(dry_run, name, 0.1)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(dry_run, "left_to_judge", lambda folder, count: count - 1)
    flags = ("--device", "torch-cpu", "--target-latency-ms", "1e-6", "--judged-nets", "9", "--train-epochs", "1")
    result = run(write_file(TINY), "--dry-run", *flags)
    assert result.exit_code == 0, result.output
    printed = capfd.readouterr().out
    for step in ("table", "imitate", "search", "train", "export", "report"):
        assert f"\n {step} " in printed
    assert "2 nets for 1 epoch of " in printed
    assert "; then up to 3 nets judged " in printed
    assert re.search(r"^The original takes \d+\.\d{4} ms on torch-cpu now, 1e-06 ms are requested\.$", printed, re.M)
    assert "\nTo choose from: 4 candidates at 1 place.\n" in printed
    first, second, last = (8 * 8 * 3 * 8 * 9, 3 * 8 * 9 + 8), (8 * 8 * 8 * 8 * 9, 8 * 8 * 9 + 8), (8 * 2, 8 * 2 + 2)
    least, most = ([sum(one) for one in zip(*parts, strict=True)] for parts in ((first, last), (first, second, last)))
    norms = 2 * (8 + 8)
    macs, parameters = f"{least[0]:,} to {most[0]:,} MACs", f"{least[1] + norms:,} to {most[1] + norms:,} parameters"
    assert f"\nNets of the space have {macs} and {parameters}.\n" in printed
    # What the run may be refused for is told before the slow steps are tried, and with what was found.
    doubt = "The net with the fewest multiply-accumulates takes"
    assert printed.count(doubt) == 2
    assert printed.index(doubt) < printed.index("imitating:")


@pytest.fixture
def some(photos: Path, tmp_path: Path) -> Callable[[int], Path]:
    """Makes a folder with so many of the photos of each class."""

    def make(count: int) -> Path:
        for name in ("dark", "light"):
            (tmp_path / "some" / name).mkdir(parents=True)
            for path in [*(photos / name).iterdir()][:count]:
                shutil.copy(path, tmp_path / "some" / name)
        return tmp_path / "some"

    return make


def test_photos_that_are_too_few_are_told_before_they_are_read(
    run: Run, write_file: WriteFile, some: Callable[[int], Path], capfd: pytest.CaptureFixture[str]
) -> None:
    refused = run(write_file(TINY), data=some(8))
    assert_refused(refused, "some has 12 training images, but int8 files need 16 for calibration: add 4$")
    assert "checking photos" not in capfd.readouterr().out


def test_few_photos_are_enough_where_no_int8_file_ships(
    run: Run, write_file: WriteFile, some: Callable[[int], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def reach(*_: object, **__: object) -> None:
        raise UserError("reached")

    monkeypatch.setattr(dry_run, "try_device", reach)
    assert_refused(run(write_file(TINY), "--dry-run", "--device", "torch-cpu", data=some(8)), "reached")


def test_photos_of_which_too_few_can_be_read_are_told(
    run: Run, write_file: WriteFile, some: Callable[[int], Path]
) -> None:
    folder = some(10)  # of which 16 are for the training, and 4 for the test
    for path in [*(folder / "dark").iterdir()][:3]:
        path.write_bytes(b"")
    refused = run(write_file(TINY), "--max-corrupt-share", "0.5", data=folder)
    assert_refused(refused, "some has 1[3-5] training images, but int8 files need 16")
