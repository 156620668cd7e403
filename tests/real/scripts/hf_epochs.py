"""Hugging Face's Trainer over epochs, with evaluations and checkpoints; TRL's for SFT. argv: directory, which."""

import random
import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainerCallback, TrainingArguments
from truth import Truth

top, which = sys.argv[1:3]
torch.manual_seed(1)
random.seed(1)
SIZES = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
model = LlamaForCausalLM(LlamaConfig(vocab_size=32, pad_token_id=0, eos_token_id=2, **SIZES))
truth = Truth(48, pause=0.1)


class Noted(TrainerCallback):
    """Notes what was done; of a step, when the bar has moved on."""

    def on_log(self, args, state, control, logs=None, **others):
        """Note a loss as it is printed."""
        if "loss" in logs:
            truth.loss(f"{logs['loss']:.4g}")

    def on_save(self, args, state, control, **others):
        """Note a checkpoint."""
        truth.save(state.global_step)

    def on_step_begin(self, args, state, control, **others):
        """Note the step before."""
        if state.global_step:
            truth.reach(state.global_step)


settings = {
    "output_dir": top,
    "num_train_epochs": 2,
    "per_device_train_batch_size": 4,
    "logging_steps": 2,
    "eval_strategy": "steps",
    "eval_steps": 24,
    "save_steps": 24,
    "report_to": [],
    "use_cpu": True,
}
if which == "trainer":
    rows = [{"input_ids": (t := torch.randint(32, (8,))), "labels": t} for _ in range(96)]
    trainer = Trainer(
        model=model,
        args=TrainingArguments(**settings),
        train_dataset=rows,
        eval_dataset=rows[:8],
        callbacks=[Noted()],
    )
else:
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from trl import SFTConfig, SFTTrainer

    words = {word: i for i, word in enumerate(["<pad>", "<unk>", "<eos>", *"abcdefgh"])}
    bare = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    bare.pre_tokenizer = pre_tokenizers.Whitespace()
    named = {"pad_token": "<pad>", "unk_token": "<unk>", "eos_token": "<eos>"}
    texts = [{"text": " ".join(random.choices("abcdefgh", k=12))} for _ in range(96)]
    trainer = SFTTrainer(
        model=model,
        args=SFTConfig(**settings, max_length=32, bf16=False, gradient_checkpointing=False),
        train_dataset=Dataset.from_list(texts),
        eval_dataset=Dataset.from_list(texts[:8]),
        processing_class=PreTrainedTokenizerFast(tokenizer_object=bare, **named),
        callbacks=[Noted()],
    )
trainer.train()
