"""What a file says of a photo, as a table for the terminal."""

from rich.table import Table

from pnas_apps.run.prediction import Prediction


def prediction_table(prediction: Prediction) -> Table:
    """The most probable classes of a photo."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right", min_width=9)
    table.add_column()
    for share in prediction.top:
        table.add_row(f"{share.probability:.2%}", share.label)
    return table
