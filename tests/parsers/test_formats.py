"""Every format reads lines of its shape, whatever stands before them and however they arrive."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.formats import catalogue

from .logs import parse

NAN = "nan"


@dataclass
class Case:
    """Lines, the format they are, and columns that must come out ("kind/name" -> values)."""

    format: str
    text: str
    train: dict[str, list[float]]
    eval: dict[str, list[float]] = field(default_factory=dict)
    plan: list[float] = field(default_factory=list)


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
        {"step": [0, 1], "iter": [1, 2], "train/loss": [1.625, 1.5], "perf/step_time": [0.8205, 0.5]},
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
        "maxtext",
        "completed step: 3, seconds: 5.625, TFLOP/s/device: 134.500, Tokens/s/device: 8671.750, total_weights: 196608, loss: 10.875\n",
        {"step": [3], "perf/step_time": [5.625], "perf/tokens_per_sec": [8671.75], "train/loss": [10.875]},
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
        "icefall",
        "2030-01-02 03:04:05,678 INFO [train.py:815] Epoch 1, batch 5, loss[loss=0.625, simple_loss=1.25, over 5392.00 frames.], "
        "tot_loss[loss=0.75, simple_loss=1.5, over 31213.18 frames.], batch size: 18, lr: 3.00e-03\n"
        "2030-01-02 03:04:06,678 INFO [train.py:850] Epoch 1, validation: loss=0.875, simple_loss=1.5, over 900.0 frames.\n"
        "2030-01-02 03:04:07,678 INFO [train.py:815] Epoch 1, batch 6, loss[loss=0.5, simp",
        {"step": [5], "train/loss": [0.625], "simple_loss": [1.25], "train/learning_rate": [0.003]},
        {"val/loss": [0.875]},
    ),
    Case(
        "timm",
        "Train: 1 [   0/900 (  0%)]  Loss:  7.010710 (7.0107)  Time: 1.820s,   70.32/s  (1.820s,   70.32/s)  LR: 5.000e-07  "
        "Data: 1.382 (1.382)\n"
        "Train: 1 [  50/900 (  6%)]  Loss: 6.97 (6.98)  Time: 0.316s,  405.65/s  (0.344s,  371.84/s)  LR: 5.000e-07  Data: 0.006 (0.033)\n",
        {"step": [900, 950], "total": [1800, 1800], "train/loss": [7.01071, 6.97], "perf/samples_per_sec": [70.32, 405.65],
         "perf/step_time": [1.82, 0.316], "train/learning_rate": [5e-7, 5e-7]},
    ),
    Case(
        "swin",
        "[2030-01-02 03:04:05 swin_tiny] (main.py 311): INFO Train: [2/90][10/900]\teta 0:00:56 lr 0.000125\t wd 0.0500\t"
        "time 0.0325 (0.0623)\tloss 2.1250 (2.2500)\tgrad_norm 1.5000 (inf)\tloss_scale 65536.0000 (65536.0000)\tmem 150MB\n"
        "[2030-01-02 03:04:06 swin_tiny] (main.py 348): INFO  * Acc@1 75.500 Acc@5 92.250\n",
        {"step": [1810], "total": [81000], "train/loss": [2.125], "perf/step_time": [0.0325], "train/grad_norm": [1.5],
         "train/loss_scale": [65536], "train/learning_rate": [0.000125]},
        {"val/acc1": [75.5]},
    ),
    Case(
        "swav",
        "INFO - 09/04/30 07:56:14 - 0:00:27 - Epoch[2] - Iter: [5/13]\tTime 19.125 (19.125)\tData 3.125 (3.125)\t"
        "Loss 6.7500 (6.7500)\tPrec 4.750 (4.750)\tLR 0.3\n"
        "INFO - 09/04/30 07:56:49 - 0:01:02 - Test:\tTime 4.750\tLoss 103.7500\tAcc@1 27.250\tBest Acc@1 so far 27.2\n",
        {"step": [31], "train/loss": [6.75], "perf/step_time": [19.125], "train/learning_rate": [0.3]},
        {"val/loss": [103.75], "val/acc1": [27.25]},
    ),
    Case(
        "openpcdet",
        "2030-01-02 03:04:05,678   INFO  Train:    2/3 ( 67%) [  99/323 ( 31%)]  Loss: 23.5 (54.8)  LR: 2.375e-04  "
        "Time cost: 00:27/01:00 [00:27/03:55]  Acc_iter 422         Data time: 0.00(0.01)  Forward time: 0.19(0.26)  "
        "Batch time: 0.25(0.27)\n",
        {"step": [422], "total": [969], "train/loss": [23.5], "train/learning_rate": [2.375e-4], "perf/step_time": [0.25]},
    ),
    Case(
        "openmmlab",
        "2030-01-02 03:04:05,678 - mmdet - INFO - Epoch [2][50/271]\tlr: 4.875e-04, eta: 2:21:04, time: 0.750, data_time: 0.250, "
        "memory: 5683, s0.loss_cls: 0.1875, loss: 0.6875, grad_norm: 5.75\n"
        "2030-01-02 03:04:06,678 - mmdet - INFO - Epoch(val) [2][271]\tbbox_mAP: 0.1500, bbox_mAP_s: -1.0000\n",
        {"step": [321], "train/loss": [0.6875], "train/grad_norm": [5.75], "perf/step_time": [0.75],
         "train/learning_rate": [4.875e-4]},
        {"bbox_mAP": [0.15]},
    ),
    Case(
        "openmmlab",
        "01/02 03:04:05 - mmengine - INFO - Epoch(train)   [1][  50/7330]  lr: 1.9820e-03  eta: 1 day, 2:03:04  time: 0.500  "
        "data_time: 0.125  memory: 5825  grad_norm: 3.5  loss: 1.25\n"
        "01/02 03:04:06 - mmengine - INFO - Epoch(val)   [1][ 50/5000]    eta: 0:01:02  time: 0.0250  data_time: 0.0010  \n"
        "01/02 03:04:07 - mmengine - INFO - Epoch(val) [1][5000/5000]    coco/bbox_mAP: 0.3750  coco/bbox_mAP_50: 0.5\n",
        {"step": [50], "train/loss": [1.25], "perf/step_time": [0.5]},
        {"coco/bbox_mAP": [0.375]},
    ),
    Case(
        "paddleseg",
        "2030-01-02 03:04:05 [INFO]\t[TRAIN] epoch: 1, iter: 10/900, loss: 6.8500, lr: 0.009999, batch_cost: 1.5, "
        "reader_cost: 0.125, ips: 1.25 samples/sec | ETA 34:13:14\n"
        "2030-01-02 03:04:06 [INFO]\t[EVAL] #Images: 500 mIoU: 0.5000 Acc: 0.7500 Kappa: 0.5 \n",
        {"step": [10], "total": [900], "train/loss": [6.85], "perf/step_time": [1.5], "perf/samples_per_sec": [1.25]},
        {"mIoU": [0.5], "Acc": [0.75]},
    ),
    Case(
        "paddle-cyclegan", "epoch id: 0, batch step: 3, g_loss: 17.125000\n", {"step": [3], "g_loss": [17.125]}
    ),
    Case(
        "yolo",
        "     Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n"
        "       1/90      2.5G      1.125      2.25      1.375         12        640:  50%|##  | 5/10 [00:01<00:01,  5.00it/s]\r"
        "       1/90      2.5G      1.0      2.125      1.25         4        640: 100%|####| 10/10 [00:02<00:00,  5.00it/s]\n"
        "                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|##| 2/2 [00:01<00:00]\n"
        "                   all        107        938      0.5      0.25      0.375     0.125\n"
        "       2/90      2.5G      0.5      2.0      1.125         4        640: 100%|####| 10/10 [00:02<00:00,  5.00it/s]\n",
        {"step": [1, 2], "total": [90, 90], "train/box_loss": [1, 0.5], "train/dfl_loss": [1.25, 1.125]},
        {"step": [1], "val/precision": [0.5], "val/mAP50-95": [0.125]},
    ),
    Case(
        "yolo",
        "     Epoch   gpu_mem       box       obj       cls     total    labels  img_size\n"
        "       0/5     2.62G   0.125   0.25   0.5    0.875         5       640: 100% 36/36 [18:42<00:00,  3.29it/s]\n",
        {"step": [0], "total": [5], "train/box_loss": [0.125], "train/total_loss": [0.875]},
    ),
    Case(
        "yolox",
        "2030-01-02 03:04:05.678 | INFO     | yolox.core.trainer:after_iter:246 - epoch: 2/300, iter: 10/47, mem: 1491Mb, "
        "iter_time: 0.500s, data_time: 0.002s, total_loss: 10.75, iou_loss: 1.9, lr: 7.000e-06, size: 640, ETA: 1:54:27\r\n"
        "2030-01-02 03:04:06.678 | INFO     | yolox.core.trainer:after_iter:246 - epoch: 2/300, iter: 20/47, gpu mem: 1491Mb, "
        "mem: 9.5Gb, iter_time: 0.500s, data_time: 0.002s, total_loss: nan, lr: 7.000e-06, size: 640, ETA: 1 day, 1:54:27\r\n",
        {"step": [57, 67], "total": [14100, 14100], "train/loss": [10.75, NAN], "perf/step_time": [0.5, 0.5]},
    ),
    Case(
        "xgboost",
        "[03:04:05] INFO: ../src/tree/updater_prune.cc:101: tree pruning end, 24 extra nodes\n"
        "[0]\tvalidation_0-mlogloss:1.75000\tvalidation_1-ndcg@10:0.50000\n"
        "[1]\tvalidation_0-mlogloss:1.50000\tvalidation_1-ndcg@10:0.62500+0.01250\n",
        {"step": [0, 1], "validation_0-mlogloss": [1.75, 1.5], "validation_1-ndcg@10": [0.5, 0.625]},
    ),
    Case(
        "lightgbm",
        "[LightGBM] [Info] Total Bins 255\n[1]\ttraining's l2: 0.25\tvalid_1's l2: 0.3125\n"
        "[2]\ttraining's l2: 0.125\tvalid_1's l2: 0.25\n",
        {"step": [1, 2], "training's l2": [0.25, 0.125], "valid_1's l2": [0.3125, 0.25]},
    ),
    Case(
        "catboost",
        "0:\tlearn: 0.6875\ttest: 0.7500\tbest: 0.7500 (0)\ttotal: 58.6ms\tremaining: 58.6s\n",
        {"step": [0], "learn": [0.6875], "test": [0.75]},
    ),
    Case(
        "caffe",
        "max_iter: 900\nI0102 03:04:05.678901  5405 solver.cpp:222] Iteration 100, loss = 0.0625\n"
        "I0102 03:04:05.678902  5405 solver.cpp:238]     Train net output #0: loss = 0.06771 (* 1 = 0.06771 loss)\n"
        "I0102 03:04:05.678903  5405 solver.cpp:517] Iteration 100, lr = 0.003\n"
        "I0102 03:04:06.678901  5405 solver.cpp:218] Iteration 200 (5.5 iter/s, 1.2s/100 iters), loss = nan\n",
        {"step": [100, 200], "train/loss": [0.0625, NAN]},
        {"step": [100], "train/learning_rate": [0.003]},
        plan=[900],
    ),
    Case(
        "stylegan",
        "tick 0     kimg 0.0      time 22s          sec/tick 19.5    sec/kimg 602.25  maintenance 122.5  cpumem 2.75   gpumem 13.75  augment 0.000\n"
        "tick 1     kimg 4.0      time 1d 02h 14m   sec/tick 151.5   sec/kimg 37.75   maintenance 554.5  cpumem 3.25   gpumem 10.25  augment 0.125\n",
        {"step": [0, 1], "kimg": [0, 4], "sec/tick": [19.5, 151.5], "augment": [0, 0.125]},
    ),
    Case(
        "pix2pix",
        "(epoch: 1, iters: 100, time: 0.125, data: 2.625) G_GAN: 2.875 G_L1: 10.125 D_real: 0.125 D_fake: 1.250 \n",
        {"step": [100], "train/epoch": [1], "G_GAN": [2.875], "D_fake": [1.25]},
    ),
    Case(
        "flair",
        "2030-01-02 03:04:05,678 epoch 2 - iter 504/5049 - loss 0.75 - samples/sec: 9.50 - lr: 0.000005\n"
        "2030-01-02 03:04:06,678 EPOCH 2 done: loss 0.3592 - lr 0.0000050\n"
        "2030-01-02 03:04:07,678 DEV : loss 0.125 - score 0.9125\n",
        {"step": [5553], "train/loss": [0.75], "perf/samples_per_sec": [9.5], "train/learning_rate": [5e-6]},
        {"val/loss": [0.125]},
    ),
    Case(
        "spacy",
        "E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  SCORE \n---  ------  ------------  --------  ------  ------\n"
        "  0       0          0.00     36.75    0.00    0.00\n 66     200         16.25    933.50   47.00    0.47\n",
        {"step": [0, 200], "LOSS NER": [36.75, 933.5], "train/epoch": [0, 66], "SCORE": [0, 0.47]},
    ),
    Case(
        "stable-baselines3",
        "----------------------------------\n| rollout/           |          |\n|    ep_rew_mean     | -109     |\n"
        "| time/              |          |\n|    fps             | 802      |\n|    total_timesteps | 500      |\n"
        "| train/             |          |\n|    loss            | 1.16e+02 |\n|    learning_rate   | 3e-05    |\n"
        "----------------------------------\n",
        {"step": [500], "rollout/ep_rew_mean": [-109], "train/loss": [116], "train/learning_rate": [3e-5]},
    ),
    Case(
        "cleanrl",
        "global_step=22, episodic_return=[22.]\nSPS: 900\nglobal_step=55, episodic_return=33.5\neval_episode=0, episodic_return=[400.]\n",
        {"step": [22, 55], "episodic_return": [22, 33.5]},
    ),
    Case(
        "cleanrl-eval",
        "eval_episode=0, episodic_return=400.0\neval_episode=1, episodic_return=128.0\n",
        {"step": [0, 1], "episodic_return": [400, 128]},
    ),
    Case(
        "hf-custom-logger",
        "[2030-01-02 03:04:05,678] INFO: [INFO] loss: 1.4375, orth_loss: 0.0015, total_loss: 1.4390, grad_norm: 1.8750\n"
        "[2030-01-02 03:04:06,678] INFO: [INFO] Eval Metrics: {'eval_loss': 1.25, 'eval_runtime': 240.5, 'epoch': 3.0}\n",
        {"train/loss": [1.4375], "train/grad_norm": [1.875], "total_loss": [1.439]},
        {"val/loss": [1.25]},
    ),
    Case(
        "epoch-batch-loss",
        "2030-01-02 03:04:05,678 - INFO - ##### Epoch 1 #####\n2030-01-02 03:04:06,678 - INFO - Epoch 1 - Batch loss: 12.125\n"
        "2030-01-02 03:04:07,678 - INFO - Epoch 1 - Average Train Loss: 10.5\n",
        {"train/loss": [12.125], "train/epoch": [1]},
        {"train/epoch_loss": [10.5]},
    ),
    Case(
        "epoch-block",
        "Epoch: 3/30\nTime Taken: 30.50s - LR: 9.75e-05\nTrain Loss: 5.9375 - Train Perplexity: 380.5\n"
        "Valid Loss: 5.8750 - Valid Perplexity: 366.5\n----\n",
        {"step": [3], "total": [30], "train/loss": [5.9375], "train/learning_rate": [9.75e-5]},
        {"val/loss": [5.875]},
    ),
    Case(
        "keras",
        "Epoch 1/3\n 100/1875 [>.............................] - ETA: 25s - loss: 0.75 - accuracy: 0.5"
        "\r1875/1875 [==============================] - 28s 16ms/step - loss: 0.5 - accuracy: 0.75"
        "\r1875/1875 [==============================] - 30s 16ms/step - loss: 0.5 - accuracy: 0.75 - val_loss: 0.625\n"
        "Epoch 2/3\n1875/1875 ━━━━━━━━━━━━━━━━━━━━ 2s 1ms/step - accuracy: 0.8 - loss: 0.25\n"
        "313/313 [==============================] - 1s 3ms/step - loss: 0.875 - accuracy: 0.9\n",
        {"step": [1, 2], "total": [3, 3], "train/loss": [0.5, 0.25], "accuracy": [0.75, 0.8]},
        {"val/loss": [0.625], "evaluate/loss": [0.875]},
    ),
    Case(
        "progress-bar",
        "Epoch 1:   0%|          | 0/20 [00:00<?, ?it/s, loss=2.5, v_num=7]\r"
        "Epoch 1:   5%|5         | 1/20 [00:02<00:38,  2.00s/it, loss=2.5, v_num=7]\r"
        "Epoch 1:   5%|5         | 1/20 [00:02<00:38,  2.00s/it, loss=2.25, v_num=7]\r"
        "Validating:  50%|5    | 1/2 [00:02<00:38,  2.00s/it, loss=9.0]\r"
        "Epoch 1:  10%|#         | 2/20 [00:04<00:36,  2.00it/s, loss=nan, v_num=7, val_loss=3.5]\r"
        "Epoch 1:  15%|#         | 3/20 [00:04<00:36,  2.00it/s, loss=1.5, v_num=7, val_loss=3.5]\n",
        {"step": [21, 22, 23], "total": [40, 40, 40], "train/loss": [2.25, NAN, 1.5], "perf/step_time": [2, 0.5, 0.5]},
        {"val/loss": [3.5]},
    ),
    Case(
        "progress-bar",
        "steps:  38%|###8      | 36/96 [13:09<21:55, 21.93s/it, avr_loss=0.0750]INFO: epoch is incremented\n"
        "steps:  39%|###8      | 37/96 [13:19<21:14, 21.61s/it, avr_loss=0.0625]\n",
        {"step": [36, 37], "total": [96, 96], "train/loss": [0.075, 0.0625]},
    ),
]  # fmt: skip
IDS = [f"{case.format} {i}" for i, case in enumerate(CASES)]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_columns(case):
    parsed = parse(case.text.encode())
    assert parsed.format == case.format
    for kind, columns in (("train", case.train), ("eval", case.eval)):
        for name, expected in columns.items():
            values = parsed.column(name, kind).tolist()
            assert values == pytest.approx([float(v) for v in expected], nan_ok=True), (kind, name)
    assert len(parsed.column("step")) in (len(case.train.get("step", [])), 0)
    if case.plan:
        assert parsed.column("total", "plan").tolist() == case.plan


def test_every_format_has_a_case_or_a_test_of_its_own():
    elsewhere = {"nanochat", "build-nanogpt", "build-nanogpt-logtxt", "nanogpt", "hf-trainer"}
    assert {fmt.name for fmt in catalogue() if not fmt.alone} - elsewhere == {case.format for case in CASES}


PREFIXES = [
    b"3: ",
    b"[rank3]: ",
    b"[default3]:",
    b"[1,3]<stdout>:",
    b"2030-01-02 03:04:05,678 - trainer - INFO - ",
    b"2030-01-02T03:04:05.678Z ",
    b"2030-01-02 03:04:05.678 | INFO     | train:main:42 - ",
    b"I0102 03:04:05.678901 140245 train.py:42] ",
    b"Jan  2 03:04:05 node17 python[4242]: ",
    b"[2030-01-02 03:04:05,678] [INFO] [logging.py:96:log_dist] ",
    b"INFO:root:",
    b"INFO:trainer:",
    b"(RayTrainWorker pid=4242, ip=10.0.0.1) ",
    b"[03:04:05] [STDERR] ",
]
BARE = [
    b"step 00012/05568 (0.22%) | loss: 2.5 | dt: 997.50ms",
    b"iter 2500: loss 2.5, time 39015.50ms, mfu 6.95%",
    b"step:42/900 train_loss:2.5 train_time:4200ms step_avg:100.00ms",
    b"completed step: 40, seconds: 0.512, loss: 2.5",
    b" iteration  40/ 900 | lm loss: 2.500000E+00 |",
]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("line", BARE)
def test_any_logging_prefix_may_stand_before(prefix, line):
    parsed = parse((prefix + line + b"\n") * 2)
    assert parsed.column("train/loss").tolist() == [2.5, 2.5]
    ranks = parsed.column("rank").tolist()
    assert ranks == ([3, 3] if b"3" in prefix[:9] and b"0" not in prefix and b"pid" not in prefix else [])


@pytest.mark.parametrize(
    "line",
    [
        b"val step:42/900 train_loss:2.5 train_time:4200ms",
        b"[val] completed step: 40, seconds: 0.512, loss: 2.5",
        b"the model was completed step: 40, seconds: 0.512, loss: 2.5",
        b"eval | step:42/900 train_loss:2.5",
        b'print(f"step:{step}/{steps} train_loss:{loss}")',
        b"$ python train.py | grep 'iter 2500: loss 2.5, time 3ms'",
    ],
)
def test_what_is_no_logging_prefix(line):
    parsed = parse(line + b"\n")
    assert parsed.format is None
    assert not len(parsed.column("train/loss"))


def _many(case: Case) -> bytes:
    """The case's lines over and over, their digits varied, among noise."""
    rng = random.Random(len(case.text))
    lines = []
    for _ in range(120):
        for line in case.text.splitlines(keepends=True):
            lines.append("".join(rng.choice("123456789") if c in "123456789" else c for c in line))
            if rng.random() < 0.05:
                lines.append(
                    rng.choice(["\n", "noise 12 3.5\n", "Traceback (most recent call last):\n", "\r\n"])
                )
    return "".join(lines).encode()


MANY = [_many(case) for case in CASES]


@pytest.mark.parametrize("text", MANY, ids=IDS)
def test_bulk_path_gives_the_same_bits_as_the_matcher(text):
    parse(text).same_as(parse(text, bulk=False))


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_chunking_does_not_matter(data):
    text = data.draw(st.sampled_from(MANY))[: data.draw(st.integers(0, 40000))]
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=10))
    parse(text, cuts, bulk=data.draw(st.booleans())).same_as(parse(text, bulk=False))


def test_a_weak_format_gives_way_to_the_trainers_own_lines():
    line = (
        b"[2030-01-02 03:04:05,678] [INFO] [logging.py:96:log_dist] [Rank 0] step=%d, skipped=0, lr=[1e-05]\n"
    )
    text = b"".join(line % i for i in range(1, 6)) + b"{'loss': 1.5, 'learning_rate': 1e-05, 'epoch': 0.1}\n"
    parsed = parse(text + b"".join(line % i for i in range(6, 90)))
    assert parsed.format == "hf-trainer"
    assert len(parsed.column("train/learning_rate")) == 1


def test_one_line_of_a_weak_format_is_no_evidence():
    assert parse(b"[Rank 0] step=10, skipped=0, lr=[1e-05], mom=[0.0]\n").format is None


@pytest.mark.parametrize("piece", [b"a1", b" ", b"loss: ", b"[x] ", b"1,", b"a b c ", b"- a:1 ", b"- "])
@pytest.mark.parametrize(
    "head", [b"", b"step 1/2 | loss 1 ", b" iteration 1/ 2 | ", b"tick 1 kimg 1 time 1s "]
)
def test_no_line_takes_quadratic_time(head, piece):
    begin = time.process_time()
    parse(head + piece * (60000 // len(piece)) + b"\n")
    assert time.process_time() - begin < 1.0  # quadratic would be minutes
