"""PyTorch Ignite, by its bar or by lines of its logger. argv: directory, bar or log."""

import sys

import tiny
from ignite.engine import Engine, Events
from ignite.handlers.tqdm_logger import ProgressBar
from ignite.metrics import RunningAverage
from ignite.utils import setup_logger
from truth import Truth

BATCHES, EPOCHS = 20, 4
bar = sys.argv[2] == "bar"
truth = Truth(BATCHES * EPOCHS, pause=0.11 if bar else 0.03)


def train(engine, batch):
    """Train one step; note the one before, whose line is drawn."""
    if engine.state.iteration > 1:
        truth.reach(engine.state.iteration - 1)
    return tiny.step()


trainer = Engine(train)
RunningAverage(output_transform=lambda loss: loss).attach(trainer, "loss")
if bar:
    ProgressBar(persist=True).attach(trainer, ["loss"])
else:
    trainer.logger = setup_logger("trainer")

    @trainer.on(Events.ITERATION_COMPLETED)
    def log(engine):
        """Print a line a step."""
        state = engine.state
        loss = truth.loss(f"{state.output:.4f}")
        trainer.logger.info(f"Epoch [{state.epoch}/{EPOCHS}] Iter [{state.iteration}/{80}] loss: {loss}")


trainer.run(range(BATCHES), max_epochs=EPOCHS)
