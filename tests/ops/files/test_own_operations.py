"""Operations of somebody's own: known in files where they are to be known, and nowhere else."""

import pickle
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest
from attrs import evolve

import ghost_operations
from ghost_operations import GhostSpec
from pnas_ops import (
    FormatError,
    OperationError,
    SearchSpace,
    UnknownOperationError,
    cifar_tree_space,
    digits_mbconv_space,
    from_json,
    load_operations,
    load_space,
    own_operations,
    parse_json,
    save_json,
    space_from_dict,
    to_json,
)
from pnas_ops.files import own_operations as reading

FILE = Path(ghost_operations.__file__)
SPACE = evolve(digits_mbconv_space(), candidates=(GhostSpec(), GhostSpec(kernel_size=5)))
HEADER = "from attrs import define, frozen\nfrom pnas_ops import OwnOperation\n"
BODY = "    @property\n    def name(self): return 'a'\n    def build(self, **place): return None\n"


def test_a_space_with_them_comes_back_where_they_are_known() -> None:
    text = to_json(SPACE)
    assert '"kind": "Ghost"' in text
    with own_operations(GhostSpec):
        assert from_json(text, SearchSpace) == SPACE
        with own_operations():
            assert from_json(text, SearchSpace) == SPACE
    with pytest.raises(UnknownOperationError, match="operations that are not known here: 'Ghost': "):
        from_json(text, SearchSpace)


def test_trees_have_them_at_their_edges(tmp_path: Path) -> None:
    trees = evolve(cifar_tree_space(0.25, blocks_per_stage=1), candidates=(GhostSpec(),))
    save_json(trees, tmp_path / "space.json")
    with own_operations(GhostSpec):
        assert load_space(tmp_path / "space.json") == trees


def test_a_package_makes_its_operations_known_by_an_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    def install(name: str, value: str) -> None:
        found = EntryPoints([EntryPoint(name, value, reading.ENTRY_POINTS)])
        monkeypatch.setattr(reading, "_entry_points", lambda: found)

    install("Ghost", "ghost_operations:GhostSpec")
    assert from_json(to_json(SPACE), SearchSpace) == SPACE
    install("Ghost", "ghost_operations:Ghost")
    with pytest.raises(FormatError, match="is no operation: derive a frozen attrs class"):
        from_json(to_json(SPACE), SearchSpace)
    install("Ghost", "no_such_module:GhostSpec")
    with pytest.raises(FormatError, match="the entry point no_such_module:GhostSpec cannot be loaded: No module named"):
        from_json(to_json(SPACE), SearchSpace)


def test_the_same_file_gives_the_same_classes_which_other_processes_find_again(tmp_path: Path) -> None:
    (spec,) = load_operations(FILE)
    (tmp_path / "copy.py").write_bytes(FILE.read_bytes())
    assert load_operations(tmp_path / "copy.py") == (spec,)
    assert pickle.loads(pickle.dumps(spec())) == spec()
    assert spec is not GhostSpec
    (tmp_path / "copy.py").write_bytes(FILE.read_bytes() + b"\n# other code\n")
    assert load_operations(tmp_path / "copy.py") != (spec,)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\n", "defines no operation: let it define a frozen attrs class"),
        ("from ghost_operations import GhostSpec\n", "defines no operation"),
        ("x = \n", "cannot be run: SyntaxError: invalid syntax"),
        ("import no_such_module\n", "cannot be run: ModuleNotFoundError: No module named 'no_such_module': mend it"),
        ("raise SystemExit(3)\n", "cannot be run: SystemExit: 3"),
        (f"{HEADER}@frozen\nclass A(OwnOperation):\n    size: int = 3\n", "A lacks build, name: define it"),
        (f"{HEADER}class A(OwnOperation):\n{BODY}", "A is no frozen attrs class: write @attrs.frozen"),
        (f"{HEADER}@define\nclass A(OwnOperation):\n{BODY}", "A is no frozen attrs class"),
        (f"{HEADER}@frozen\nclass MBConvSpec(OwnOperation):\n{BODY}", "MBConvSpec has the name of an operation of"),
        (
            f"{HEADER}@frozen\nclass A(OwnOperation):\n{BODY}@frozen\nclass ASpec(OwnOperation):\n{BODY}",
            "there are two operations of the name 'A': rename one of them",
        ),
    ],
)
def test_a_file_of_no_use_is_refused_in_one_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "ops.py").write_text(text)
    with pytest.raises(OperationError, match=message) as caught:
        load_operations(tmp_path / "ops.py")
    assert str(caught.value).startswith(f"{tmp_path / 'ops.py'}")
    assert "\n" not in str(caught.value)


def test_a_space_file_is_refused_by_what_is_wrong_in_it(tmp_path: Path) -> None:
    space = digits_mbconv_space()
    document = parse_json(to_json(space))
    assert space_from_dict(document) == space
    with pytest.raises(FormatError, match=r"extra fields found \(depth\) @ SearchSpace"):
        space_from_dict(document | {"depth": 3})
    with pytest.raises(FormatError, match="holds Architecture version 1, expected SearchSpace version 1"):
        space_from_dict(document | {"schema": "Architecture"})
    (tmp_path / "space.json").write_text("[1]")
    with pytest.raises(FormatError, match=r"space\.json: not a JSON object"):
        load_space(tmp_path / "space.json")
