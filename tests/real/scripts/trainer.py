"""A Hugging Face Trainer that keeps the newest two of its checkpoints. argv: directory."""

import sys

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

config = LlamaConfig(
    vocab_size=64, hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2
)
rows = [{"input_ids": torch.arange(8) % 64, "labels": torch.arange(8) % 64} for _ in range(64)]
arguments = TrainingArguments(
    output_dir=sys.argv[1],
    max_steps=10,
    per_device_train_batch_size=4,
    save_steps=2,
    save_total_limit=2,
    logging_steps=1,
    report_to=[],
    use_cpu=True,
    disable_tqdm=True,
)
Trainer(model=LlamaForCausalLM(config), args=arguments, train_dataset=rows).train()
