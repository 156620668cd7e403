"""Lines of other trainers: vision, speech, reinforcement learning, boosting."""

from __future__ import annotations

from .case import NAN, Case

_ALLEN = "2030-01-02 03:04:05,678 - INFO - allennlp.training."

CASES = [
    Case(  # two functions: which of them is minimized, nobody says; of two sets neither is more than the other
        "xgboost",
        "[0]\ttrain-rmse:1.75000\ttrain-mae:1.50000\teval-logloss:0.50000\n"
        "[1]\ttrain-rmse:1.50000\ttrain-mae:1.25000\teval-logloss:0.25000\n",
        {"step": [0, 1], "train-rmse": [1.75, 1.5], "train-mae": [1.5, 1.25], "val/loss": [0.5, 0.25]},
    ),
    Case(
        "xgboost",
        "[0]\tvalidation_0-logloss:0.75000\tvalidation_1-logloss:0.87500\n"
        "[1]\tvalidation_0-logloss:0.50000\tvalidation_1-logloss:0.62500\n",
        {"step": [0, 1], "validation_0-logloss": [0.75, 0.5], "val/logloss": [0.875, 0.625], "val/loss": []},
    ),
    Case(
        "lightgbm",
        "[10]\tvalid_0's auc: 0.5\tvalid_0's binary_logloss: 0.625\n[20]\tvalid_0's auc: 0.75\tvalid_0's binary_logloss: 0.5\n",
        {"step": [10, 20], "val/loss": [0.625, 0.5], "valid_0's auc": [0.5, 0.75]},
    ),
    Case(
        "allennlp",
        f"{_ALLEN}trainer - Epoch 0/2\n{_ALLEN}trainer - Training\n"
        f"{_ALLEN}tensorboard_writer -                     Training |  Validation\n"
        f"{_ALLEN}tensorboard_writer - gpu_0_memory_MB |  1505.000  |       N/A\n"
        f"{_ALLEN}tensorboard_writer - loss            |     5.125  |     3.125\n"
        f"{_ALLEN}trainer - Epoch duration: 0:14:27.000794\n{_ALLEN}trainer - Epoch 1/2\n"
        f"{_ALLEN}tensorboard_writer -                     Training |  Validation\n"
        f"{_ALLEN}tensorboard_writer - loss            |     3.125  |     2.875\n"
        f"{_ALLEN}tensorboard_writer - gpu_0_memory_MB |  1505.000  |       N/A\n"
        f"{_ALLEN}trainer - Epoch 2/2\n",
        {"step": [0, 1], "total": [3, 3], "train/loss": [5.125, 3.125], "gpu_0_memory_MB": [1505, 1505]},
        {"step": [0, 1], "val/loss": [3.125, 2.875]},
    ),
    Case(
        "paddlevit",
        "2030-01-02 03:04:05,678 Now training epoch 1. LR=0.000125\n"
        "2030-01-02 03:04:05,678 Epoch[001/090], Step[0000/0200], Avg Loss: 0.8750, Avg Acc: 0.7500\n"
        "2030-01-02 03:04:06,678 Epoch[001/090], Step[0100/0200], Avg Loss: 0.6250, Avg Acc: 0.8750\n"
        "2030-01-02 03:04:07,678 ----- Epoch[001/090], Train Loss: 0.7500, Train Acc: 0.8125, time: 173.49\n"
        "2030-01-02 03:04:08,678 ----- Epoch[001/090], Validation Loss: 0.5000, Validation Acc@1: 0.8750, time: 9.5\n",
        {"step": [0, 100], "total": [18000, 18000], "train/loss": [0.875, 0.625], "train/epoch": [1, 1]},
        {"train/learning_rate": [0.000125], "train/epoch_loss": [0.75], "val/loss": [0.5]},
    ),
    Case(
        "openmmlab",
        "2030/01/02 03:04:05 - mmengine - INFO - Epoch(train) [1][50/900]  lr: 1.25e-03  eta: 1 day, 10:00:00  loss: 1.5000\n",
        {"step": [50], "train/loss": [1.5], "eta": []},
    ),
    Case(
        "megatron",
        " iteration        1/    1000 | consumed samples:         1024 | elapsed time per iteration (ms): 1500.0 | "
        "learning rate: 1.875E-05 | global batch size:  1024 | lm-loss: 1.25E+01 | loss scale: -1.0 | grad norm: 0.000 |\n",
        {"step": [1], "total": [1000], "train/loss": [12.5], "perf/step_time": [1.5]},
    ),
    Case(
        "lightgbm",
        "[LightGBM] [Info] Iteration:1, training ndcg@3 : 0.625\n[LightGBM] [Info] Iteration:1, valid_1 ndcg@3 : 0.5\n"
        "[LightGBM] [Info] 0.25 seconds elapsed, finished iteration 1\n"
        "[LightGBM] [Warning] No further splits with positive gain, best gain: -inf\n"
        "[LightGBM] [Info] Iteration:2, training ndcg@3 : 0.75\n[LightGBM] [Info] Iteration:2, valid_1 ndcg@3 : 0.5625\n"
        "[LightGBM] [Info] 0.5 seconds elapsed, finished iteration 2\n",
        {"step": [1, 2]},
        {"training ndcg@3": [0.625, 0.75], "valid_1 ndcg@3": [0.5, 0.5625]},
    ),
    Case(
        "dl4j",
        "o.d.o.l.ScoreIterationListener - Score at iteration 100 is 1.625\n"
        "o.d.o.l.ScoreIterationListener - Score at iteration 200 is 1.5\n"
        "\n=========Evaluation Metrics=========\n # of classes:    3\n Accuracy:        0.6250\n"
        " F1 Score:        0.5000\nPrecision, recall & F1: macro-averaged\n Recall:          0.1\n",
        {"step": [100, 200], "train/loss": [1.625, 1.5]},
        {"val/accuracy": [0.625], "val/f1 score": [0.5]},
    ),
    Case(
        "catboost",  # AUC is not computed on what is learnt from
        "0:\ttest: 0.6250000\tbest: 0.6250000 (0)\ttotal: 58.5ms\tremaining: 58.4s\n"
        "100:\ttest: 0.7500000\tbest: 0.8125000 (99)\ttotal: 1.5s\tremaining: 1h 2m 10s\n"
        "101:\ttest: 0.7500000\tbest: 0.8125000 (99)\ttotal: 1.5s\tremaining: 2m 10s\n"
        "102:\ttest: 0.7500000\tbest: 0.8125000 (99)\ttotal: 1.5s\tremaining: 500ms\n",
        {"step": [0, 100, 101, 102], "val/score": [0.625, 0.75, 0.75, 0.75], "perf/remaining": [58.4, 3730, 130, 0.5]},
    ),
    Case(
        "dl4j",
        "03:04:05.678 [main] INFO org.deeplearning4j.optimize.listeners.ScoreIterationListener - Score at iteration 100 is 1.625\n"
        "03:05:05.678 [main] INFO org.deeplearning4j.optimize.listeners.ScoreIterationListener - Score at iteration 200 is NaN\n",
        {"step": [100, 200], "train/loss": [1.625, NAN]},
    ),
    Case(
        "swav",  # as Kaggle's notebooks have it: the first epoch is 1
        "========== fold: 0 training ==========\n"
        "Epoch: [1][0/400] Elapsed 0m 1s (remain 5m 3s) Loss: 2.5000(2.5000) Grad: 12.5  LR: 0.00002500  \n"
        "Epoch: [1][399/400] Elapsed 0m 9s (remain 0m 0s) Loss: 1.2500(1.8750) Grad: 6.25  LR: 0.00002500  \n"
        "EVAL: [99/100] Elapsed 0m 9s (remain 0m 0s) Loss: 0.6000(0.5000) \n"
        "Epoch 1 - avg_train_loss: 1.8750  avg_val_loss: 0.5000  time: 101s\nEpoch 1 - Score: 0.8125\n"
        "Epoch: [2][0/400] Elapsed 0m 1s (remain 5m 3s) Loss: 1.0000(1.0000) Grad: 3.125  LR: 0.00001250  \n",
        {"step": [0, 399, 400], "total": [400, 400, 800], "train/loss": [2.5, 1.25, 1.0], "train/grad_norm": [12.5, 6.25, 3.125]},
        {"val/loss": [0.5], "train/epoch_loss": [1.875]},
    ),
    Case(
        "swav",  # as PyTorch's ImageNet example has it
        "Epoch: [0][   1/5005]\tTime  3.500 ( 3.500)\tLoss 6.9e+00 (6.9e+00)\tAcc@1   0.00 (  0.00)\n"
        "Epoch: [1][  11/5005]\tTime  0.500 ( 1.500)\tLoss 6.5e+00 (6.7e+00)\tAcc@1   0.39 (  0.20)\n"
        "Test: [  1/196]\tTime  0.500 ( 1.500)\tLoss 6.5e+00 (6.7e+00)\n *   Acc@1 70.125 Acc@5 89.250\n",
        {"step": [1, 5016], "total": [5005, 10010], "train/loss": [6.9, 6.5]},
        {"val/acc1": [70.125], "val/acc5": [89.25]},
    ),
    Case(
        "torchvision",
        "Epoch: [0]  [  0/500]  eta: 1 day, 0:10:00  lr: 0.001  img/s: 10.25  loss: 6.5000 (6.7500)  acc1: 0.0000 (0.0000)"
        "  time: 1.2500  data: 0.5000  max mem: 1200\n"
        "Epoch: [0]  [499/500]  eta: 0:00:00  lr: 0.001  img/s: 310.5  loss: 6.2500 (6.5000)  acc1: 0.0000 (0.2841)"
        "  time: 0.2500  data: 0.0100  max mem: 1200\n"
        "Epoch: [0] Total time: 0:05:12 (0.6240 s / it)\n"
        "Test:   [  0/100]  eta: 0:01:00  loss: 5.7500 (5.7500)  acc1: 6.2500 (6.2500)  time: 0.6000  data: 0.5000\n"
        "Test:   [ 99/100]  eta: 0:00:00  loss: 5.2500 (5.5000)  acc1: 6.2500 (6.2500)  time: 0.1000  data: 0.0000\n"
        "Test:  Total time: 0:00:10\nTest:  Acc@1 5.812 Acc@5 15.218\n"
        "Epoch: [1]  [  0/500]  eta: 0:10:00  lr: 0.001  img/s: 10.25  loss: 6.1250 (6.1250)  acc1: 0.0000 (0.0000)"
        "  time: 1.2500  data: 0.5000  max mem: 1200\n",
        {"step": [0, 499, 500], "total": [500, 500, 1000], "train/loss": [6.5, 6.25, 6.125], "perf/step_time": [1.25, 0.25, 1.25],
         "perf/samples_per_sec": [10.25, 310.5, 10.25]},
        {"val/loss": [5.5], "val/acc1": [5.812]},
    ),
    Case(
        "torchvision",  # an evaluation that shows its epoch, and measures anything but a loss
        "Epoch: [3]  [ 20/40]  eta: 0:10:00  lr: 0.001  total_loss: 6.5000 (6.7500)  time: 1.2500  data: 0.5000\n"
        "Test: [3]  [ 0/25]  eta: 0:01:00  cons_loss: 0.5  f1: 0.1250 (0.1250)  clf_loss: 0.5000 (0.5000)  time: 0.7500\n"
        "Test: [3]  [24/25]  eta: 0:00:00  cons_loss: 0.5  f1: 0.2500 (0.3750)  clf_loss: 0.5000 (0.6250)  time: 0.7500\n"
        "Test: [3] Total time: 0:02:37 (0.6829 s / it)\n",
        {"step": [140], "train/loss": [6.5]},
        {"val/f1": [0.375], "val/clf_loss": [0.625]},
    ),
    Case(
        "torchvision",
        "Epoch: [0]  [20/40]  eta: 0:10:00  lr: 0.001  loss: 6.5000 (6.7500)  time: 1.2500  data: 0.5000\n"
        "Val:  [24/25]  eta: 0:00:00  loss: 0.5000 (0.6250)  acc1: 6.2500 (6.2500)  time: 0.7500\n",
        {"step": [20], "train/loss": [6.5]},
        {"val/loss": [0.625]},
    ),
    Case(
        "torchvision",
        "[03:04:05.678901] Epoch: [0]  [ 20/900]  eta: 0:10:00  lr: 0.001  edge_loss: 0.5  total_loss: 6.5000 (6.7500)"
        "  loss: 0.5000 (0.5000)  time: 1.2500\n",
        {"step": [20], "train/loss": [6.5], "loss": [0.5], "edge_loss": [0.5]},
    ),
    Case(
        "torchvision",  # as DINO and ALBEF have it, one in one, one in all
        "Train Epoch: [1/3]  [  0/20]  eta: 0:10:00  lr: 0.001  loss: 6.5000 (6.7500)  time: 1.2500  data: 0.5000  max mem: 1200\n"
        "Train Epoch: [2/3]  [ 10/20]  eta: 0:10:00  lr: 0.001  loss: 6.2500 (6.7500)  time: 1.2500  data: 0.5000  max mem: 1200\n"
        "* Acc@1 5.812 Acc@5 15.218 loss 1.250\n",
        {"step": [0, 30], "train/loss": [6.5, 6.25]},
        {"val/loss": [1.25], "val/acc5": [15.218]},
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
        "timm",
        "Train: 1 [ 900/900 (100%)]  Loss:  7.0 (7.25)  Time: 0.250s,   64.00/s  (0.250s,   64.00/s)  LR: 5.000e-07  Data: 0.125 (0.125)\n"
        "Test: [   0/12]  Time: 1.515 (1.515)  Loss:   0.975 ( 0.975)  Acc@1:  81.250 ( 81.250)  Acc@5:  96.094 ( 96.094)\n"
        "Test: [  12/12]  Time: 0.117 (0.211)  Loss:   1.250 ( 1.125)  Acc@1:  72.500 ( 70.250)  Acc@5:  91.500 ( 89.500)\n",
        {"step": [1800], "train/loss": [7.0]},
        {"val/loss": [1.125], "val/acc1": [70.25], "val/acc5": [89.5]},
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
        "swin",
        "[2030-01-02 03:04:05 ViT] (main.py 188): INFO Train: [1/50][3/20]\teta 0:08:30 lr 0.000125\ttime 1.5 (1.5)\ttot_loss 0.75 (0.75)\tmem 0MB\n",
        {"step": [3], "total": [1000], "train/loss": [0.75]},  # its first line is of epoch 1
    ),
    Case(
        "openpcdet",
        "2030-01-02 03:04:05,678   INFO  Train:    2/3 ( 67%) [  99/323 ( 31%)]  Loss: 23.5 (54.8)  LR: 2.375e-04  "
        "Time cost: 00:27/01:00 [00:27/03:55]  Acc_iter 422         Data time: 0.00(0.01)  Forward time: 0.19(0.26)  "
        "Batch time: 0.25(0.27)\n",
        {"step": [422], "total": [969], "train/loss": [23.5], "train/learning_rate": [2.375e-4], "perf/step_time": [0.25]},
    ),
    Case(
        "openpcdet",
        "2030-01-02 03:04:05,678   INFO  epoch: 2/36, acc_iter=2050, cur_iter=49/1000, batch_size=1, time_cost(epoch): "
        "00:19/1:30:59, time_cost(all): 00:19/54:46:32, loss=23.5, d_time=0.00(0.03), f_time=0.32(0.36), "
        "b_time=0.25(0.39), norm=7.5, lr=0.000375\n",
        {"step": [2050], "total": [36000], "train/loss": [23.5], "train/learning_rate": [3.75e-4],
         "perf/step_time": [0.25], "train/grad_norm": [7.5]},
    ),
    Case(
        "openmmlab",
        "2030-01-02 03:04:05,678 - mmdet - INFO - Epoch [2][50/271]\tlr: 4.875e-04, eta: 2:21:04, time: 0.750, data_time: 0.250, "
        "memory: 5683, s0.loss_cls: 0.1875, loss: 0.6875, grad_norm: 5.75\n"
        "2030-01-02 03:04:06,678 - mmdet - INFO - Epoch(val) [2][271]\tbbox_mAP: 0.1500, bbox_mAP_s: -1.0000\n",
        {"step": [321], "train/loss": [0.6875], "train/grad_norm": [5.75], "perf/step_time": [0.75],
         "train/learning_rate": [4.875e-4]},
        {"val/bbox_mAP": [0.15]},
    ),
    Case(
        "openmmlab",
        "01/02 03:04:05 - mmengine - INFO - Epoch(train)   [1][  50/7330]  lr: 1.9820e-03  eta: 1 day, 2:03:04  time: 0.500  "
        "data_time: 0.125  memory: 5825  grad_norm: 3.5  loss: 1.25\n"
        "01/02 03:04:06 - mmengine - INFO - Epoch(val)   [1][ 50/5000]    eta: 0:01:02  time: 0.0250  data_time: 0.0010  \n"
        "01/02 03:04:07 - mmengine - INFO - Epoch(val) [1][5000/5000]    coco/bbox_mAP: 0.3750  coco/bbox_mAP_50: 0.5\n",
        {"step": [50], "train/loss": [1.25], "perf/step_time": [0.5]},
        {"val/coco/bbox_mAP": [0.375]},
    ),
    Case(
        "paddledetection",
        "[01/02 03:04:05] ppdet.engine INFO: Epoch: [2] [ 40/900] learning_rate: 0.000125 loss_class: 0.25 loss_bbox: 0.5 "
        "loss: 2.125 eta: 1 day, 2:36:11 batch_cost: 0.5 data_cost: 0.0625 ips: 3.5 images/s\n"
        "[01/02 03:05:05] ppdet.metrics.metrics INFO: mAP(0.50, 11point) = 62.50%\n",
        {"step": [1840], "total": [2700], "train/loss": [2.125], "train/learning_rate": [0.000125],
         "perf/step_time": [0.5], "perf/samples_per_sec": [3.5]},
        {"val/mAP50": [62.5]},
    ),
    Case(
        "paddledetection",
        "[01/02 03:04:05] ppdet.engine INFO: Epoch: [0] [  0/900] learning_rate: 0.25 loss: 4.5 batch_cost: 0.5\n"
        "[01/02 03:04:06] ppdet.engine INFO:  940/5400 iters Epoch: [1] [ 40/900] learning_rate: 0.125 sup_loss: 0.25 "
        "loss: 2.125 eta: 2:36:11 batch_cost: 0.5 data_cost: 0.0625 ips: 3.5 images/s\n",
        {"step": [0, 940], "total": [900, 5400], "train/loss": [4.5, 2.125]},
    ),
    Case(
        "paddleocr",
        "[2030/01/02 03:04:05] ppocr INFO: epoch: [2/90], global_step: 40, lr: 0.000125, loss: 2.125000, avg_reader_cost: "
        "0.0625 s, avg_batch_cost: 0.5 s, avg_samples: 4.0, ips: 3.5 samples/s, eta: 0:35:10\n"
        "[2030/01/02 03:04:06] ppocr INFO: cur metric, precision: 0.5, recall: 0.25, hmean: 0.375, fps: 1.5\n",
        {"step": [40], "train/loss": [2.125], "train/learning_rate": [0.000125], "perf/step_time": [0.5],
         "perf/samples_per_sec": [3.5]},
        {"val/precision": [0.5], "val/hmean": [0.375]},
    ),
    Case(
        "paddleocr",
        "[2030/01/02 03:04:05] root INFO: epoch: [2/90], iter: 40, lr: 0.000125, loss: 2.125, acc: 0.25, reader_cost: "
        "0.0625 s, batch_cost: 0.5 s, samples: 4, ips: 3.5\n",
        {"step": [40], "train/loss": [2.125], "perf/step_time": [0.5]},
    ),
    Case(
        "paddleclas",
        "[2030/01/02 03:04:05] ppcls INFO: [Train][Epoch 2/90][Iter: 40/900]lr(LinearWarmup): 0.00012500, CELoss: 6.5, "
        "loss: 6.75, batch_cost: 0.5s, reader_cost: 0.0625, ips: 3.5 samples/s, eta: 2 days, 20:58:19\n"
        "[2030/01/02 03:04:06] ppcls INFO: [Eval][Epoch 2][Iter: 0/25]CELoss: 6.5, loss: 9.5, top1: 0.0\n"
        "[2030/01/02 03:04:07] ppcls INFO: [Eval][Epoch 2][Avg]CELoss: 6.25, loss: 6.5, top1: 0.25, top5: 0.5\n",
        {"step": [940], "total": [81000], "train/loss": [6.75], "train/learning_rate": [0.000125],
         "perf/step_time": [0.5], "perf/samples_per_sec": [3.5]},
        {"val/loss": [6.5], "val/top1": [0.25]},
    ),
    Case(
        "paddlegan",
        "[01/02 03:04:05] ppgan.engine.trainer INFO: Epoch: 2/90, iter: 40/900 lr: 1.250e-04 perceptual: 102.5 G_loss: 2.125 "
        "batch_cost: 0.5 sec reader_cost: 0.0625 sec ips: 3.5 images/s eta: 1 day, 2:03:04\n",
        {"step": [940], "total": [81000], "perceptual": [102.5], "G_loss": [2.125], "train/learning_rate": [0.000125],
         "perf/step_time": [0.5]},
    ),
    Case(
        "detectron2",
        "[01/02 03:04:05 d2.utils.events]:  iter: 0    lr: N/A  max_mem: 1308M\n"
        "\x1b[32m[01/02 03:04:05 d2.utils.events]: \x1b[0m iter: 19  total_loss: 2.5  loss_cls: 0.5  lr: 0.0005  max_mem: 1308M\n"
        "[01/02 03:04:06 d2.utils.events]:  eta: 1 day, 0:07:20  iter: 39  total_loss: 2.125  loss_cls: 0.25  time: 0.5  "
        "data_time: 0.0625  lr: 0.00125  max_mem: 1308M\n"
        "[01/02 03:04:07] d2.utils.events INFO:  eta: 0:07:10    iter: 59    total_loss: 2    loss_cls: 0.125    time: 0.25    "
        "last_time: 0.5  lr: 0.0025    max_mem: 1308M\n",
        {"step": [19, 39, 59], "train/loss": [2.5, 2.125, 2.0], "loss_cls": [0.5, 0.25, 0.125],
         "perf/step_time": [0.5, 0.25], "train/learning_rate": [0.0005, 0.00125, 0.0025]},
    ),
    Case(
        "detectron2",
        "[01/02 03:04:05 fastreid.utils.events]:  eta: 0:07:20  epoch/iter: 0/199  total_loss: 2.125  loss_cls: 0.25  time: 0.5  "
        "data_time: 0.0625  lr: 1.25e-03  max_mem: 1308M\n",
        {"step": [199], "train/loss": [2.125], "train/learning_rate": [0.00125]},
    ),
    Case(
        "slowfast",
        '[01/02 03:04:05][INFO] logging.py:   99: json_stats: {"_type": "train_iter_", "dt": 0.5, "dt_data": 0.125, "epoch": '
        '"2/90", "eta": "3:22:31", "gpu_mem": "19.35G", "grad_norm": 6.5, "iter": "40/900", "loss": 3.5, "lr": 0.125}\n'
        '[01/02 03:04:06][INFO] logging.py:   99: json_stats: {"RAM": "13.90/187.58G", "_type": "train_epoch", "dt": 0.5, '
        '"epoch": "2/90", "grad_norm": 4.5, "loss": 3.25, "lr": 0.125}\n'
        '[01/02 03:04:07][INFO] logging.py:   99: json_stats: {"RAM": "12/187G", "_type": "val_epoch", "epoch": "2/90", '
        '"time_diff": 0.5, "top1_err": 76.5, "top5_err": 50.5}\n',
        {"step": [940], "total": [81000], "train/loss": [3.5], "train/learning_rate": [0.125], "perf/step_time": [0.5],
         "train/grad_norm": [6.5]},
        {"val/top1_err": [76.5]},
    ),
    Case(
        "slowfast",
        '[01/02 03:04:05][INFO] slowfast.utils.logging:   96: json_stats: {"_type": "train_iter", "epoch": "1/196", "eta": '
        '"19 days, 15:42:16", "gpu_mem": "4.45 GB", "iter": "10/900", "loss": 6.125, "lr": 0.125, "time_diff": 0.25}\n',
        {"step": [10], "train/loss": [6.125], "perf/step_time": [0.25]},
    ),
    Case(
        "open-clip",
        "2030-01-02,03:04:05 | INFO | Train Epoch: 1 [  4096/409600 (1%)] Data (t): 0.250 Batch (t): 0.500, 8192.00/s, "
        "8192.00/s/gpu LR: 0.125000 Logit Scale: 14.286 Contrastive_loss: 8.5000 (8.2500) Loss: 8.5000 (8.2500)\n"
        "2030-01-02,03:05:05 | INFO | Eval Epoch: 2 imagenet-zeroshot-val-top1: 0.2500\timagenet-zeroshot-val-top5: 0.5000\n",
        {"step": [413696], "train/loss": [8.5], "train/learning_rate": [0.125], "perf/step_time": [0.5],
         "perf/samples_per_sec": [8192]},
        {"val/imagenet-zeroshot-val-top1": [0.25]},
    ),
    Case(
        "deepxde",
        "Step      Train loss              Test loss               Test metric   \n"
        "0         [2.50e-01, 1.25e-01]    [5.00e-01, 2.50e-01]    [7.50e-01]    \n"
        "1000      [1.25e-01, 1.25e-01]    [2.50e-01, 2.50e-01]    [5.00e-01]    \n",
        {"step": [0, 1000], "train/loss": [0.375, 0.25], "val/loss": [0.75, 0.5], "val/metric 1": [0.75, 0.5]},
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
        {"step": [0, 1], "val/loss": [1.75, 1.5], "val/ndcg@10": [0.5, 0.625]},
    ),
    Case(
        "lightgbm",
        "[LightGBM] [Info] Total Bins 255\n[1]\ttraining's l2: 0.25\tvalid_1's l2: 0.3125\n"
        "[2]\ttraining's l2: 0.125\tvalid_1's l2: 0.25\n",
        {"step": [1, 2], "train/loss": [0.25, 0.125], "val/loss": [0.3125, 0.25]},
    ),
    Case(
        "catboost",
        "0:\tlearn: 0.6875\ttest: 0.7500\tbest: 0.7500 (0)\ttotal: 58.6ms\tremaining: 58.6s\n",
        {"step": [0], "learn": [0.6875], "test": [0.75]},  # it may be a score
    ),
    Case(
        "catboost",
        "0:\tlearn: 0.6875\ttest: 0.6875\tbest: 0.6875 (0)\ttotal: 58.6ms\tremaining: 58.6s\n"
        "1:\tlearn: 0.6875\ttest: 0.6250\tbest: 0.6250 (1)\ttotal: 58.6ms\tremaining: 58.6s\n"
        "2:\tlearn: 0.5000\ttest: 0.6250\tbest: 0.6250 (1)\ttotal: 58.6ms\tremaining: 58.6s\n",
        {"step": [0, 1, 2], "train/loss": [0.6875, 0.6875, 0.5], "val/loss": [0.6875, 0.625, 0.625]},
    ),
    Case(
        "catboost",  # an accuracy, without the times
        "0: learn: 0.5000 test: 0.5000 best: 0.5000 (0)\n1: learn: 0.6250 test: 0.5000 best: 0.5000 (0)\n",
        {"step": [0, 1], "learn": [0.5, 0.625], "val/score": [0.5, 0.5]},
    ),
    Case(
        "caffe",
        "max_iter: 900\nI0102 03:04:05.678901  5405 solver.cpp:222] Iteration 100, loss = 0.0625\n"
        "I0102 03:04:05.678902  5405 solver.cpp:238]     Train net output #0: loss = 0.06771 (* 1 = 0.06771 loss)\n"
        "I0102 03:04:05.678902  5405 solver.cpp:238]     Train net output #1: top-5 = 0.875\n"
        "I0102 03:04:05.678903  5405 solver.cpp:517] Iteration 100, lr = 0.003\n"
        "I0102 03:04:06.678901  5405 solver.cpp:218] Iteration 200 (5.5 iter/s, 1.2s/100 iters), loss = nan\n",
        {"step": [100, 200], "train/loss": [0.0625, NAN]},
        {"step": [100], "train/learning_rate": [0.003], "top-5": [0.875]},
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
        "(epoch: 1, iters: 100, time: 0.125, data: 2.625) G_GAN: 2.875 G_L1: 10.125 D_real: 0.125 D_fake: 1.250 \n"
        "(epoch: 1, iters: 200, time: 0.125) G_GAN: 1.875 D_fake: 1.500 \n",
        {"step": [100, 200], "train/epoch": [1, 1], "G_GAN": [2.875, 1.875], "D_fake": [1.25, 1.5]},
    ),
    Case(
        "flair",
        "2030-01-02 03:04:05,678 epoch 2 - iter 4/47 - loss 5.12500000\n"
        "2030-01-02 03:04:06,678 epoch 2 - iter 8/47 - loss 4.12500000\n"
        "2030-01-02 03:04:07,678 DEV : loss 8.25 - f-score 0.5 - acc 0.5\n"
        "2030-01-02 03:04:08,678 DEV  : loss 7.25 - f-score 0.5 - acc 0.5\n",
        {"step": [51, 55], "train/loss": [5.125, 4.125]},
        {"val/loss": [8.25, 7.25]},
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
        "cleanrl",
        "global_step=22, episodic_return=[22.]\nSPS: 900\nglobal_step=55, episodic_return=33.5\neval_episode=0, episodic_return=[400.]\n",
        {"step": [22, 55], "episodic_return": [22, 33.5]},
    ),
    Case(
        "cleanrl",
        "global step=2048, episodic return=14.5\nglobal step=4096, episodic return=15.25\n",
        {"step": [2048, 4096], "episodic_return": [14.5, 15.25]},
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
        "sklearn-mlp",
        "Iteration 1, loss = 0.87500000\nValidation score: 0.500000\nIteration 2, loss = 0.75000000\n"
        "Validation score: 0.625000\nIteration 3, loss = 0.62500000\nValidation score: 0.625000\n"
        "Validation score did not improve more than tol=0.000100 for 10 consecutive epochs. Stopping.\n",
        {"step": [1, 2, 3], "train/loss": [0.875, 0.75, 0.625]},
        {"val/score": [0.5, 0.625, 0.625]},
    ),
    Case(
        "yolact",
        "[  0]     100 || B: 4.512 | C: 9.018 | M: 4.215 | S: 1.204 | T: 18.949 || ETA: 1 day, 2:03:04 || timer: 0.912\n"
        "[  1]     110 || B: 4.250 | C: 8.500 | M: 4.125 | S: 1.125 | T: 18.000 || ETA: 23:03:04 || timer: 0.875\n",
        {
            "step": [100, 110],
            "train/epoch": [0, 1],
            "train/loss": [18.949, 18],
            "M": [4.215, 4.125],
            "perf/step_time": [0.912, 0.875],
        },
    ),
    Case(
        "tesseract",
        "At iteration 98/200/201, Mean rms=1.912%, delta=4.512%, BCER train=9.325%, BWER train=21.500%, skip ratio=0.000%,  "
        "New worst BCER = 9.325 wrote checkpoint.\n"
        "At iteration 130/300/301, mean rms=1.500%, delta=4.250%, char train=8.250%, word train=20.500%, skip ratio=0%,  "
        "New best char error = 8.25 wrote checkpoint.\n",
        {"step": [200, 300], "rms": [1.912, 1.5], "BCER": [9.325, 8.25], "BWER": [21.5, 20.5]},
    ),
    Case(
        "nerfstudio",
        "Step (% Done)       Train Iter (time)    ETA (time)           Train Rays / Sec\n"
        "-----------------------------------------------------------------------------------\n"
        "19600 (65.33%)      33.125 ms            5 m, 44 s            123.40 K\n"
        "19700 (65.67%)      32.500 ms            5 m, 35 s            1.25 M\n",
        {"step": [19600, 19700], "perf/step_time": [0.033125, 0.0325], "train/done": [0.6533, 0.6567]},
    ),
]  # fmt: skip
