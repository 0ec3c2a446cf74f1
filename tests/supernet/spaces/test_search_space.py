"""A net of torchvision, small, becomes a space; what cannot be a place is refused."""

import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from pnas_ops import (
    ModuleArchitecture,
    ModuleSpace,
    ModuleWorkload,
    Zero,
    count_macs,
    count_parameters,
    from_json,
    to_json,
)
from pnas_supernet import (
    MixedOp,
    ModuleSuperNet,
    PlaceError,
    Rule,
    SinglePath,
    active_paths,
    alpha_parameters,
    convolutions,
    derive,
    extract,
    first_of,
    inner_widths,
    inverted_residuals,
    mixed_ops,
    search_space_of,
    with_skip,
)
from small_nets import SMALL_NETS, output, settled, small_mobilenet_v3, small_resnet

RULE = with_skip(first_of(inverted_residuals(kernel_sizes=(3, 5)), inner_widths(ratios=(0.5,))))
IMAGE = (2, 3, 32, 32)


@pytest.fixture(scope="module", params=SMALL_NETS)
def case(request: pytest.FixtureRequest) -> tuple[nn.Module, ModuleSuperNet]:
    torch.manual_seed(0)
    network = settled(SMALL_NETS[request.param]())
    return network, space_of(network)


def space_of(network: nn.Module, rule: Rule = RULE, inputs: Any = None) -> ModuleSuperNet:
    inputs = torch.zeros(IMAGE) if inputs is None else inputs
    return search_space_of(network, inputs, replace=rule, generator=torch.Generator().manual_seed(0))


def only(path: str, **candidates: nn.Module) -> Rule:
    """These candidates, at one path."""
    return lambda at, module, inputs: candidates if at == path else None


def image() -> Tensor:
    return torch.randn(IMAGE, generator=torch.Generator().manual_seed(1))


class Recorder(TorchDispatchMode):
    """Counts operators that have a tensor, by their name and the shapes of their tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[object, ...]] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        shapes = tuple(tuple(value.shape) for value in args if isinstance(value, Tensor))
        if shapes or any(isinstance(value, list) and isinstance(value[0], Tensor) for value in args if value):
            self.seen[str(func)] += 1
        return func(*args, **(kwargs or {}))


def operators(network: nn.Module) -> Counter[tuple[object, ...]]:
    with torch.no_grad(), Recorder() as recorder:
        network.eval()(image())
    return recorder.seen


def named(workloads: list[ModuleWorkload]) -> Counter[str]:
    return Counter(text.split("(")[0] for workload in workloads for text in workload.operators)


def test_the_net_at_its_originals_gives_what_the_module_gives_to_the_bit(
    case: tuple[nn.Module, ModuleSuperNet],
) -> None:
    network, supernet = case
    expected = output(network, image())
    with active_paths(supernet, [SinglePath(0)] * len(mixed_ops(supernet))):
        assert torch.equal(output(supernet.eval(), image()), expected)
    assert torch.equal(output(supernet.build(supernet.space.original), image()), expected)
    built = supernet.build(supernet.space.original).state_dict()
    assert built.keys() == network.state_dict().keys()
    assert all(torch.equal(value, built[name]) for name, value in network.state_dict().items())


def test_places_name_the_modules_that_stood_there_in_the_order_of_the_mixed_ops(
    case: tuple[nn.Module, ModuleSuperNet],
) -> None:
    network, supernet = case
    paths = [place.path for place in supernet.space.places]
    assert [supernet.network.get_submodule(path) for path in paths] == mixed_ops(supernet)
    for path in paths:
        network.get_submodule(path)
    for place, op in zip(supernet.space.places, mixed_ops(supernet), strict=True):
        assert place.candidates[0].title == "original"
        assert len(place.candidates) == len(op.candidates) > 1


def test_the_rest_is_that_of_every_net(case: tuple[nn.Module, ModuleSuperNet]) -> None:
    supernet = case[1]
    space = supernet.space
    generator = torch.Generator().manual_seed(2)
    for _ in range(3):
        picks = [int(torch.randint(len(row), (), generator=generator)) for row in space.mixed]
        net = supernet.build(space.architecture(picks))
        chosen = [row[pick] for row, pick in zip(space.mixed, picks, strict=True)]
        assert operators(net) == named([space.rest, *chosen])
        assert count_macs(net, IMAGE) == space.rest.macs + sum(one.macs for one in chosen)
        assert count_parameters(net) == space.rest.parameters + sum(one.parameters for one in chosen)


def test_the_kernel_of_the_rest_is_that_of_no_place() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 5, padding=2), nn.Conv2d(4, 4, 1))
    assert space_of(network, convolutions(kernel_sizes=(3,))).space.rest.kernel_size == 3


def test_a_workload_is_what_its_module_does(case: tuple[nn.Module, ModuleSuperNet]) -> None:
    _, supernet = case
    for row in supernet.space.mixed:
        for workload in row:
            module = supernet.build(workload)
            (shape,) = workload.input_shapes
            assert not any(part.training for part in module.modules())
            assert workload.macs == count_macs(module, shape)
            assert workload.parameters == count_parameters(module)
            kernels = [max(part.kernel_size) for part in module.modules() if isinstance(part, nn.Conv2d)]
            assert workload.kernel_size == max(kernels, default=1)
            assert workload.computes_nothing == (workload.title == "skip")


def test_the_space_is_plain_data(case: tuple[nn.Module, ModuleSuperNet]) -> None:
    space = case[1].space
    assert from_json(to_json(space), ModuleSpace) == space


def test_a_second_space_of_the_net_has_the_same_workloads() -> None:
    network = settled(small_mobilenet_v3())
    assert space_of(network).space == space_of(copy.deepcopy(network).train()).space


def test_the_module_stays_as_it_was() -> None:
    network = small_resnet().train()
    network.layer1.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    modes = [part.training for part in network.modules()]
    names = [name for name, _ in network.named_modules()]
    supernet = space_of(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert [part.training for part in network.modules()] == modes
    assert [name for name, _ in network.named_modules()] == names
    assert network.stem[2].inplace
    with torch.no_grad():
        for weight in supernet.parameters():
            weight.zero_()
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_modes_precision_and_layout_are_kept() -> None:
    network = small_mobilenet_v3().to(torch.bfloat16).to(memory_format=torch.channels_last).train()
    network.features[2].eval()
    supernet = space_of(network, inputs=torch.zeros(IMAGE, dtype=torch.bfloat16))
    assert supernet.space.rest.dtype == supernet.space.mixed[1][1].dtype == "bfloat16"
    for place, op in zip(supernet.space.places, mixed_ops(supernet), strict=True):
        for workload, candidate in zip(place.candidates, op.candidates, strict=True):
            training = place.path != "features.2"
            assert workload.computes_nothing or all(part.training is training for part in candidate.modules())
            for weight in candidate.parameters():
                assert weight.dtype is torch.bfloat16
                assert weight.dim() != 4 or weight.is_contiguous(memory_format=torch.channels_last)


def test_what_a_rule_makes_anew_is_put_where_the_original_is() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()).double().eval()
    supernet = space_of(network, only("0", new=nn.Conv2d(3, 4, 1)), torch.zeros(IMAGE).double())
    new = mixed_ops(supernet)[0].candidates[1]
    assert new.weight.dtype is torch.float64
    assert not new.training


def test_derive_and_extract_find_nets_in_it() -> None:
    torch.manual_seed(0)
    supernet = space_of(settled(small_resnet())).eval()
    with torch.no_grad():
        for alpha in alpha_parameters(supernet):
            alpha[1] = 1.0
    found = derive(supernet, name="found")
    assert isinstance(found, ModuleArchitecture)
    assert supernet.space.choices(found) == (1,) * len(supernet.space.places)
    net = extract(supernet, found)
    assert not mixed_ops(net)
    with active_paths(supernet, [SinglePath(1)] * len(supernet.space.places)):
        assert torch.equal(output(net, image()), output(supernet, image()))
    assert torch.equal(output(supernet.build(found), image()), output(net, image()))
    assert {*net.parameters()}.isdisjoint(supernet.parameters())


def test_a_place_is_never_inside_another_and_rules_are_asked_from_the_outside_in() -> None:
    asked = []

    def rule(path: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> Mapping[str, nn.Module] | None:
        asked.append(path)
        return {"skip": nn.Identity()} if path == "1" else None

    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU()), nn.ReLU())
    assert [place.path for place in space_of(network, rule).space.places] == ["1"]
    assert asked == ["0", "1", "2"]


def test_what_follows_a_place_in_place_leaves_what_came_before_it_alone() -> None:
    class Shortcut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.relu(self.conv(x)) + x

    supernet = space_of(Shortcut(), only("conv", skip=nn.Identity()))
    net = supernet.build(supernet.space.architecture([1]))
    assert torch.equal(output(net, image()), image().relu() + image())


def test_a_branch_is_skipped_by_zeros() -> None:
    network = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1))
    supernet = space_of(network, with_skip(convolutions(kernel_sizes=(1,)), skip=Zero))
    skip = supernet.space.places[0].candidates[-1]
    assert skip.computes_nothing
    assert not supernet.build(skip)(image()).any()


def test_inputs_are_a_tensor_or_the_arguments() -> None:
    class Pair(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor, more: dict[str, Tensor]) -> Tensor:
            return self.conv(x) + more["bias"]

    supernet = space_of(Pair(), only("conv", new=nn.Conv2d(3, 4, 3)), (torch.zeros(IMAGE), {"bias": torch.zeros(1)}))
    assert supernet.space.input_shapes == (IMAGE, (1,))


def test_it_prints_short_and_lists_what_is_probable() -> None:
    supernet = space_of(nn.Sequential(nn.Conv2d(3, 4, 3)), only("0", new=nn.Conv2d(3, 4, 3)))
    assert repr(supernet) == "<ModuleSuperNet of 'Sequential': 1 place of 2 candidates>"
    assert "original 50.0%" in str(supernet) or "new 50.0%" in str(supernet)
    assert "<table" in supernet._repr_html_()


class Odd(nn.Module):
    """Parts that cannot be places, and two that share their weights."""

    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Conv2d(3, 3, 1)
        self.never = nn.Conv2d(3, 3, 1)
        self.named = nn.Conv2d(3, 3, 1)
        self.tied = nn.Conv2d(3, 3, 1)
        self.other = nn.Conv2d(3, 3, 1)
        self.other.weight = self.tied.weight
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.here = nn.ReLU()
        self.there = self.here
        self.fine = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.named(input=self.twice(self.twice(x)))
        return self.fine(self.here(self.pool(self.other(self.tied(x)))[0]))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("twice", "'twice' is called 2 times in a forward pass: let the rule return None for it"),
        ("never", "'never' is not called in a forward pass"),
        ("named", r"'named' is called with arguments by name \(input\)"),
        ("tied", "'tied' shares weights with another part of the net"),
        ("pool", "'pool' gives something else than one tensor"),
        ("here", "'here' stands at several paths of the net"),
    ],
)
def test_what_cannot_be_a_place_is_refused_only_where_the_rule_asks_for_it(path: str, message: str) -> None:
    assert space_of(Odd(), only("fine", new=nn.Conv2d(3, 3, 1))).space.places
    with pytest.raises(PlaceError, match=message):
        space_of(Odd(), only(path, new=nn.Conv2d(3, 3, 1)))


def test_a_rule_is_told_by_no_inputs_what_cannot_be_a_place() -> None:
    net = Odd()
    inputs = {}

    def rule(path: str, module: nn.Module, given: tuple[Tensor, ...]) -> None:
        inputs[path] = given

    with pytest.raises(PlaceError, match="no candidate for any module"):
        space_of(net, rule)
    fine = [path for path, given in inputs.items() if given]
    assert fine == ["fine"]
    # Rules that ship mind it: the net is no error to them.
    assert [place.path for place in space_of(Odd(), convolutions(groups=[3])).space.places] == ["fine"]


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (nn.Conv2d(3, 5, 1), "'new' at '0' gives 2x5x32x32 in float32, the original 2x4x32x32 in float32"),
        (nn.Conv2d(3, 4, 3), "'new' at '0' gives 2x4x30x30 in float32, the original 2x4x32x32"),
        (nn.Conv2d(4, 4, 1), "'new' at '0' does not run on 2x3x32x32 in float32: .*expected input.*to have 4 channels"),
        ("1x1", "the rule returned 'new': str for '0'"),
    ],
)
def test_a_candidate_that_does_not_fit_is_refused(candidate: Any, message: str) -> None:
    with pytest.raises(PlaceError, match=message):
        space_of(nn.Sequential(nn.Conv2d(3, 4, 1)), only("0", new=candidate))


class Looking(nn.Module):
    """Two convolutions that run only if they are seen to be what they are."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        for layer in (self.a, self.b):
            x = layer(x) if isinstance(layer, nn.Conv2d) else layer(x) * 1.01
        return x


class Listed(Looking):
    """Its convolutions are in a list of Python's too, which is what runs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [self.a, self.b]

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class Asking(Looking):
    """Asks its convolutions for what only convolutions have."""

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x).view(-1, self.a.out_channels, *x.shape[2:])) + self.b.weight.mean()


class Indexing(Looking):
    """Takes a layer out of a block that it calls as well."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Sequential(self.a)  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.a(x)) + self.a[0].weight.mean()


class Noisy(Looking):
    """Draws in evaluation mode too, changes its input, and gives what is no number."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.b(self.a(x.add_(1) + torch.rand_like(x))), x.log() - torch.inf, x / 0 * 0])


@pytest.mark.parametrize(
    ("network", "path", "message"),
    [
        (Looking(), "b", "the net gives another output with a MixedOp at 'b', even along the originals: let forward"),
        (Listed(), "b", "calls the MixedOp at 'b' 0 times, .*: keep modules in an nn.ModuleList"),
        (Asking(), "a", "'a' is asked for its out_channels by the net: let the rule return None for it"),
        (Asking(), "b", "'b' is asked for its weight by the net: let the rule return None for it"),
        (
            Indexing(),
            "a",
            "does not run with a MixedOp at 'a': 'MixedOp' object is not subscriptable: let forward only",
        ),
    ],
)
def test_a_net_that_is_another_with_mixed_ops_is_refused(network: nn.Module, path: str, message: str) -> None:
    with pytest.raises(PlaceError, match=message):
        search_space_of(network, image(), only(path, new=nn.Conv2d(3, 3, 1)))


def test_rules_are_told_by_no_inputs_which_modules_the_net_looks_into() -> None:
    class Embedding(nn.Module):
        """Looks at a layer that it calls, as positional encodings do."""

        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(self.a(x.to(self.a.weight.dtype)))

    network = Embedding()
    supernet = space_of(network, convolutions(kernel_sizes=(1,)))
    assert [place.path for place in supernet.space.places] == ["b"]
    # `b` alone may change, and nothing is left of the watching.
    assert output(supernet.build(supernet.space.original), image()).equal(output(network, image()))
    assert {type(part) for part in supernet.network.a.modules()} == {nn.Conv2d}


def test_a_net_that_draws_is_still_itself() -> None:
    x = image()
    assert search_space_of(Noisy(), x, only("a", new=nn.Conv2d(3, 3, 1))).space.places
    assert torch.equal(x, image())


class InPlace(nn.Module):
    """A convolution of what it has changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.relu_(x))


def test_what_changes_its_input_in_place_is_refused_as_the_original_and_beside_it() -> None:
    with pytest.raises(
        PlaceError, match=r"'original' at '0' changes its input in place.*: build it with inplace=False"
    ):
        space_of(nn.Sequential(InPlace()), only("0", new=nn.Conv2d(3, 3, 1)))
    with pytest.raises(PlaceError, match=r"'new' at '0' changes its input in place.*: build it with inplace=False"):
        space_of(nn.Sequential(nn.Conv2d(3, 3, 1)), only("0", new=nn.Sequential(nn.ReLU(inplace=True))))


def test_each_candidate_is_a_module_of_its_own() -> None:
    network, new = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)), nn.Conv2d(3, 3, 1)
    with pytest.raises(PlaceError, match="'new' at '1' is another candidate too, or shares its weights"):
        space_of(network, lambda path, module, inputs: {"new": new} if path else None)
    with pytest.raises(PlaceError, match="'wrapped' at '0' is another candidate too, or shares its weights"):
        space_of(network, only("0", new=new, wrapped=nn.Sequential(new, nn.ReLU())))
    with pytest.raises(PlaceError, match=r"let the rule make each a module of its own: copy.deepcopy"):
        space_of(network, only("1", one=(skip := nn.Identity()), other=skip))
    activation = nn.ReLU()
    apart = {title: nn.Sequential(nn.Conv2d(3, 3, 1), activation) for title in ("one", "other")}
    assert len(space_of(network, only("0", **apart)).space.places[0].candidates) == 3


def test_other_mistakes_are_one_line_too() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1))
    with pytest.raises(PlaceError, match="returned no candidate for any module"):
        space_of(network, lambda path, module, inputs: None)
    with pytest.raises(PlaceError, match="calls a candidate of '0' 'original'"):
        space_of(network, only("0", original=nn.Conv2d(3, 4, 1)))
    with pytest.raises(PlaceError, match="returned a list for '0'"):
        space_of(network, lambda path, module, inputs: [nn.Conv2d(3, 4, 1)])  # type: ignore[arg-type, return-value]
    with pytest.raises(PlaceError, match="'again' at '0' shares its weights with the net"):
        space_of(network, lambda path, module, inputs: {"again": nn.Sequential(module)})
    with pytest.raises(PlaceError, match="no tensor"):
        space_of(network, inputs={"image": 3})
    with pytest.raises(PlaceError, match="holds MixedOps already"):
        space_of(nn.Sequential(MixedOp([nn.ReLU()])))
    supernet = space_of(network, only("0", new=nn.Conv2d(3, 4, 1)))
    with pytest.raises(ValueError, match="lies between the places"):
        supernet.build(supernet.space.rest)
    with pytest.raises(ValueError, match="is not in space 'Sequential'"):
        supernet.build(ModuleWorkload(title="foreign", operators=("aten.relu",), input_shapes=((1,),)))
