"""Lines of other trainers: vision, speech, reinforcement learning, boosting, bars."""

from __future__ import annotations

from .case import NAN, Case

CASES = [
    Case(
        "openmmlab",
        "2030/01/02 03:04:05 - mmengine - INFO - Epoch(train) [1][50/900]  lr: 1.25e-03  eta: 1 day, 10:00:00  loss: 1.5000\n",
        {"step": [50], "train/loss": [1.5], "eta": []},
    ),
    Case(
        "keras",
        "Epoch 1/3\n7/6 - 3s - loss: 1.4740 - acc: 0.3053 - val_loss: 1.3883 - val_acc: 0.3333\n"
        "Epoch 2/3\n7/6 - 1s - loss: 1.4262 - acc: 0.2211 - val_loss: 1.3878 - val_acc: 0.2222\n",
        {"step": [1, 2], "train/loss": [1.474, 1.4262]},
        {"val/loss": [1.3883, 1.3878]},
    ),
    Case(
        "megatron",
        " iteration        1/    1000 | consumed samples:         1024 | elapsed time per iteration (ms): 1500.0 | "
        "learning rate: 1.875E-05 | global batch size:  1024 | lm-loss: 1.25E+01 | loss scale: -1.0 | grad norm: 0.000 |\n",
        {"step": [1], "total": [1000], "train/loss": [12.5], "perf/step_time": [1.5]},
    ),
    Case(
        "keras",
        "Epoch 1/3\nEpoch 00000: val_acc improved from -inf to 0.69706, saving model to best.hdf5\n"
        "300s - loss: 3.3691 - acc: 0.7004 - val_loss: 3.4281 - val_acc: 0.6971\n"
        "Epoch 2/3\n296s - loss: 0.2574 - acc: 0.9213 - val_loss: 0.5961 - val_acc: 0.8448\n",
        {"step": [1, 2], "train/loss": [3.3691, 0.2574], "acc": [0.7004, 0.9213]},
        {"val/loss": [3.4281, 0.5961]},
    ),
    Case(
        "epoch-block",
        "Epoch 0/24\n----------\ntrain Loss: 0.6562 Acc: 0.6311\nval Loss: 0.1844 Acc: 0.9477\n\n"
        "Epoch 1/24\n----------\ntrain Loss: 0.5302 Acc: 0.7746\nval Loss: 0.3322 Acc: 0.8627\n",
        {"step": [0, 1], "total": [24, 24], "train/loss": [0.6562, 0.5302], "Acc": [0.6311, 0.7746]},
        {"val/loss": [0.1844, 0.3322], "val/Acc": [0.9477, 0.8627]},
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
        "o.d.o.l.ScoreIterationListener - Score at iteration 200 is 1.5\n",
        {"step": [100, 200], "train/loss": [1.625, 1.5]},
    ),
    Case(
        "catboost",  # AUC is not computed on what is learnt from
        "0:\ttest: 0.6250000\tbest: 0.6250000 (0)\ttotal: 58.5ms\tremaining: 58.4s\n"
        "100:\ttest: 0.7500000\tbest: 0.8125000 (99)\ttotal: 1.5s\tremaining: 10s\n",
        {"step": [0, 100], "test": [0.625, 0.75]},
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
        {"step": [0, 399, 400], "total": [400, 400, 800], "train/loss": [2.5, 1.25, 1.0], "Grad": [12.5, 6.25, 3.125]},
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
        {"step": [23], "total": [1000], "train/loss": [0.75]},
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
        "paddledetection",
        "[01/02 03:04:05] ppdet.engine INFO: Epoch: [2] [ 40/900] learning_rate: 0.000125 loss_class: 0.25 loss_bbox: 0.5 "
        "loss: 2.125 eta: 1 day, 2:36:11 batch_cost: 0.5 data_cost: 0.0625 ips: 3.5 images/s\n",
        {"step": [1840], "total": [2700], "train/loss": [2.125], "train/learning_rate": [0.000125],
         "perf/step_time": [0.5], "perf/samples_per_sec": [3.5]},
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
        {"precision": [0.5], "hmean": [0.375]},
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
        "openpcdet-bars",
        "epochs:   0%|          | 0/80 [00:00<?, ?it/s]\n\r"
        "train:   0%|          | 0/464 [00:00<?, ?it/s]\x1b[A\n\r"
        "train:   0%|          | 1/464 [00:04<32:58,  4.27s/it]\x1b[A\n\r"
        "train:   0%|          | 1/464 [00:04<32:58,  4.27s/it, total_it=929]\x1b[A\r"
        "epochs:   0%|          | 0/78 [00:04<?, ?it/s, loss=10.5, lr=0.25, d_time=3.14(3.14), b_time=4.5(4.27)]\r"
        "epochs:   0%|          | 0/78 [00:04<?, ?it/s, loss=10.5, lr=0.25, d_time=3.14(3.14), b_time=4.5(4.27)]\n\r"
        "train:   0%|          | 2/464 [00:04<16:16,  2.11s/it, total_it=929]\x1b[A\n\r"
        "train:   0%|          | 2/464 [00:04<16:16,  2.11s/it, total_it=930]\x1b[A\r"
        "epochs:   0%|          | 0/78 [00:05<?, ?it/s, loss=9.5, lr=0.5, d_time=0.00(1.57), b_time=0.5(2.44)]\n\r"
        "train:   0%|          | 1/464 [00:04<16:16,  2.11s/it, total_it=1393]\x1b[A\r"
        "epochs:   1%|          | 1/78 [08:05<9:12:13, 430.11s/it, loss=8.5, lr=0.75]\n\r"
        "train:   0%|          | 2/464 [00:04<16:16,  2.11s/it, total_it=1393]\x1b[A\r"
        "train:   0%|          | 2/464 [00:04<16:16,  2.11s/it, total_it=1.4e+3]\x1b[A\r"
        "epochs:   1%|          | 1/78 [08:05<9:12:13, 430.11s/it, loss=7.5, lr=0.75]\n\r"
        "train:   0%|          | 3/464 [00:04<16:16,  2.11s/it, total_it=1.4e+3]\x1b[A\r"
        "epochs:   1%|          | 1/78 [08:05<9:12:13, 430.11s/it, loss=6.5, lr=0.75]\n",
        {"step": [929, 930, 1393, 1394, 1395], "total": [37120] * 5, "train/loss": [10.5, 9.5, 8.5, 7.5, 6.5],
         "train/learning_rate": [0.25, 0.5, 0.75, 0.75, 0.75], "perf/step_time": [4.5, 0.5]},
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
        "yolo",  # a classifier
        "      Epoch    GPU_mem       loss  Instances       Size\n"
        "        1/3         0G     0.5          4         32:  50%|##  | 2/4 2.5it/s 0.1s<1.2s\r"
        "        1/3         0G     0.75         4         32: 100%|####| 4/4 22.2it/s 0.2s\n"
        "               classes   top1_acc   top5_acc: 100%|####| 2/2 73.6it/s 0.0s\n"
        "                   all        0.5          1\n",
        {"step": [1], "total": [3], "train/loss": [0.75]},
        {"step": [1], "val/accuracy_top1": [0.5], "val/accuracy_top5": [1]},
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
        "spacy",  # version 2
        "Itn  Tag Loss    NER Loss   NER P   Token %  CPU WPS\n---  ----------  ---------  ------  -------  -------\n"
        "  1     250.500   5000.125  80.250  100.000    12000\n  2     125.250   2500.125  81.500  100.000    12500\n",
        {"step": [1, 2], "Tag Loss": [250.5, 125.25], "NER Loss": [5000.125, 2500.125], "CPU WPS": [12000, 12500]},
    ),
    Case(
        "spacy",
        "E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  SCORE \n---  ------  ------------  --------  ------  ------\n"
        "  0       0          0.00     36.75    0.00    0.00\n 66     200         16.25    933.50   47.00    0.47\n",
        {"step": [0, 200], "LOSS NER": [36.75, 933.5], "train/epoch": [0, 66], "SCORE": [0, 0.47]},
    ),
    Case(
        "stable-baselines3",  # as baselines' deepq has it
        "Logging to /tmp/x\n" + "".join(
            "----------------------------------\n"
            f"| % time spent exploring  | {98 - i}   |\n| episodes                | {100 * i}  |\n"
            f"| mean 100 episode reward | {i}.5 |\n| steps                   | {1250 * i} |\n"
            "----------------------------------\n" for i in (1, 2)
        ),
        {"step": [1250, 2500], "mean 100 episode reward": [1.5, 2.5], "episodes": [100, 200], "% time spent exploring": [97, 96]},
    ),
    Case(
        "stable-baselines3",  # as its trpo_mpi has it
        "-------------------------------\n| EpisodesSoFar  | 9            |\n| EpRewMean      | -12.5        |\n"
        "| TimestepsSoFar | 1024         |\n-------------------------------\n",
        {"step": [1024], "EpRewMean": [-12.5]},
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
        "pytorch-cifar",  # as a file has it, the count behind backspaces; then as it is copied from a terminal
        "\nEpoch: 4\n [>......]  Step: 1s19ms | Tot: 1ms | Loss: 2.500 | Acc: 12.500% (1/8)   " + 9 * "\b" + " 1/2 \r"
        " [===>...]  Step: 19ms | Tot: 20ms | Loss: 2.250 | Acc: 25.000% (4/16)   " + 9 * "\b" + " 2/2 \n"
        " [======>]  Step: 9ms | Tot: 9ms | Loss: 2.125 | Acc: 37.500% (3/8)   " + 9 * "\b" + " 1/1 \n"
        "Saving..\n\nEpoch: 5\n [=== 2/2 ===>]  Step: 19ms | Tot: 1m2s | Loss: 1.250 | Acc: 50.000% (8/16)\n"
        " [=== 1/1 ===>]  Step: 9ms | Tot: 9ms | Loss: 1.125 | Acc: 62.500% (5/8)\n",
        {"step": [4, 5], "train/loss": [2.25, 1.25], "acc": [25, 50]},
        {"val/loss": [2.125, 1.125], "val/acc": [37.5, 62.5]},
    ),
    Case(
        "progress-bar",  # whatever is counted, here batches
        "".join(
            f"train   Epoch   0:  {5 * i}%|##   | {i}/20 [00:00<00:00, 25.00ba/s, loss/train/total={i / 8:.4f}]   \x1b[A\n"
            for i in range(1, 21)
        )
        + "eval    Epoch   0:  50%|##   | 2/4 [00:00<00:00, 300.0ba/s, metrics/eval/CrossEntropy=0.0460]\n",
        {"step": [*range(1, 21)], "train/loss": [i / 8 for i in range(1, 21)], "perf/step_time": [0.04] * 20},
    ),
    Case(
        "progress-bar",  # Ignite
        "\r[1/20]   5%|#    [00:00<?]"
        + "".join(f"\rEpoch [1/4]: [{i}/20]  {5 * i}%|#  , loss={i / 8} [00:00<00:01]" for i in range(1, 21))
        + "\nValidation Results - Epoch: 1  Avg accuracy: 0.97 Avg loss: 0.25\n",
        {"step": [*range(1, 21)], "total": [80] * 20, "train/loss": [i / 8 for i in range(1, 21)]},
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
        "epoch-table",  # skorch
        "  epoch    roc_auc    train_loss    valid_acc    valid_loss    cp     dur\n"
        "-------  ---------  ------------  -----------  ------------  ----  ------\n"
        "      1     \x1b[36m0.7500\x1b[0m        \x1b[32m0.6250\x1b[0m       0.5000        0.7500     +  0.0125\n"
        "      2     0.7500           nan       0.5000        0.5000        0.0250\n",
        {"step": [1, 2], "train/loss": [0.625, NAN], "perf/step_time": [0.0125, 0.025]},
        {"step": [1, 2], "val/loss": [0.75, 0.5], "roc_auc": [0.75, 0.75]},
    ),
    Case(
        "epoch-table",  # fastai
        "epoch     train_loss  valid_loss  accuracy  time    \n"
        "Epoch 1/2 : |##------| 25.00% [5/20 00:00<00:00... 0.5000]\r"
        "0         0.625000    0.750000    0.875000  00:01     \n"
        "1         0.500000    0.250000    1.000000  1:00:01     \n",
        {"step": [0, 1], "train/loss": [0.625, 0.5]},
        {"step": [0, 1], "val/loss": [0.75, 0.25], "accuracy": [0.875, 1]},
    ),
    Case(
        "progress-bar",  # with the loss in its description
        "Epoch 1/3 loss: 2.500, acc: 0.5:  50%|#####     | 1/2 [00:02<00:02,  2.00s/it]\r"
        "Epoch 1/3 loss: 2.250, acc: 0.5: 100%|##########| 2/2 [00:04<00:00,  2.00s/it]\n"
        "Val loss: 9.5: 100%|##########| 7/7 [00:04<00:00,  2.00s/it]\n"
        "Epoch 2/3 loss: 2.000, acc: 0.5:  50%|#####     | 1/2 [00:02<00:02,  2.00s/it]\n",
        {"step": [1, 2, 3], "total": [6, 6, 6], "train/loss": [2.5, 2.25, 2.0], "acc": [0.5, 0.5, 0.5]},
    ),
    Case(
        "progress-bar",  # as torchtune has it
        "1|1|Loss: 1.625:   1%|          | 1/200 [00:02<06:00,  2.00s/it]\r"
        "1|2|Loss: 1.5:   1%|1         | 2/200 [00:04<06:00,  2.00s/it]\n",
        {"step": [1, 2], "total": [200, 200], "train/loss": [1.625, 1.5]},
    ),
    Case(
        "progress-bar",  # as NeMo has it, without a pace; of two losses of training the first counts
        "Epoch 0: :   1%|1         | 1/100 [00:02<?, v_num=0-0, reduced_train_loss=10.50, global_step=0.000, "
        "train_step_timing in s=1.250, train_loss=9.5]\r"
        "Epoch 0: :   2%|2         | 2/100 [00:03<02:30, v_num=0-0, reduced_train_loss=10.25, global_step=1.000, "
        "train_step_timing in s=1.500, train_loss=9.5]\n",
        {"step": [1, 2], "total": [100, 100], "train/loss": [10.5, 10.25], "perf/step_time": [1.25, 1.5]},
    ),
    Case(
        "progress-bar",  # no bar of Lightning: epochs count from 1; what was validated stands below each
        "Epoch 1:  50%|#####     | 1/2 [00:02<00:02,  2.00s/it, loss=2.5]\r"
        "Epoch 1: 100%|##########| 2/2 [00:04<00:00,  2.00s/it, loss=2.25]\nEpoch 1: val_loss 0.75, val_acc 0.5\n"
        "Epoch 2:  50%|#####     | 1/2 [00:02<00:02,  2.00s/it, loss=2.0]\r"
        "Epoch 2: 100%|##########| 2/2 [00:04<00:00,  2.00s/it, loss=1.75]\nBest val loss: 0.75\n"
        "Epoch 2 | train loss: 1.9 | val loss: 0.625 | time: 4s\n"
        "Epoch 3:  50%|#####     | 1/2 [00:02<00:02,  2.00s/it, loss=1.5]\n",
        {"step": [1, 2, 3, 4, 5], "total": [2, 2, 4, 4, 6], "train/loss": [2.5, 2.25, 2.0, 1.75, 1.5]},
        {"step": [2, 4], "val/loss": [0.75, 0.625], "val_acc": [0.5]},
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
    Case(
        "lightning-rich",  # on a terminal so narrow that the value stands below its name
        "".join(
            f"Epoch 0/2  \u2501\u2501\u2578\u2501\u2501 {i}/4 0:00:00 \u2022 22.50it/s train_loss: \n"
            f"                           0:00:01             {i}.5        \n"
            for i in (1, 2, 3)
        ),
        {"step": [1, 2, 3], "train/loss": [1.5, 2.5, 3.5]},
    ),
    Case(
        "lightning-rich",
        "\x1b[2KEpoch 0/2  \u2501\u257a\u2501\u2501 2/32 0:00:00 \u2022 0:00:01 8.00it/s train_loss: 1.500\r"
        "\x1b[2KEpoch 0/2  \u2501\u2501\u2578\u2501 18/32 0:00:00 \u2022        16.0it/s train_loss: 0.750\n"
        "                           0:00:01                         \r"
        "\x1b[2KValidation \u2501\u2501\u2578\u2501 18/32 0:00:00 \u2022 0:00:01 16.0it/s train_loss: 9.750\n"
        "\x1b[2KEpoch 1/2  \u2501\u2501\u2501\u2501 0/32 0:00:00 \u2022 -:--:-- 0.00it/s train_loss: 0.750\n"
        "                                                          val_loss: 0.875\n"
        "\x1b[2KEpoch 1/2  \u2501\u2501\u2501\u2501 32/32 0:00:00 \u2022        16.0it/s train_loss: 0.500\n"
        "                           0:00:00                        val_loss: 0.875\n",
        {"step": [2, 18, 64], "total": [96, 96, 96], "train/loss": [1.5, 0.75, 0.5], "perf/step_time": [0.125, 0.0625, 0.0625]},
        {"step": [32], "val/loss": [0.875]},
    ),
    Case(
        "yolo-results-txt",
        "     0/149     12.5G   0.0625   0.0125         0    0.0750        52       640    0.125     0.25    0.5    0.0625   0.0500    0.025         0\n"
        "     1/149     12.5G    0.050   0.0100         0    0.0600        27       640    0.250     0.50    0.5    0.1250   0.0375    0.010         0\n",
        {"step": [0, 1], "total": [149, 149], "train/box_loss": [0.0625, 0.05], "train/obj_loss": [0.0125, 0.01],
         "train/total_loss": [0.075, 0.06], "val/precision": [0.125, 0.25], "val/mAP50-95": [0.0625, 0.125],
         "val/box_loss": [0.05, 0.0375], "val/cls_loss": [0, 0]},
    ),
    Case(
        "yolo-results-txt",  # with landmarks
        "      3/9     1.25G   0.0625   0.0125     0.025    0.0500    0.1500        52       640    0.125     0.25    0.5    0.0625   0.0500    0.025         0\n",
        {"step": [3], "total": [9], "train/landmark_loss": [0.05], "train/total_loss": [0.15], "val/recall": [0.25]},
    ),
    Case(
        "yolo-results-txt",  # with key points
        "      3/9     1.25G   0.0625   0.0125     0.025    0.0500    0.025     0.1750        52       640    0.125     0.25    0.5    0.0625   0.0500    0.025         0\n",
        {"step": [3], "train/kpt_loss": [0.05], "train/kptv_loss": [0.025], "train/total_loss": [0.175], "val/recall": [0.25]},
    ),
    Case(
        "keras",  # backspaces, as many as the bar is long, as terminals and notebooks get them
        "Epoch 1/2\n\r 1/2 [===>....] - ETA: 4s - loss: 0.6250 - accuracy: 0.7500" + 12 * "\b"
        + "\r2/2 [==========] - ETA: 0s - loss: 0.5000 - accuracy: 0.7500" + 12 * "\b"
        + "\r2/2 [==========] - 13s 1s/step - loss: 0.5000 - accuracy: 0.7500 - val_loss: 0.3750\n"
        "Epoch 2/2\n\r 2/2 [==========] - ETA: 0s - loss: 0.2500 - accuracy: 0.8750" + 12 * "\b"
        + "\r2/2 [==========] - 1s 1s/step - loss: 0.2500 - accuracy: 0.8750" + 12 * "\b" + "\n",
        {"step": [1, 2], "total": [2, 2], "train/loss": [0.5, 0.25], "accuracy": [0.75, 0.875]},
        {"val/loss": [0.375]},
    ),
]  # fmt: skip
