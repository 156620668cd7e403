"""Lines of language model trainers, in the shapes that real programs print."""

from __future__ import annotations

from .case import NAN, Case

CASES = [
    Case(
        "llm.c",
        "val loss 11.0\n"
        "step    1/900 | loss 11.000000 (+nanz)| norm 15.5000 (+nanz)| lr 8.50e-07 | 4000.50 ms | 31.5% bf16 MFU | 125000 tok/s\n"
        "step    2/900 | loss     nan (+nanz)| norm     nan (+nanz)| lr 1.70e-06 | 4000.00 ms | 31.0% bf16 MFU | 125500 tok/s\n"
        "step    3/900 | loss 10.5 (+0.1z)| norm 0.5 (-0.2z)| lr 1.7Error: Token out of vocabulary\n"
        "evaluating HellaSwag: 0/8\revaluating HellaSwag: 8/8\rHellaSwag: 25/100 = 0.250000\n",
        {"step": [1, 2], "total": [900, 900], "train/loss": [11, NAN], "train/grad_norm": [15.5, NAN],
         "train/learning_rate": [8.5e-7, 1.7e-6], "perf/step_time": [4.0005, 4.0], "perf/mfu": [0.315, 0.31],
         "perf/tokens_per_sec": [125000, 125500]},
        {"val/loss": [11.0], "HellaSwag accuracy": [0.25]},
    ),
    Case(
        "llm.c",
        "step 1/74: train loss 4.500000 (acc 4.500000) (250.000000 ms, 16000 tok/s)\n"
        "step 2/74 | train loss 4.250000 | norm 2.5000 | lr 1.00e-04 | (125.00 ms | 32000 tok/s)\n",
        {"step": [1, 2], "train/loss": [4.5, 4.25], "train/grad_norm": [2.5], "perf/step_time": [0.25, 0.125]},
    ),
    Case(
        "llm.c-mainlog",
        "s:0 tel:11.0\ns:0 trl:11.0 lr:0.000001 norm:14.50\ns:1 trl:10.5 lr:0.000002 norm:15.25\ns:1 eval:0.25\n",
        {"step": [0, 1], "train/loss": [11, 10.5], "train/grad_norm": [14.5, 15.25]},
        {"val/loss": [11.0], "HellaSwag accuracy": [0.25]},
    ),
    Case(
        "llm.c-mainlog", "s:0 trl:10.5\ns:1 trl:10.25\n", {"step": [0, 1], "train/loss": [10.5, 10.25]}
    ),
    Case(
        "modded-nanogpt",
        "warmup_step:1/20\nstep:0/900 val_loss:10.5 train_time:0ms step_avg:nanms\n"
        "step:1/900 train_loss:10.25 train_time:250ms step_avg:nanms\nstep:2/900 train_time:500ms step_avg:250.50ms\n"
        "step:2/900 val_loss:10.0 val_bpb:1.25 train_time:500ms step_avg:250.50ms\n",
        {"step": [1, 2], "total": [900, 900], "train/loss": [10.25], "step_avg": [NAN, 0.2505]},
        {"val/loss": [10.5, 10.0], "val/bpb": [1.25], "step": [0, 2]},
    ),
    Case(
        "nanogpt-tagged",
        "[train] tokens/iter = 4,096 | vocab = 512\n[eval] iter 0: train 9.5 val 9.75 lr 7.50e-07\n"
        "[train] iter 10: loss 8.5000 9500 ms/iter\n",
        {"step": [10], "train/loss": [8.5], "perf/step_time": [9.5]},
        {"step": [0], "val/loss": [9.75], "eval/train_loss": [9.5], "train/learning_rate": [7.5e-7]},
    ),
    Case(
        "litgpt",
        "Epoch 1 | iter 1 step 0 | loss train: 1.625, val: n/a | iter time: 820.50 ms\n"
        "Epoch 1 | iter 2 step 1 | loss train: 1.500, val: 1.750 | iter time: 500.00 ms (step) remaining time: 0:01:02\n"
        "iter 2: val loss 1.7500, val time: 125.00 ms\n",
        {"step": [0, 1], "iter": [1, 2], "train/loss": [1.625, 1.5], "perf/step_time": [0.8205, 0.5],
         "perf/remaining": [62]},
        {"val/loss": [1.75]},
    ),
    Case(
        "torchtitan",
        "[rank0]:[titan] 2030-01-02 03:04:05,678 - root - INFO - Trainer is initialized with local batch size 8, "
        "total steps 900 (warmup 50)\n"
        "[rank0]:[titan] 2030-01-02 03:04:05,678 - root - INFO - \x1b[31mstep:  1  \x1b[32mloss: 12.25000  "
        "\x1b[38;2;180;60;0mgrad_norm: 10.5000  \x1b[38;2;54;234;195mmemory: 27.50GiB(88.75%)  \x1b[34mtps: 7,718  "
        "\x1b[36mtflops: 5.25  \x1b[35mmfu: 1.50%\x1b[39m\n"
        "[titan] 2030-01-02 03:04:06,678 - root - INFO - step: 10  loss: 11.5  grad_norm: nan  memory: 27.50GiB(88.75%)  "
        "tps: 7,718  tflops: 5.25  mfu: N/A\n",
        {"step": [1, 10], "train/loss": [12.25, 11.5], "train/grad_norm": [10.5, NAN], "perf/mfu": [0.015],
         "perf/tokens_per_sec": [7718, 7718], "perf/tflops": [5.25, 5.25], "rank": [0]},
        plan=[900],
    ),
    Case(
        "megatron",
        " iteration       10/     900 | consumed samples:           40 | elapsed time per iteration (ms): 2125.5 | "
        "learning rate: 0.000E+00 | global batch size:     4 | loss scale: 8388608.0 | number of skipped iterations:  10 | "
        "number of nan iterations:   0 |\n"
        " iteration       20/     900 | consumed samples:           80 | elapsed time per iteration (ms): 125.0 | "
        "throughput per GPU (TFLOP/s/GPU): 99.5 | learning rate: 3.750E-05 | global batch size:     4 | "
        "lm loss: 1.225000E+01 | loss scale: 32768.0 | grad norm: 16.500 | number of skipped iterations:   8 | "
        "number of nan iterations:   0 |\n"
        " validation loss at iteration 20 | lm loss value: 8.250000E+00 | lm loss PPL: 3.250000E+03 | \n"
        " validation loss at iteration 20 on test set | lm loss value: 9.250000E+00 | lm loss PPL: 3.250000E+03 | \n",
        {"step": [10, 20], "total": [900, 900], "train/loss": [12.25], "perf/step_time": [2.1255, 0.125],
         "train/loss_scale": [8388608, 32768], "train/grad_norm": [16.5], "perf/tflops": [99.5],
         "number of nan iterations": [0, 0]},
        {"val/loss": [8.25], "test/loss": [9.25]},
    ),
    Case(
        "megatron",
        "55:  [2030-01-02 03:04:05.123456] iteration        1/     900 | consumed samples:     336 | "
        "elapsed time per iteration (ms): 6450.0 | lm loss: 1.225000E+01 | loss scale: 1.0 |\n",
        {"step": [1], "train/loss": [12.25], "rank": [55]},
    ),
    Case(
        "megatron",
        "0: [default7]: [2030-01-02 03:04:05.123456] iteration  1/  900 | lm loss: 1.225000E+01 |\n",
        {"step": [1], "train/loss": [12.25], "rank": [7], "node": [0]},
    ),
    Case(
        "megatron",
        " samples/sec: 12.5 | iteration      100/  900 | elapsed time per iteration (ms): 1250.0 | learning rate: "
        "1.0E-05 | approx flops per GPU: 40.5TFLOPS | lm_loss: 3.250000E+00 | loss scale: 1.0 |\n",
        {"step": [100], "train/loss": [3.25], "perf/samples_per_sec": [12.5], "perf/step_time": [1.25]},
    ),
    Case(
        "deepspeed",
        "[2030-01-02 03:04:05,678] [INFO] [logging.py:96:log_dist] [Rank 0] step=10, skipped=6, lr=[9.5e-06, 9.5e-06], "
        "mom=[(0.9, 0.95), (0.9, 0.95)]\n"
        "[2030-01-02 03:04:05,679] [INFO] [timer.py:199:stop] epoch=0/micro_step=10/global_step=10, "
        "RunningAvgSamplesPerSec=173.5, CurrSamplesPerSec=171.5, MemAllocated=3.96GB, MaxMemAllocated=22.95GB\n"
        "[2030-01-02 03:04:06,678] [INFO] [logging.py:96:log_dist] [Rank 0] step=20, skipped=6, lr=[9.25e-06, 9.25e-06], "
        "mom=[(0.9, 0.95), (0.9, 0.95)]\nppl: 12.5, loss: 2.5\n",
        {"step": [10, 20], "train/learning_rate": [9.5e-6, 9.25e-6], "skipped": [6, 6]},
        {"perf/samples_per_sec": [171.5], "val/ppl": [12.5], "val/loss": [2.5]},
    ),
    Case(
        "deepspeed-pipeline",
        "[2030-01-02 03:04:05,678] [INFO] [logging.py:123:log_dist] [Rank 0] step=1, skipped=0, lr=[1e-06], mom=[0.0]\n"
        "steps: 1 loss: 0.7500 iter time (s): 3.125 samples/sec: 0.320\n"
        "steps: 2 loss: nan iter time (s): 3.250 samples/sec: 0.308\n",
        {"step": [1, 2], "train/loss": [0.75, NAN], "perf/step_time": [3.125, 3.25], "perf/samples_per_sec": [0.32, 0.308]},
        {"train/learning_rate": [1e-6]},
    ),
    Case(
        "nemo",
        "Training epoch 0, iteration 3/149 | lr: 3e-05 | consumed_samples: 4 | global_batch_size: 1 | global_step: 3 | "
        "reduced_train_loss: 1.25 | train_step_timing in s: 0.03125 | val_loss: 4.125\n"
        "Training epoch 0, iteration 4/149 | lr: 3e-05 | reduced_train_loss: 1.125 | train_step_timing in s: 0.03125\n",
        {"step": [3, 4], "total": [149], "train/loss": [1.25, 1.125], "perf/step_time": [0.03125, 0.03125],
         "val/loss": [4.125]},
    ),
    Case(
        "verl",
        "Training Progress:   0%|          | 0/900 [00:00<?, ?it/s]\n"
        "step:0 - val-core/gsm8k/reward/mean@1:np.float64(0.25)\n"
        "(TaskRunner pid=4242) step:1 - global_seqlen/min:3843 - actor/pg_loss:np.float64(-0.0125) - "
        "actor/grad_norm:0.5 - actor/lr:1e-06 - response_length/mean:1750.5\n",
        {"step": [1], "train/grad_norm": [0.5], "train/learning_rate": [1e-6], "actor/pg_loss": [-0.0125],
         "response_length/mean": [1750.5]},
        {"step": [0], "val-core/gsm8k/reward/mean@1": [0.25]},
        plan=[],
    ),
    Case(
        "fairseq",
        "2030-01-02 03:04:05 | INFO | train_inner | epoch 002:     50 / 900 loss=15.25, ppl=38395.5, wps=120000, ups=0.25, "
        "num_updates=950, lr=8e-05, gnorm=1.875, loss_scale=4, wall=386\n"
        "2030-01-02 03:04:06 | INFO | valid | epoch 002 | valid on 'valid' subset | loss 9.5 | ppl 724.5 | num_updates 950\n"
        "2030-01-02 03:04:07 | INFO | train | epoch 002 | loss 15.5 | ppl 40000 | num_updates 950 | lr 8e-05\n",
        {"step": [950], "total": [1800], "train/loss": [15.25], "train/grad_norm": [1.875], "train/loss_scale": [4],
         "perf/tokens_per_sec": [120000]},
        {"step": [950], "val/loss": [9.5]},
    ),
    Case(
        "fairseq",
        '2030-01-02 03:04:05 | INFO | train_inner | {"epoch": 1, "update": 0.5, "loss": "16.5", "num_updates": "3", "lr": "2e-05"}\n'
        '2030-01-02 03:04:06 | INFO | valid | {"epoch": 1, "valid_loss": "17.5", "valid_num_updates": "3"}\n'
        '2030-01-02 03:04:07 | INFO | train | {"epoch": 1, "train_loss": "19.5", "train_num_updates": "3"}\n',
        {"step": [3], "train/loss": [16.5], "train/learning_rate": [2e-5]},
        {"step": [3], "val/loss": [17.5]},
    ),
    Case(
        "fairseq",
        "| epoch 001:     50 / 900 loss=15.25, ppl=38395.5, wps=120000, ups=0.25, num_updates=51, lr=8e-05, gnorm=1.875\n"
        "| epoch 001 | loss 15.5 | ppl 40000 | num_updates 900 | lr 8e-05\n"
        "| epoch 001 | valid on 'valid' subset | loss 9.5 | ppl 724.5 | num_updates 900\n",
        {"step": [51], "total": [900], "train/loss": [15.25], "train/grad_norm": [1.875]},
        {"step": [900], "val/loss": [9.5]},
    ),
    Case(
        "fairseq",
        "2030-01-02 03:04:05 | INFO | train | epoch 002:     50 / 900 loss=15.25, ppl=38395.5, num_updates=950, lr=8e-05\n",
        {"step": [950], "total": [1800], "train/loss": [15.25]},
    ),
    Case(
        "icefall",
        "2030-01-02 03:04:05,678 INFO [train.py:815] Epoch 1, batch 5, loss[loss=0.625, simple_loss=1.25, over 5392.00 frames.], "
        "tot_loss[loss=0.75, simple_loss=1.5, over 31213.18 frames.], batch size: 18, lr: 3.00e-03\n"
        "2030-01-02 03:04:06,678 INFO [train.py:850] Epoch 1, validation: loss=0.875, simple_loss=1.5, over 900.0 frames.\n"
        "2030-01-02 03:04:07,678 INFO [train.py:815] Epoch 1, batch 6, loss[loss=0.5, simp",
        {"step": [5], "train/loss": [0.625], "simple_loss": [1.25], "train/learning_rate": [0.003]},
        {"val/loss": [0.875]},
    ),
    Case(
        "hf-trainer",  # as ms-swift prints it: the step stands in the dict
        "{'loss': '2.125', 'grad_norm': '4.5', 'learning_rate': '1e-06', 'epoch': '0.25', 'global_step/max_steps': '1/4'}\n"
        "{'loss': '1.125', 'grad_norm': '2.5', 'learning_rate': '1e-06', 'epoch': '0.5', 'global_step/max_steps': '2/4', "
        "'elapsed_time': '3m 18s', 'memory(GiB)': '26.5'}\n",
        {"step": [1, 2], "total": [4, 4], "train/loss": [2.125, 1.125], "train/grad_norm": [4.5, 2.5], "memory(GiB)": [26.5]},
    ),
]  # fmt: skip
