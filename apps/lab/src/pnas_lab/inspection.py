"""What `pnas-lab inspect` prints and draws."""

from attrs import asdict
from rich.table import Table

from pnas_apps.ground.progress import Reporter
from pnas_lab.nets import Model, read_model
from pnas_lab.output import Output
from pnas_lab.tables import field_text, in_bytes, map_text, plain_table, short, times
from pnas_ops import Account, AccountLine, StoredDtype, account_of, draw_memory


def look_at_net(
    text: str,
    *,
    classes: int | None,
    resolution: int | None,
    input_shape: tuple[int, ...] | None,
    dtype: StoredDtype,
    output: Output,
    reporter: Reporter,
) -> None:
    """Counts, and shows the result.

    Raises:
        UserError, PnasError: for a net that is not there, and one that does not run on such an input.
    """
    model = read_model(text, classes=classes, resolution=resolution, input_shape=input_shape)
    account = account_of(model.module, [model.input_shape], dtype=dtype)
    title = f"{model.name}, {times(model.input_shape[1:])}, {dtype}"
    output.put(
        reporter,
        document=_document(model, account),
        shown=lambda: [_table(account, title), *_summary(model, account)],
        figure=lambda: draw_memory(account, title=title),
    )


def _table(account: Account, title: str) -> Table:
    """Line by line, the worst moment in bold letters."""
    table = plain_table(title)
    table.add_column("module", overflow="fold")
    table.add_column("operator", no_wrap=True)
    for heading in ("result", "MACs", "params", "in\nmemory", "of it\nwaits", "MACs\n/byte", "sees"):
        table.add_column(heading, justify="right", no_wrap=True)
    for number, line in enumerate(account.lines):
        table.add_row(
            line.place,
            # What follows in place is in the document.
            line.operator.partition(" + ")[0],
            map_text(line.output_shape),
            short(line.macs) if line.macs else "",
            short(line.parameters) if line.parameters else "",
            in_bytes(line.alive_bytes),
            in_bytes(line.waiting_bytes) if line.waiting_bytes else "",
            f"{line.macs_per_byte:.1f}" if line.macs else "",
            field_text(line.receptive_field),
            style="bold" if number == account.peak else "",
        )
    return table


def _summary(model: Model, account: Account) -> list[str]:
    peak = account.lines[account.peak]
    lines = [
        f"{account.macs:,} MACs, {account.parameters:,} parameters, {in_bytes(account.weight_bytes)} of weights, "
        f"{account.macs_per_byte:.1f} MACs a byte moved",
        f"Peak memory {in_bytes(account.peak_activation_bytes)}, at {peak.place or 'the net itself'} ({peak.operator})",
    ]
    if account.unread_parameters:
        lines.append(f"{account.unread_parameters:,} parameters are read by no operator: they are for training only")
    if model.published is not None:
        lines.append(f"Published: {model.published.gmacs} GMACs, {model.published.parameters:,} parameters")
    return lines


def _document(model: Model, account: Account) -> dict[str, object]:
    return {
        "net": model.name,
        "input_shape": list(model.input_shape),
        "dtype": account.dtype,
        "macs": account.macs,
        "parameters": account.parameters,
        "unread_parameters": account.unread_parameters,
        "weight_bytes": account.weight_bytes,
        "moved_bytes": account.moved_bytes,
        "macs_per_byte": account.macs_per_byte,
        "peak_activation_bytes": account.peak_activation_bytes,
        "peak_operator": account.peak,
        "published": None if model.published is None else asdict(model.published),
        "operators": [_line(line) for line in account.lines],
    }


def _line(line: AccountLine) -> dict[str, object]:
    return {
        "module": line.place,
        "operator": line.operator,
        "input_shapes": line.input_shapes,
        "output_shape": line.output_shape,
        "macs": line.macs,
        "parameters": line.parameters,
        "weight_bytes": line.weight_bytes,
        "input_bytes": line.input_bytes,
        "output_bytes": line.output_bytes,
        "moved_bytes": line.moved_bytes,
        "macs_per_byte": line.macs_per_byte,
        "alive_bytes": line.alive_bytes,
        "waiting_bytes": line.waiting_bytes,
        "alive": [asdict(one) for one in line.alive],
        "receptive_field_pixels": line.receptive_field,
    }
