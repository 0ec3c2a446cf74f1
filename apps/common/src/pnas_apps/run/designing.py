"""The size of a space, chosen before it is searched by what its nets compute within the limits."""

from collections.abc import Mapping
from datetime import date

from attrs import evolve, frozen

from pnas_apps.ground.errors import UserError
from pnas_apps.ground.progress import Reporter
from pnas_apps.run.asked_sizes import AskedSizes
from pnas_apps.run.named_spaces import NamedSpace, known_space, named_space
from pnas_apps.run.preset import Preset
from pnas_apps.run.space_names import is_space_file
from pnas_latency import Budget, LatencyTable, Limit, SpaceDesign, design_spaces
from pnas_ops import DeviceInfo, Space


@frozen(kw_only=True, eq=False)
class Designer:
    """Chooses the size of a space.

    Attributes:
        spaces: the spaces with names.
        sizes: to choose from.
    """

    spaces: Mapping[str, NamedSpace]
    sizes: AskedSizes

    def check(self, preset: Preset, budget: Budget, device: DeviceInfo) -> None:
        """Refuses what shows to be wrong before any image is read.

        Raises:
            UserError: for a space in a file, which has its size, one that is not there, a size that it cannot have, and
                limits that tell spaces apart by nothing.
            UnknownCostError: for limits that the space's costs cannot tell.
        """
        if is_space_file(preset.space):
            raise UserError(f"the space in {preset.space} has its own size: leave out --design, or name a space")
        if budget == Budget(latency_ms=budget.latency_ms, columns=budget.columns):
            raise UserError(
                "--design compares spaces within limits that need no table, and without one the largest would be "
                "best: give --max-activation-bytes, --max-weight-bytes, --max-file-bytes, --max-parameters or "
                "--max-macs"
            )
        known_space(self.spaces, preset.space)
        # Neither the number of classes nor the size decides on what is known of a cost.
        space = self._of_all_sizes(preset, classes=2)[0]
        for limit in _limits(budget, device):
            limit.metric.priced(space)

    def choose(
        self, preset: Preset, *, classes: int, budget: Budget, device: DeviceInfo, seed: int, reporter: Reporter
    ) -> tuple[Preset, Space, SpaceDesign]:
        """The preset with the chosen size, its space, and what that was compared with.

        The latency, and other columns of a table, do not count: they are known of measured blocks alone.

        Args:
            preset: names the space, and its resolution without a choice.
            classes: of the images.
            budget: what the net may cost; its bytes are those of a file in the device's dtype.
            device: the device that it is for.
            seed: of the run.
            reporter: shows progress.

        Raises:
            UserError: for a size that the space cannot have.
            InfeasibleBudgetError: where none of the nets drawn of any space is within the limits.
            UnknownCostError: for limits that the space's costs cannot tell.
        """
        spaces = self._of_all_sizes(preset, classes=classes)
        with reporter.phases() as progress:
            found = design_spaces(spaces, _limits(budget, device), seed=seed % 2**63, progress=progress)
        width, resolution = self.sizes.pairs(preset.resolution)[found.best]
        return evolve(preset, width_mult=width, resolution=resolution), spaces[found.best], found

    def _of_all_sizes(self, preset: Preset, *, classes: int) -> list[Space]:
        try:
            return [
                named_space(
                    self.spaces,
                    preset.space,
                    classes=classes,
                    resolution=resolution,
                    blocks_per_stage=preset.blocks_per_stage,
                    width_mult=width,
                )
                for width, resolution in self.sizes.pairs(preset.resolution)
            ]
        except UserError as error:
            raise UserError(f"{error}: name other --design-resolutions") from None


def _limits(budget: Budget, device: DeviceInfo) -> tuple[Limit, ...]:
    """The limits that need no table."""
    nothing = LatencyTable(device=device, measured_on=date.today().isoformat(), entries=())
    return evolve(budget, latency_ms=None, columns={}).counts(nothing)
