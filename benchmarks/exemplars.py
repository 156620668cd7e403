# ruff: noqa: E501
"""Lines as each format's programs print them, with fields for what varies.

A field that runwatch keeps is `{name:spec}`; one that varies and is not kept
begins with an underscore. A record may be printed on several lines.
"""

from __future__ import annotations

RULE = "-" * 40

EXEMPLARS: dict[str, tuple[str, ...]] = {
    "nanochat": (
        "step {step:05d}/{total:05d} ({_pct:.2f}%) | loss: {loss:.6f} | lrm: {one:.2f} | dt: {ms:.2f}ms | "
        "tok/sec: {rate:,} | bf16_mfu: {mfu:.2f} | epoch: {epoch} pq: {within} | total time: {time:.2f}m",
    ),
    "llm.c": (
        "step {step:4d}/{total} | loss {loss:.6f} ({_z:+.2f}z)| norm {norm:.4f} ({_z:+.2f}z)| lr {lr:.2e} | "
        "{ms:.2f} ms | {mfu:.1f}% bf16 MFU | {rate} tok/s",
    ),
    "build-nanogpt": (
        "step {step:5d} | loss: {loss:.6f} | lr {lr:.4e} | norm: {norm:.4f} | dt: {ms:.2f}ms | tok/sec: {speed:.2f}",
    ),
    "nanogpt": ("iter {step}: loss {loss:.4f}, time {ms:.2f}ms, mfu {mfu:.2f}%",),
    "build-nanogpt-logtxt": ("{step} train {loss:.6f}",),
    "llm.c-mainlog": ("s:{step} trl:{loss:.4f} lr:{lr:.6f} norm:{norm:.2f}",),
    "modded-nanogpt": ("step:{step}/{total} train_loss:{loss:.4f} train_time:{rate}ms step_avg:{ms:.2f}ms",),
    "nanogpt-tagged": ("[train] iter {step}: loss {loss:.4f} {within} ms/iter",),
    "litgpt": (
        "Epoch {epoch} | iter {rate} step {step} | loss train: {loss:.3f}, val: n/a | iter time: {ms:.2f} ms (step)",
    ),
    "hf-trainer": (
        "{{'loss': {loss:.4f}, 'grad_norm': {norm!r}, 'learning_rate': {lr!r}, 'epoch': {time:.2f}}}",
    ),
    "hf-custom-logger": (
        "[2030-01-02 03:04:05,678] INFO: loss: {loss:.4f}, aux_loss: {small:.4f}, grad_norm: {norm:.4f}",
    ),
    "torchtitan": (
        "[rank{rank}]:[titan] 2030-01-02 03:04:{_second:02d},678 - root - INFO - step: {step:2d}  loss: {loss:8.5f}  "
        "grad_norm: {norm:7.4f}  memory: {mem:5.2f}GiB({_pct:.2f}%)  tps: {rate:,}  tflops: {speed:.2f}  "
        "mfu: {mfu:.2f}%",
    ),
    "megatron": (
        " iteration {step:8d}/{total:8d} | consumed samples: {rate:12d} | elapsed time per iteration (ms): {ms:.1f} | "
        "learning rate: {lr:.3E} | global batch size: {within:5d} | lm loss: {loss:.6E} | loss scale: {one:.1f} | "
        "grad norm: {norm:.3f} |",
    ),
    "maxtext": (
        "completed step: {step}, seconds: {small:.3f}, TFLOP/s/device: {mfu:.3f}, Tokens/s/device: {speed:.3f}, "
        "total_weights: {rate}, loss: {loss:.3f}",
    ),
    "nemo": (
        "Training epoch {epoch}, iteration {step}/{_total} | lr: {lr:.3e} | consumed_samples: {rate} | "
        "reduced_train_loss: {loss:.4f} | train_step_timing in s: {small:.4f}",
    ),
    "verl": (
        "step:{step} - actor/pg_loss:{small:.6f} - actor/grad_norm:{norm:.6f} - actor/lr:{lr:.3e} - "
        "critic/score/mean:{loss:.6f} - response_length/mean:{ms:.3f} - timing_s/step:{mfu:.3f}",
    ),
    "fairseq": (
        "2030-01-02 03:04:{_second:02d} | INFO | train_inner | epoch {epoch:03d}: {_within:6d} / {per} loss={loss:.3f}, "
        "ppl={ms:.2f}, wps={speed:.1f}, ups={small:.2f}, num_updates={step}, lr={lr:.4e}, gnorm={norm:.3f}",
    ),
    "icefall": (
        "2030-01-02 03:04:{_second:02d},678 INFO [train.py:123] Epoch {epoch}, batch {step}, loss[loss={loss:.4f}, "
        "simple_loss={norm:.4f}, over {_ms:.2f} frames.], tot_loss[loss={_loss:.4f}, over {_ms:.2f} frames.], "
        "lr: {lr:.2e}",
    ),
    "timm": (
        "Train: {epoch} [{within:4d}/{per} ({_pct:3.0f}%)]  Loss: {loss:#9.6f} ({_loss:#.4f})  Time: {small:.3f}s, "
        "{speed:8.2f}/s  ({_small:.3f}s, {_speed:8.2f}/s)  LR: {lr:.3e}  Data: {_small:.3f} ({_small:.3f})",
    ),
    "swin": (
        "Train: [{epoch}/{epochs}][{within}/{per}]\teta 0:07:{_second:02d} lr {lr:.6f}\ttime {small:.4f} ({_small:.4f})\t"
        "loss {loss:.4f} ({_loss:.4f})\tgrad_norm {norm:.4f} ({_norm:.4f})",
    ),
    "swav": (
        "Epoch[{epoch}] - Iter: [{within}/{per}]\tTime {small:.3f} ({_small:.3f})\tLoss {loss:.4f} ({_loss:.4f})\t"
        "LR {one:.3f}",
    ),
    "torchvision": (
        "Epoch: [{epoch}]  [{within:4d}/{per}]  eta: 0:07:{_second:02d}  lr: {lr:.6f}  loss: {loss:.4f} ({_loss:.4f})  "
        "time: {small:.4f}",
    ),
    "openpcdet": (
        "Train:  {epoch:3d}/{epochs} ({_pct:3.0f}%) [{_within:4d}/{per} ({_pct:3.0f}%)]  Loss: {loss:.3f} ({_loss:.2f})  "
        "LR: {lr:.3e}  Acc_iter {step}  Batch time: {small:.2f}({_small:.2f})",
    ),
    "openmmlab": (
        "2030-01-02 03:04:{_second:02d},678 - mmdet - INFO - Epoch [{epoch}][{within}/{per}]\tlr: {lr:.3e}, "
        "eta: 2:21:{_second:02d}, time: {small:.3f}, data_time: {one:.3f}, memory: {rate}, loss: {loss:.4f}",
    ),
    "detectron2": (
        "[01/02 03:04:{_second:02d} d2.utils.events]:  eta: 0:07:{_second:02d}  iter: {step}  total_loss: {loss:.4g}  "
        "loss_cls: {norm:.4g}  loss_box_reg: {small:.4g}  time: {one:.4f}  data_time: {mfu:.4f}  lr: {lr:.5g}  "
        "max_mem: {rate}M",
    ),
    "slowfast": (
        '[01/02 03:04:05][INFO] logging.py:   99: json_stats: {{"_type": "train_iter_", "dt": {small:.5f}, '
        '"epoch": "{epoch}/{epochs}", "eta": "0:07:20", "gpu_mem": "19.35G", "grad_norm": {norm:.5f}, '
        '"iter": "{within}/{per}", "loss": {loss:.5f}, "lr": {lr:.5f}, "top1_err": {mfu:.5f}}}',
    ),
    "paddledetection": (
        "[01/02 03:04:{_second:02d}] ppdet.engine INFO: Epoch: [{epoch}] [{within:3d}/{per}] learning_rate: {lr:.6f} "
        "loss_class: {norm:.6f} loss: {loss:.6f} eta: 2:36:{_second:02d} batch_cost: {small:.4f} data_cost: {one:.4f} "
        "ips: {mfu:.4f} images/s",
    ),
    "paddleocr": (
        "[2030/01/02 03:04:{_second:02d}] ppocr INFO: epoch: [{epoch}/{_epochs}], global_step: {step}, lr: {lr:.6f}, "
        "loss: {loss:.6f}, avg_reader_cost: {one:.5f} s, avg_batch_cost: {small:.5f} s, avg_samples: {norm:.1f}, "
        "ips: {mfu:.5f} samples/s, eta: 0:35:{_second:02d}",
    ),
    "paddleclas": (
        "[2030/01/02 03:04:{_second:02d}] ppcls INFO: [Train][Epoch {epoch}/{epochs}][Iter: {within}/{per}]"
        "lr(LinearWarmup): {lr:.8f}, CELoss: {norm:.5f}, loss: {loss:.5f}, batch_cost: {small:.5f}s, "
        "reader_cost: {one:.5f}, ips: {mfu:.5f} samples/s, eta: 4:33:{_second:02d}",
    ),
    "paddlegan": (
        "[01/02 03:04:{_second:02d}] ppgan.engine.trainer INFO: Epoch: {epoch}/{epochs}, iter: {within}/{per} "
        "lr: {lr:.3e} loss: {loss:.3f} batch_cost: {small:.5f} sec reader_cost: {one:.5f} sec ips: {mfu:.5f} images/s "
        "eta: 1 day, 2:03:{_second:02d}",
    ),
    "yolo": (
        "{step:7d}/{total}      {_mem:.2f}G {loss:10.4g} {norm:10.4g} {small:10.4g} {_within:10d}        640: "
        "100%|##########| 9/9 [00:02<00:00,  {_speed:.2f}it/s]",
    ),
    "yolo-results-txt": (
        "{step:6d}/{total} {_mem:8.3g}G {loss:9.4g} {norm:9.4g} {small:9.4g} {one:9.4g} {_within:9d}       640 "
        "{lr:9.4g} {_one:9.4g} {_small:9.4g} {_loss:9.4g} {_norm:9.4g} {_one:9.4g} {_small:9.4g}",
    ),
    "yolox": (
        "INFO | yolox.core.trainer:after_iter:250 - epoch: {epoch}/{epochs}, iter: {within}/{per}, mem: {_rate}Mb, "
        "iter_time: {small:.3f}s, data_time: {one:.3f}s, total_loss: {loss:.1f}, lr: {lr:.3e}, size: {within2}",
    ),
    "xgboost": ("[{step}]\tvalidation_0-logloss:{loss:.5f}\tvalidation_1-logloss:{norm:.5f}",),
    "lightgbm": ("[{step}]\ttraining's l2: {loss:.6f}\tvalid_1's l2: {norm:.6f}",),
    "catboost": (
        "{step}:\tlearn: {loss:.7f}\ttest: {norm:.7f}\tbest: {_norm:.7f} ({_within})\ttotal: {_mfu:.1f}s\t"
        "remaining: {_mfu:.1f}s",
    ),
    "caffe": ("I0102 03:04:{_second:02d}.678901  1234 solver.cpp:222] Iteration {step}, loss = {loss:.6f}",),
    "darknet": (
        " {step}: {loss:.6f}, {norm:.6f} avg loss, {lr:.6f} rate, {small:.6f} seconds, {rate} images, {mfu:.6f} hours left",
    ),
    "basicsr": (
        "2030-01-02 03:04:{_second:02d},678 INFO: [train..][epoch:{epoch:3d}, iter:{step:8,d}, lr:({lr:.3e},)] "
        "[eta: 1 day, 3:04:05, time (data): {small:.3f} (0.002)] l_pix: {loss:.4e} l_percep: {norm:.4e} ",
    ),
    "stylegan": (
        "tick {step}    kimg {ms:.1f}    time 1h 02m 03s   sec/tick {mfu:.1f}   sec/kimg {norm:.2f}   "
        "maintenance {one:.1f}  gpumem {mem:.2f}",
    ),
    "pix2pix": (
        "(epoch: {epoch}, iters: {step}, time: {small:.3f}, data: {one:.3f}) G_GAN: {loss:.3f} G_L1: {norm:.3f} "
        "D_real: {mem:.3f} ",
    ),
    "flair": (
        "2030-01-02 03:04:{_second:02d},678 epoch {epoch} - iter {within}/{per} - loss {loss:.8f} - "
        "samples/sec: {speed:.2f} - lr: {lr:.6f}",
    ),
    "spacy": ("{epoch:3d} {step:7d} {loss:13.2f} {ms:9.2f} {mfu:7.2f} {norm:7.2f} {mem:7.2f} {small:7.2f}",),
    "sklearn-mlp": ("Iteration {step}, loss = {loss:.8f}",),
    "stable-baselines3": (
        "| rollout/           |            |",
        "|    ep_rew_mean     | {loss:<10.4g} |",
        "| time/              |            |",
        "|    fps             | {within:<10d} |",
        "|    total_timesteps | {step:<10d} |",
        "| train/             |            |",
        "|    loss            | {norm:<10.4g} |\n" + RULE,
    ),
    "cleanrl": ("global_step={step}, episodic_return=[{loss:.1f}]",),
    "epoch-batch-loss": (
        "2030-01-02 03:04:{_second:02d},678 - INFO - Epoch {epoch} - Batch loss: {loss:.4f}",
    ),
    "keras": (
        "Epoch {step}/{total}",
        "900/900 [==============================] - 9s 10ms/step - loss: {loss:.4f} - val_loss: {norm:.4f}",
    ),
    "pytorch-cifar": (
        "Epoch: {step}",
        " [============================ 391/391 ===========================>]  Step: 75ms | Tot: 43s169ms | "
        "Loss: {loss:.3f} | Acc: {_pct:.3f}% (16120/50000)",
    ),
    "deepspeed-pipeline": (
        "steps: {step} loss: {loss:.4f} iter time (s): {small:.3f} samples/sec: {mfu:.3f}",
    ),
    "deepspeed": (
        "[2030-01-02 03:04:{_second:02d},678] [INFO] [logging.py:96:log_dist] [Rank {rank}] step={step}, "
        "skipped={within}, lr=[{lr:.4e}], mom=[(0.9, 0.95)]",
    ),
    "cleanrl-eval": ("eval_episode={step}, episodic_return={loss:.1f}",),
    "progress-bar": (
        "Epoch {epoch}: {_pct:3.0f}%|##5       | {within}/{per} [00:10<00:30, {small:5.2f}s/it, loss={loss:.3f}, "
        "v_num=7]",
    ),
    "openpcdet-bars": (
        "train: {_pct:3.0f}%|##5       | {_within}/{_per} [00:10<00:30, {_small:5.2f}s/it, total_it={step}]\x1b[A",
        "epochs:  10%|#         | 9/90 [00:10<00:30, {_ms:5.2f}s/it, loss={loss:.3g}, lr={lr:.3g}, "
        "d_time=0.00(0.00), f_time={_one:.2f}({_one:.2f}), b_time={small:.2f}({_small:.2f})]",
    ),
    "llamafactory-jsonl": (
        '{{"current_steps": {step}, "total_steps": {total}, "loss": {loss!r}, "lr": {lr!r}, "epoch": {time!r}, '
        '"elapsed_time": "0:00:28"}}',
    ),
    "mm-log-json": (
        '{{"mode": "train", "epoch": {epoch}, "iter": {step}, "lr": {lr!r}, "memory": {rate}, '
        '"time": {small!r}, "loss": {loss!r}}}',
    ),
    "detectron2-metrics-json": (
        '{{"iteration": {step}, "total_loss": {loss!r}, "lr": {lr!r}, "time": {small!r}, "data_time": {one!r}}}',
    ),
    "rllib-result-json": (
        '{{"training_iteration": {step}, "episode_reward_mean": {loss!r}, "time_this_iter_s": {small!r}, '
        '"timers": {{"learn_ms": {ms!r}}}}}',
    ),
    "sb3-progress-json": (
        '{{"time/fps": {rate}, "time/iterations": {epoch}, "time/total_timesteps": {step}, '
        '"rollout/ep_rew_mean": {norm!r}, "train/loss": {loss!r}}}',
    ),
    "deit-mae-jsonl": (
        '{{"train_lr": {lr!r}, "train_loss": {loss!r}, "test_loss": {norm!r}, "test_acc1": {mfu!r}, '
        '"epoch": {step}}}',
    ),
    "json-stats": (
        'json_stats: {{"epoch":{step},"loss":{loss!r},"lr":{lr!r},"train_time":{mfu!r},"test_acc":{mem!r}}}',
    ),
    "stylegan-stats-jsonl": (
        '{{"Loss/G/loss": {{"num": 4000, "mean": {loss!r}, "std": {norm!r}}}, '
        '"Progress/tick": {{"num": 1, "mean": {step}, "std": 0.0}}, '
        '"Progress/kimg": {{"num": 1, "mean": {ms!r}, "std": 0.0}}, "timestamp": {speed!r}}}',
    ),
    "mlperf-mllog": (
        ':::MLLOG {{"key": "eval_accuracy", "value": {loss!r}, "metadata": {{"epoch_num": {step}}}}}',
    ),
    "mmengine-scalars": (
        '{{"lr": {lr!r}, "loss": {loss!r}, "time": {small!r}, "epoch": {epoch}, "iter": {step}, '
        '"memory": {rate}, "step": {step}}}',
    ),
    "jsonl": (
        '{{"step": {step}, "loss": {loss!r}, "lr": {lr!r}, "grad_norm": {norm!r}, "tokens_per_second": {speed!r}}}',
    ),
    "hf-history-csv": ("{loss!r},{norm!r},{lr!r},{epoch},{step},,,",),
    "lightning-metrics-csv": ("{epoch},{step},{loss!r},",),
    "sb3-progress-csv": ("{epoch},{step},{loss!r},{norm!r}",),
    "rllib-progress-csv": ("{loss!r},{rate},{step},{small!r},node-{_within}",),
    "sb3-monitor-csv": ("{loss:.6f},{within},{ms:.6f}",),
    "yolo-results-csv": ("{step},{ms:.3f},{loss:.5f},{norm:.5f},{mfu:.5f},{mem:.5f},{lr:.7f}",),
    "catboost-tsv": ("{step}\t{loss:.9f}\t{norm:.9f}",),
    "csv": ("{step},{loss!r},{lr!r},{norm!r},{rate},{speed:.2f}",),
}
HEADERS = {
    "hf-history-csv": "loss,grad_norm,learning_rate,epoch,step,eval_loss,train_runtime,train_loss",
    "lightning-metrics-csv": "epoch,step,train_loss_step,val_loss",
    "sb3-progress-csv": "time/iterations,time/total_timesteps,rollout/ep_rew_mean,train/loss",
    "rllib-progress-csv": "episode_reward_mean,timesteps_total,training_iteration,time_this_iter_s,hostname",
    "sb3-monitor-csv": '#{"t_start": 1637082108.19, "env_id": "Hopper-v3"}\nr,l,t',
    "yolo-results-csv": "epoch,time,train/box_loss,train/cls_loss,metrics/mAP50(B),val/box_loss,lr/pg0",
    "catboost-tsv": "iter\tRMSE\tMAE",
    "csv": "step,loss,lr,grad_norm,tokens,tokens_per_second",
    "spacy": "E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  ENTS_P  ENTS_R  SCORE",
    "yolo": "      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size",
    "stable-baselines3": RULE,
}
"""What a file of the format begins with."""
