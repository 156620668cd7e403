"""OpenCLIP: `Train Epoch: 0 [  4096/409600 (1%)] Data (t): 0.25 ... Loss: 2.125 (2.25)`, samples as steps."""

from runwatch.core.metrics import DATA_TIME, SAMPLES_PER_SEC, STEP_TIME
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training
from runwatch.parsers.lexicon.records import HeldOut

FORMAT = Format(
    name="open-clip",
    title="OpenCLIP",
    example="Train Epoch: 0 [  4096/409600 (1%)] Data (t): 0.250 Batch (t): 0.500 ... Loss: 2.125 (2.25)",
    matchers=(
        training(
            rb"Train Epoch: {epoch} \[ *{within}/{per} \(\d+%\)\](?=[^\r\n]{0,300}? \w+ \(t\):)"
            rb"(?=[^\r\n]{0,300}? Loss: {loss})"
            rb"(?:(?= Data \(t\): {data}))?(?:(?=[^\r\n]{0,40}? Batch \(t\): {time}(?:, {rate}/s)?))?"
            rb"(?:(?=[^\r\n]{0,200}? LR: {lr}))?",
            aliases={"data": DATA_TIME, "time": STEP_TIME, "rate": SAMPLES_PER_SEC},
            first_epoch=0,
        ),
        evaluation(rb"Eval Epoch: {epoch} ", fields=True, aliases=HeldOut()),
    ),
    logged=True,
)
