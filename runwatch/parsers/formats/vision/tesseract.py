"""Tesseract's lstmtraining: iterations that it learned from, of training and of samples; means of errors."""

from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import training

FORMAT = Format(
    name="tesseract",
    title="Tesseract (lstmtraining)",
    example="At iteration 98/200/201, Mean rms=1.912%, delta=4.512%, BCER train=9.325%, BWER train=21.500%",
    matchers=(
        training(
            rb"At iteration \d+/{step}/\d+, (?:[Mm]ean )?rms={rms}%, delta={delta}%, "
            rb"(?:BCER|char) train={BCER}%, (?:BWER|word) train={BWER}%"
        ),
    ),
)
