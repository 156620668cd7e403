"""Hugging Face Trainer and what builds on it (TRL, axolotl, autotrain): dict lines among tqdm bars.

Values are numbers or, in newer versions, strings. The dicts carry no step; the
training bar next to them does.
"""

from runwatch.core.batch import PLAN
from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import DictPattern, LinePattern

FORMAT = Format(
    name="hf-trainer",
    title="Hugging Face Trainer / TRL",
    example="{'loss': 1.2345, 'grad_norm': 0.98, 'learning_rate': 4.9e-05, 'epoch': 0.12}",
    matchers=(
        DictPattern("hf", aliases={"train_loss": "train_loss"}),
        LinePattern("plan", PLAN, rb"[^\r\n]{0,200}?Total optimization steps = (?P<total>[\d,]+)\s*$"),
    ),
    markers=((b"***** Running training *****", "start"),),
)
