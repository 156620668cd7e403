"""Lines as older and newer versions of a program print them, and what must come out of them."""

from __future__ import annotations

from .case import Case

CASES = [
    Case(
        "llm.c",  # train_gpt2.c, on a CPU
        "val loss 5.25\nstep 0: train loss 4.500000 (took 1500.000000 ms)\nstep 1: train loss 4.250000 (took 1250.000000 ms)\n",
        {"step": [0, 1], "train/loss": [4.5, 4.25], "perf/step_time": [1.5, 1.25]},
        {"val/loss": [5.25]},
    ),
    Case(
        "llm.c",  # names the device
        "step    1/900 | train loss 4.500000 | norm 1.5000 | lr 1.00e-04 | 125.00 ms | 30.5% A100 fp16 MFU | 32000 tok/s\n",
        {"step": [1], "perf/mfu": [0.305], "perf/tokens_per_sec": [32000]},
    ),
    Case(
        "nanogpt",  # Lit-LLaMA: no step beside the iteration
        "iter 1: loss 1.6250, time: 820.50ms\nValidating ...\nstep 1: val loss 1.7500\niter 2: loss 1.5000, time: 820.50ms\n",
        {"step": [1, 2], "train/loss": [1.625, 1.5], "perf/step_time": [0.8205, 0.8205]},
        {"step": [1], "val/loss": [1.75]},
    ),
    Case(
        "litgpt",
        "iter 7 step 1: loss 1.6250, iter time: 820.50ms\niter 8 step 2: loss 1.5000, iter time: 820.50ms (optimizer.step)\n"
        "step 8: val loss 1.7500, val time: 125.00ms\n",
        {"step": [1, 2], "iter": [7, 8], "train/loss": [1.625, 1.5]},
        {"val/loss": [1.75], "iter": [8]},
    ),
    Case(
        "litgpt",
        "iter 4 | step 1: loss 1.6250, iter time: 820.50 ms (step) remaining time: 1:02:03\n",
        {"step": [1], "iter": [4], "train/loss": [1.625], "perf/step_time": [0.8205], "perf/remaining": [3723]},
    ),
    Case(
        "torchtitan",  # of its first weeks
        "[rank0]:2030-01-02 03:04:05,678 - root - INFO - step:  1  loss: 10.5000  iter:  1.2500  data: 0.0125  lr: 0.00039\n",
        {"step": [1], "train/loss": [10.5], "perf/step_time": [1.25], "train/learning_rate": [0.00039]},
    ),
    Case(
        "maxtext",
        "completed step: 4, seconds: 0.512, TFLOP/s: 125.0, loss: 6.125\n"
        "average loss after step=4: eval_step_count=2, eval_loss=6.5, total_weights=128.0\n",
        {"step": [4], "train/loss": [6.125], "perf/tflops": [125]},
        {"step": [4], "val/loss": [6.5]},
    ),
    Case(
        "megatron",  # GPT-NeoX 2
        " samples/sec: 15.500 | iteration       10/     900 | learning rate: 1.000E-04 | lm_loss: 8.500000E+00 |\n"
        " validation results at iteration 10 | lm_loss value: 8.250000E+00 | lm_loss_ppl value: 3.828000E+03 | \n",
        {"step": [10], "total": [900], "train/loss": [8.5]},
        {"step": [10], "val/loss": [8.25], "val/ppl": [3828]},
    ),
    Case(
        "megatron",  # tasks that are evaluated in between
        " iteration       10/     900 | consumed samples:        5120 | lm loss: 8.500000E+00 |\n"
        "--------------------------------------\n"
        " validation results on LAMBADA | number correct: 3.5000E+03 | total examples: 5.1500E+03 | avg accuracy: 6.7500E-01\n"
        " validation results on WIKITEXT103 | avg loss: 2.5000E+00 | ppl: 1.2250E+01 | adjusted ppl: 1.6500E+01 | \n",
        {"step": [10], "total": [900], "train/loss": [8.5]},
        {"val/accuracy": [0.675], "val/loss": [2.5], "val/ppl": [12.25]},
    ),
    Case(
        "megatron",  # SwissArmyTransformer, and GLM
        "[2030-01-02 03:04:05,678] [INFO] [RANK 0]  iteration       10/     900 | learning rate 1.000E-04 | loss 8.500000E+00 |\n"
        "[2030-01-02 03:04:06,678] [INFO] [RANK 0]  validation loss at iteration 10 | loss: 8.250000E+00 | PPL: 3.828000E+03\n",
        {"step": [10], "total": [900], "train/loss": [8.5]},
        {"step": [10], "val/loss": [8.25], "val/ppl": [3828]},
    ),
    Case(
        "nanochat",  # chat_rl
        "Step 0/467 | Pass@1: 0.1250, Pass@8: 0.5000\n"
        "Step 4/467 | Average reward: 0.25 | Average sequence length: 120.50\n"
        "Step 5/467 | Example step 0 | Pass 0 | loss: 0.125000 | Average reward: 0.25\n"
        "Step 5/467 | Example step 0 | Pass 1 | loss: 0.250000 | Average reward: 0.5\n"
        "Step 5/467 | Average reward: 0.375 | Average sequence length: 125.50\n",
        {"step": [4, 5], "total": [467, 467], "Average reward": [0.25, 0.375]},
        {"step": [5, 5], "train/loss": [0.125, 0.25]},
    ),
    Case(
        "verl",  # of supervised fine-tuning
        "step:1 - train/loss:1.125 - train/lr(1e-3):0.0125\nstep:1 - val/loss:1.5\n",
        {"step": [1], "train/loss": [1.125], "train/learning_rate": [1.25e-5]},
        {"step": [1], "val/loss": [1.5]},
    ),
    Case(
        "fairseq",  # under Hydra
        '[2030-01-02 03:04:05,678][train_inner][INFO] - {"epoch": 1, "update": 0.05, "loss": "6.125", "wps": "900.5", '
        '"num_updates": "40", "lr": "0.0005", "gnorm": "1.25"}\n'
        '[2030-01-02 03:04:06,678][valid][INFO] - {"epoch": 1, "valid_loss": "5.5", "valid_wer": "12.5", "valid_num_updates": "40"}\n',
        {"step": [40], "train/loss": [6.125], "perf/tokens_per_sec": [900.5], "train/grad_norm": [1.25]},
        {"step": [40], "val/loss": [5.5], "val/wer": [12.5]},
    ),
    Case(
        "fairseq-epochs",
        "2030-01-02 03:04:05 | INFO | train | epoch 001 | loss 6.125 | ppl 64.5 | wps 900 | num_updates 40 | lr 0.0005\n"
        "2030-01-02 03:04:06 | INFO | valid | epoch 001 | valid on 'valid' subset | loss 5.5 | ppl 45.25 | num_updates 40\n"
        "2030-01-02 03:04:07 | INFO | train | epoch 002 | loss 5.125 | ppl 32.5 | wps 900 | num_updates 80 | lr 0.0005\n",
        {"step": [40, 80], "train/loss": [6.125, 5.125], "ppl": [64.5, 32.5], "train/epoch": [1, 2]},
        {"step": [40], "val/loss": [5.5], "val/ppl": [45.25]},
    ),
    Case(
        "fairseq-epochs",
        "| epoch 001 | loss 6.125 | ppl 64.5 | wps 900 | num_updates 40 | lr 0.0005\n"
        "| epoch 001 | valid on 'valid' subset | loss 5.5 | ppl 45.25 | num_updates 40\n"
        "| epoch 002 | loss 5.125 | ppl 32.5 | wps 900 | num_updates 80 | lr 0.0005\n",
        {"step": [40, 80], "train/loss": [6.125, 5.125], "ppl": [64.5, 32.5]},
        {"step": [40], "val/loss": [5.5], "val/ppl": [45.25]},
    ),
    Case(
        "fairseq-epochs",
        '[2030-01-02 03:04:05,678][train][INFO] - {"epoch": 1, "train_loss": "6.125", "train_wps": "900.5", "train_num_updates": "40"}\n'
        '[2030-01-02 03:04:06,678][train][INFO] - {"epoch": 2, "train_loss": "5.125", "train_wps": "900.5", "train_num_updates": "80"}\n',
        {"step": [40, 80], "train/loss": [6.125, 5.125], "perf/tokens_per_sec": [900.5, 900.5]},
    ),
    Case(
        "icefall",  # of 2021
        "2030-01-02 03:04:05,678 INFO [train.py:450] Epoch 0, batch 10, batch avg ctc loss 1.5, batch avg loss 1.25, "
        "total avg loss: 1.75, batch size: 20\n"
        "2030-01-02 03:04:06,678 INFO [train.py:482] Epoch 0, valid ctc loss 1.125,valid loss 1.0625, best valid loss: 1.0625\n",
        {"step": [10], "train/loss": [1.25], "total avg loss": [1.75], "batch size": [20]},
        {"val/loss": [1.0625]},
    ),
    Case(
        "icefall",  # a loss of attention stands first; and several sets of data
        "2030-01-02 03:04:05,678 INFO [train.py:450] Epoch 0, batch 10, giga_loss[ctc_loss=1.5, loss=1.25, over 90.00 frames. ], "
        "tot_loss[ctc_loss=1.5, loss=1.75, over 900.00 frames. ], batch size: 20\n"
        "2030-01-02 03:04:06,678 INFO [train.py:482] Epoch 0, validation: ctc_loss=1.125, loss=1.0625, over 900.00 frames. , WER: 12.5%\n",
        {"step": [10], "train/loss": [1.25], "ctc_loss": [1.5]},
        {"val/loss": [1.0625], "val/ctc_loss": [1.125], "val/WER": [0.125]},
    ),
    Case(
        "flair",
        "2030-01-02 03:04:05,678 epoch 1 - iter 40/900 - loss 0.62500000 throughput (samples/sec): 9.50\n",
        {"step": [40], "train/loss": [0.625], "perf/samples_per_sec": [9.5]},
    ),
    Case(
        "xgboost",  # through syslog
        "[0]#011train-rmse:0.75000#011validation-rmse:0.87500\n[1]#011train-rmse:0.50000#011validation-rmse:0.62500\n",
        {"step": [0, 1], "train/loss": [0.75, 0.5], "val/loss": [0.875, 0.625]},
    ),
    Case(
        "lightgbm",  # 4's cross-validation
        "[10]\tcv_agg's valid auc: 0.75 + 0.0125\tcv_agg's train l2: 0.5 + 0.25\tcv_agg's valid l2: 0.625 + 0.25\n"
        "[20]\tcv_agg's valid auc: 0.875 + 0.0125\tcv_agg's train l2: 0.25 + 0.25\tcv_agg's valid l2: 0.5 + 0.25\n",
        {"step": [10, 20], "val/auc": [0.75, 0.875], "train/loss": [0.5, 0.25], "val/loss": [0.625, 0.5]},
    ),
    Case(
        "catboost",  # two sets, no metric of what is learnt from; and tabs that became spaces
        "0:\ttest: 0.5000\ttest1: 0.6250\tbest: 0.6250 (0)\ttotal: 2.5s\tremaining: 9.5s\n"
        "1:    test: 0.7500    test1: 0.8750    best: 0.8750 (1)    total: 2.5s    remaining: 9.5s\n",
        {"step": [0, 1], "val/score": [0.5, 0.75], "test1": [0.625, 0.875]},
    ),
    Case(
        "catboost",  # of 2017
        "0:\tlearn 0.5000\ttest 0.6250\tbestTest 0.6250 (0)\ttotal: 2.5s\tremaining: 9.5s\n",
        {"step": [0], "learn": [0.5], "test": [0.625]},
    ),
]  # fmt: skip
