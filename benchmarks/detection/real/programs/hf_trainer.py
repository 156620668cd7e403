"""The Trainer of transformers: a dictionary a step, a bar, evaluations, checkpoints."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback, TrainingArguments

from benchmarks.detection.real.programs.faults import Injector
from benchmarks.detection.real.programs.plan import Plan
from benchmarks.detection.real.programs.task import Points
from benchmarks.detection.real.programs.torch_loop import network

EVERY, SIZE = 40, 32


class Classifier(nn.Module):
    """The network, called as Trainer calls models."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.net = network(seed)

    def forward(self, points: Any, labels: Any) -> dict[str, Any]:
        """Return the loss and the logits."""
        logits = self.net(points)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class Batches(Dataset[Any]):
    """Numbers of samples, which `collate` turns into the points of a step."""

    def __init__(self, plan: Plan, injector: Injector | None, length: int) -> None:
        self.injector, self.length = injector, length
        self.points = Points(plan.seed if injector else 1, SIZE)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return a sample of a step's batch; the first of a batch is where reading fails."""
        step, row = divmod(index, SIZE)
        x, y = self.points.batch(step + 1)
        if self.injector is not None:
            x, y = self.injector.batch(step + 1, x, y)
        return {"points": torch.from_numpy(x[row]), "labels": int(y[row])}


class Events(TrainerCallback):
    """Lets the fault happen at the step it is due."""

    def __init__(self, injector: Injector) -> None:
        self.injector, self.raised = injector, False

    def on_step_begin(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Meet what happens before the step."""
        self.injector.before(state.global_step + 1)
        if self.injector.rate(1.0) > 1 and not self.raised:
            self.raised, schedule = True, others["lr_scheduler"]
            schedule.base_lrs = [self.injector.rate(rate) for rate in schedule.base_lrs]
            for group in others["optimizer"].param_groups:
                group["lr"] = self.injector.rate(group["lr"])

    def on_step_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Take the step's time."""
        self.injector.work()
        if self.injector.event == "early_stopping" and state.global_step >= self.injector.at:
            args.learning_rate = 0.0

    def on_save(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        """Damage what was saved."""
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        self.injector.saved(folder / "model.safetensors")


class InOrder(Trainer):
    """Reads the samples in their order, so that a step's batch is known."""

    def _get_train_sampler(self, *_: Any) -> Any:
        return torch.utils.data.SequentialSampler(self.train_dataset)


def main() -> None:
    """Train as the command line says."""
    plan = Plan.read()
    injector = Injector(plan)
    early = plan.what == "early_stopping"
    if plan.what == "disk_full" and not os.path.ismount(plan.dir / "checkpoints"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    arguments = TrainingArguments(
        output_dir=str(plan.dir / "checkpoints"),
        max_steps=plan.steps,
        per_device_train_batch_size=SIZE,
        learning_rate=3e-3,
        logging_steps=5 if plan.what == "sparse" else 1,
        logging_nan_inf_filter=plan.draw("filter", "none") == "filter",
        eval_strategy="steps",
        eval_steps=EVERY,
        save_steps=EVERY,
        save_total_limit=3,
        load_best_model_at_end=early,
        metric_for_best_model="eval_loss" if early else None,
        report_to=[],
        use_cpu=True,
        seed=plan.seed,
    )
    trainer = InOrder(
        model=Classifier(plan.seed),
        args=arguments,
        train_dataset=Batches(plan, injector, plan.steps * SIZE),
        eval_dataset=Batches(plan, None, 256),
        callbacks=[
            Events(injector),
            *([EarlyStoppingCallback(2, early_stopping_threshold=0.05)] if early else []),
        ],
    )
    trainer.train(resume_from_checkpoint=True if plan.attempt else None)


if __name__ == "__main__":
    main()
