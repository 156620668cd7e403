"""A Hugging Face Trainer that logs, evaluates, saves and reports to W&B and TensorBoard.

argv: directory, file for what was logged, "nan" for weights that turn to NaN at step 15.
"""

import json
import sys
import time

import torch
from gate import gate
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments

top, said, nan = sys.argv[1], sys.argv[2], "nan" in sys.argv[3:]
torch.manual_seed(1)
config = LlamaConfig(
    vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2
)
rows = [{"input_ids": (t := torch.randint(64, (8,))), "labels": t} for _ in range(64)]


class ResumeState(TrainerCallback):
    """Keeps what was logged, waits at the gate, and breaks the weights if asked to."""

    def __init__(self):
        self.rows = []

    def on_log(self, args, state, control, logs=None, **others):
        self.rows.append({"step": state.global_step, **logs})
        with open(said, "w") as file:
            json.dump(self.rows, file)

    def on_step_end(self, args, state, control, model=None, **others):
        time.sleep(0.15)  # tqdm redraws a bar at most every 0.1 s, and real steps are slower
        if state.global_step == 15 and nan:
            with torch.no_grad():
                next(model.parameters()).fill_(float("nan"))

    def on_evaluate(self, args, state, control, **others):
        if state.global_step == 10:
            gate()


arguments = TrainingArguments(
    output_dir=top,
    max_steps=30,
    per_device_train_batch_size=4,
    logging_steps=1,
    eval_strategy="steps",
    eval_steps=10,
    save_steps=10,
    save_total_limit=2,
    logging_nan_inf_filter=False,
    report_to=["wandb", "tensorboard"],
    run_name="tiny",
    use_cpu=True,
    seed=1,
)
model = LlamaForCausalLM(config)
reported = ResumeState()
Trainer(model=model, args=arguments, train_dataset=rows, eval_dataset=rows[:8], callbacks=[reported]).train()
