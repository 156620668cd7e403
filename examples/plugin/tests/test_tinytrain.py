"""What the plugin reads, through the parser that runwatch uses."""

from runwatch_tinytrain import FORMAT

from runwatch.parsers.stream import StreamParser

LOG = b"""\
tinytrain 0.3 on 8 devices
12:00:01 [tiny] update 40 of 900: loss=2.1250 lr=1.0e-03 took=125.0ms
12:00:09 [tiny] held-out after 40: nll=2.2500
12:00:17 [tiny] update 80 of 900: loss=nan lr=9.5e-04 took=130.0ms
"""


def test_a_log():
    """Steps, units and the evaluation."""
    parser = StreamParser([FORMAT])
    train, held_out = parser.feed(LOG).tables
    assert parser.format == "tinytrain"
    assert train.column("step").tolist() == [40, 80]
    assert train.column("total").tolist() == [900, 900]
    assert train.column("train/loss")[0] == 2.125
    assert train.column("train/learning_rate").tolist() == [0.001, 0.00095]
    assert train.column("perf/step_time").tolist() == [0.125, 0.13]
    assert held_out.kind == "eval"
    assert held_out.column("val/loss").tolist() == [2.25]
