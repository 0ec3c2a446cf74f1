"""The rule for those who give none."""

from pnas_supernet import Rule, convolutions, first_of, inner_widths, inverted_residuals, with_skip


def default_rule() -> Rule:
    """Kernels and expansions of inverted residuals; widths inside other blocks; elsewhere groups of convolutions.

    Blocks and layers whose output looks like their input may be left out, too.
    """
    return with_skip(
        first_of(
            inverted_residuals(kernel_sizes=(3, 5), expansions=(2, 4)),
            inner_widths(ratios=(0.25, 0.5, 0.75)),
            convolutions(groups=(2, 4)),
        )
    )
