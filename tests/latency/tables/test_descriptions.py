"""What a prompt and a notebook show of tables."""

from html.parser import HTMLParser

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from pnas_latency import MACS, Calibration, LatencyTable, NetEntry, TableEntry, peak_activation_bytes
from pnas_ops import Space, cifar_tree_space, digits_mbconv_space, workloads
from strategies import full_tables, search_spaces
from tables import DEVICE, measurement, uniform_table

SPACE = digits_mbconv_space()
LONGEST = 130


class Cells(HTMLParser):
    """The texts of a table's cells, line by line, and all other texts; knows no table that is not well formed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.lines: list[list[str]] = []
        self.others: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.open.append(tag)
        if tag == "tr":
            self.lines.append([])
        elif tag in ("th", "td"):
            self.lines[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1] in ("th", "td"):
            self.lines[-1][-1] += data
        else:
            self.others.append(data)


def judged() -> LatencyTable:
    nets = tuple(
        NetEntry(
            architecture=SPACE.architecture([index] * 6, name=f"net-{index}"),
            measurement=measurement(5.0 + index, overhead_ms=0.5),
            held_out=held_out,
            band=band,
        )
        for index, (held_out, band) in enumerate([(False, False), (True, False), (True, True)])
    )
    table = uniform_table(SPACE)
    first = evolve(table.entries[0], measurement=measurement(0.25))
    return evolve(
        table,
        entries=(first, *table.entries[1:]),
        nets=nets,
        calibration=Calibration(scale=1.02, offset_ms=-0.125),
        noise_floor=0.004,
    )


def test_a_table_is_one_line_at_a_prompt_and_several_in_print() -> None:
    assert repr(uniform_table(SPACE)) == (
        "<LatencyTable 27 workloads, 0 nets, 2025-01-02, fake 1, float32, 1 thread, board>"
    )
    assert repr(judged()) == (
        "<LatencyTable 27 workloads, 3 nets, 2025-01-02, calibrated, fake 1, float32, 1 thread, board>"
    )
    assert str(judged()).splitlines() == [
        "LatencyTable of fake 1, float32, 1 thread, board",
        "  measured on: 2025-01-02",
        "  workloads:   27 of 0.25 to 1 ms",
        "  nets:        3, 2 of them held out",
        "  calibration: 1.02 x the sum -0.125 ms",
        "  noise floor: 0.40%",
    ]
    assert str(LatencyTable(device=DEVICE, measured_on="2025-01-02", entries=())).splitlines()[2:] == [
        "  workloads:   0",
        "  nets:        0",
        "  calibration: none",
        "  noise floor: not measured",
    ]


def test_entries_say_what_was_measured_and_what_for() -> None:
    table = judged()
    noisy = evolve(table.entries[0], measurement=evolve(measurement(0.25), noisy=True), columns={"energy_mj": 1.5})
    assert repr(table.entries[0]) == "<TableEntry conv3 1->16 s1 @16x16: 0.25 ms>"
    assert repr(noisy) == "<TableEntry conv3 1->16 s1 @16x16: 0.25 ms, noisy, energy_mj 1.5>"
    assert [repr(entry) for entry in table.nets] == [
        "<NetEntry 'net-0': 5.5 ms, to calibrate with>",
        "<NetEntry 'net-1': 6.5 ms, held out>",
        "<NetEntry 'net-2': 7.5 ms, held out, of the band>",
    ]


def test_a_metric_says_what_it_counts_and_not_by_which_functions() -> None:
    assert repr(MACS) == "<Metric macs: the sum over a net's workloads, in MACs>"
    assert repr(peak_activation_bytes("int8")) == (
        "<Metric peak_activation_bytes_int8: the largest over a net's workloads, in bytes>"
    )
    assert repr(judged().metric()) == "<Metric latency_ms: the sum over a net's workloads, in ms>"


@settings(max_examples=30)
@given(st.data())
def test_whatever_a_table_holds_it_is_one_short_line(data: st.DataObject) -> None:
    table = data.draw(full_tables(data.draw(search_spaces())))
    device = evolve(table.device, device=40 * "bench --file {file}\n", runtime=data.draw(st.text()))
    wordy = evolve(table, device=device)
    for thing in (wordy, *wordy.entries, *wordy.nets):
        assert len(repr(thing)) <= LONGEST
        assert len(repr(thing).splitlines()) == 1
        assert repr(thing).startswith(f"<{type(thing).__name__} ")


def test_a_notebook_shows_the_first_workloads_and_counts_the_others() -> None:
    def shown(space: Space) -> Cells:
        return Cells(uniform_table(space)._repr_html_())

    cells = shown(SPACE)
    entries = uniform_table(SPACE).entries
    assert cells.lines == [["workload", "ms", ""], *([entry.workload.name, "1.0000", ""] for entry in entries[:20])]
    assert cells.others == ["fake 1, float32, 1 thread, board, 2025-01-02", "and 7 more workloads"]
    assert len(shown(cifar_tree_space()).lines) == 21


def test_a_notebook_shows_other_columns_and_takes_no_name_for_html() -> None:
    ((first,), (second, *_), *_) = workloads(SPACE)
    entries = (
        TableEntry(workload=first, measurement=evolve(measurement(0.5), noisy=True), columns={"<b>_mj": 1.5}),
        TableEntry(workload=second, measurement=measurement(2.0), columns={"b_c": 4.0}),
    )
    device = evolve(DEVICE, device="a <script> & more")
    html = LatencyTable(device=device, measured_on="2025-01-02", entries=entries)._repr_html_()
    assert "<script>" not in html
    cells = Cells(html)
    assert cells.lines == [
        ["workload", "ms", "", "<b>_mj", "b_c"],
        [first.name, "0.5000", "noisy", "1.5", ""],
        [second.name, "2.0000", "", "", "4"],
    ]
    assert cells.others == ["fake 1, float32, 1 thread, a <script> & more, 2025-01-02"]
