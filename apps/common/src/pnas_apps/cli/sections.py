"""Help of a command with many options, under headings."""

import click

from pnas_apps.cli.presets import sections_of

_HEADINGS = {
    "Limits": ("latency_ms", "macs", "parameters", "weight_bytes", "peak_activation_bytes", "file_bytes", "maxima"),
    "Device and table": ("device", "threads", "dtype", "table", "foreign_table", "metrics"),
}


class SectionedCommand(click.Command):
    """A command whose help has its options under headings: limits, device, and the sections of the preset."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """As click has it, but in several lists."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None and isinstance(parameter, click.Option):
                sections.setdefault(_heading(parameter.name or ""), []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def _heading(name: str) -> str:
    of_preset = sections_of(name)
    if of_preset is not None:
        return ", ".join(["Preset", *of_preset])
    return next((heading for heading, names in _HEADINGS.items() if name in names), "Options")
