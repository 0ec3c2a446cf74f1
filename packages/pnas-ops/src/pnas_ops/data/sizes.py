"""Exact numbers of cells and paths, for spaces that are only counted and not searched here."""


def cell_space_size(*, inputs: int = 2, operations: int, joins: int, blocks: int) -> int:
    """The number of cells in NASNet's recurrent form: (inputs^2 operations^2 joins)^blocks.

    Each block takes two of the available hidden states, applies an operation to each, and joins the results to a new
    hidden state.

    Args:
        inputs: the number of hidden states that each input of a block is chosen from.
        operations: the number of operations to choose from for each input.
        joins: the number of ways to join the two, such as a sum and a concatenation.
        blocks: of a cell.

    Raises:
        ValueError: for anything but positive numbers.

    References:
        Zoph et al., arXiv 1707.07012; (2 x 2 x 5 x 5 x 2)^5 = 3.2e11 with two inputs, five operations, two joins and
        five blocks.
    """
    _check_positive(inputs=inputs, operations=operations, joins=joins, blocks=blocks)
    return int((inputs**2 * operations**2 * joins) ** blocks)


def trellis_paths(*, layers: int, levels: int) -> int:
    """The number of paths through a trellis: a level for each layer, where neighbours differ by at most one.

    The first layer is at the finest level; each later one halves, keeps or doubles the feature map. The number is the
    sum of the first row of A^(layers - 1), where A is 1 for equal or adjacent levels and 0 elsewhere.

    Args:
        layers: of the net, the first included.
        levels: of resolution, each half of the one before.

    Raises:
        ValueError: for anything but positive numbers.

    References:
        Auto-DeepLab, Liu et al., arXiv 1901.02985: 2.9e4 paths of 12 layers through 4 levels.
    """
    _check_positive(layers=layers, levels=levels)
    # A row times a tridiagonal matrix is a sum of three neighbours; Python's integers do not overflow.
    paths = [1, *[0] * (levels - 1)]
    for _ in range(layers - 1):
        paths = [sum(paths[max(0, level - 1) : level + 2]) for level in range(levels)]
    return sum(paths)


def _check_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} must be a positive number, got {number}")
