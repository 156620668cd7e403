"""Lines as kin, other versions and forks of known programs print them, and what must come out of them."""

from __future__ import annotations

from .case import NAN, Case

CASES = [
    Case(
        "progress-bar",  # torchtune: a bar an epoch, whose description tells the epoch and the step
        "1|1|Loss: 1.625:  50%|#####     | 1/2 [00:02<00:02,  2.00s/it]\r"
        "1|2|Loss: 1.5: 100%|##########| 2/2 [00:04<00:00,  2.00s/it]\n"
        "2|3|Loss: 1.25:  50%|#####     | 1/2 [00:02<00:02,  2.00s/it]\n",
        {"step": [1, 2, 3], "train/epoch": [1, 1, 2], "train/loss": [1.625, 1.5, 1.25]},
    ),
    Case(
        "progress-bar",  # kohya with scaled weights: names of several words
        "steps:   1%|          | 1/200 [00:02<06:00,  2.00s/it, Average key norm=0.01, Keys Scaled=0, avr_loss=1.5]\r"
        "steps:   1%|1         | 2/200 [00:04<06:00,  2.00s/it, Average key norm=0.02, Keys Scaled=3, avr_loss=1.25]\n"
        "steps:   2%|1         | 3/200 [00:06<06:00,  2.00s/it, Train Loss=1, Val Loss=0.5, G Loss=9]\n",
        {
            "step": [1, 2, 3],
            "train/loss": [1.5, 1.25, 1],
            "Average key norm": [0.01, 0.02],
            "Keys Scaled": [0, 3],
        },
        {"val/loss": [0.5]},
    ),
    Case(
        "progress-bar",  # 3D Gaussian Splatting evaluates below its bar
        "Training progress:   0%|          | 10/3000 [00:00<01:30,  20.00it/s, Loss=0.2500000]\r"
        "Training progress:   1%|          | 20/3000 [00:01<01:30,  20.00it/s, Loss=0.1250000]\n\n"
        "[ITER 20] Evaluating test: L1 0.0625 PSNR 20.5 [02/01 03:04:05]\n\n"
        "[ITER 20] Evaluating train: L1 0.03125 PSNR 30.5 [02/01 03:04:06]\n\n"
        "Training progress:   1%|          | 30/3000 [00:02<01:30,  20.00it/s, Loss=0.0625000]\n"
        "[ITER 30] Evaluating test: L1 0.05 PSNR 21.5 SSIM 0.75 LPIPS 0.25\n",
        {"step": [10, 20, 30], "train/loss": [0.25, 0.125, 0.0625]},
        {"step": [20, 30], "val/PSNR": [20.5, 21.5], "val/SSIM": [0.75], "val/LPIPS": [0.25]},
    ),
    Case(
        "progress-bar",  # the description has bars of its own
        "Training:   1%|          | 1/200 [00:02<06:00,  2.00s/it]\r"
        "Loss: 1.5 | Acc: 0.5 | ETA: 3.4h | GPU: 6.4/8.8GB:   1%|1         | 2/200 [00:04<06:00,  2.00s/it]\n"
        "Loss: 1.25 | Acc: 0.75 | ETA: 3.4h | GPU: 6.4/8.8GB:   1%|1        | 3/200 [00:06<06:00,  2.00s/it]\n",
        {"step": [2, 3], "total": [200, 200], "train/loss": [1.5, 1.25], "Acc": [0.5, 0.75]},
    ),
    Case(
        "progress-bar",  # what is held out stands behind the loss of training
        "Epoch 1/2 | Loss: 1.5 | Val Acc: 0.5 |:  50%|#####     | 1/2 [00:04<06:00,  2.00s/it]\n"
        "val | loss: 9.5 |:  50%|#####     | 1/2 [00:04<06:00,  2.00s/it]\n"
        "Epoch 1/2 | Loss: 1.25 | Val Acc: 0.5 |: 100%|##########| 2/2 [00:04<06:00,  2.00s/it]\n",
        {"step": [1, 2], "total": [4, 4], "train/loss": [1.5, 1.25]},
    ),
    Case(
        "progress-bar",
        "Training:   1%|          | 1/200 [00:02<06:00,  2.00s/it, batch_loss=2.5e+3]\r"
        "Training:   1%|1         | 2/200 [00:04<06:00,  2.00s/it, batch_loss=125]\n",
        {"step": [1, 2], "train/loss": [2500, 125]},
    ),
    Case(
        "hf-trainer",  # scalars of numpy and torch, as they print themselves
        "{'loss': np.float64(1.5), 'grad_norm': tensor(0.5, device='cuda:0'), 'epoch': 0.1}\n"
        "{'loss': np.float64(1.25), 'grad_norm': tensor(0.75, device='cuda:0'), 'epoch': 0.2}\n",
        {"train/loss": [1.5, 1.25], "train/grad_norm": [0.5, 0.75], "train/epoch": [0.1, 0.2]},
    ),
    Case(
        "pix2pix",  # its numbers filled up with spaces
        "================ Training Loss (Wed Jan  2 03:04:05 2030) ================\n"
        "(epoch: 1 , iters: 100 , time: 0.125) D_A: 1.250 G_A: 2.500 Cyc_A: 6.125 \n"
        "(epoch: 1 , iters: 200 , time: 0.250) D_A: 1.125 G_A: 2.250 Cyc_A: 5.125 \n",
        {"step": [100, 200], "D_A": [1.25, 1.125], "Cyc_A": [6.125, 5.125]},
    ),
    Case(
        "progress-bar",  # segmentation_models.pytorch
        "".join(
            f"train:  {10 * i}%|#         | {i}/10 [00:0{i}<00:05,  1.00it/s, dice_loss - 0.{i}25, iou - 0.5]\r"
            for i in range(1, 6)
        ),
        {"step": [1, 2, 3, 4, 5], "train/loss": [0.125, 0.225, 0.325, 0.425, 0.525], "iou": [0.5] * 5},
    ),
    Case(
        "progress-bar",  # capitals
        "".join(
            f"Training : LOSS = 0.{i}25: {10 * i}%|#         | {i}/10 [00:0{i}<00:05,  1.00it/s]\r"
            for i in range(1, 6)
        ),
        {"step": [1, 2, 3, 4, 5], "train/loss": [0.125, 0.225, 0.325, 0.425, 0.525]},
    ),
    Case(
        "pix2pix",  # without brackets, and without a space before the names
        "epoch: 1, iters: 8, time: 2.750 L_GAN: 0.500 G_Lp: 0.125 D_real: 0.250 D_fake: 22.250  \n"
        "epoch: 1, iters: 16, time: 2.500G_GAN: -0.500G_Lp: 0.125D_real: -0.250D_fake: 22.125 \n",
        {"step": [8, 16], "D_real": [0.25, -0.25], "D_fake": [22.25, 22.125]},
    ),
    Case(
        "swav",  # SupContrast: times of the batch and of its data
        "Train: [1][10/90]\tBT 0.500 (0.625)\tDT 0.125 (0.250)\tloss 6.500 (6.750)\tAcc@1 10.5 (9.5)\n"
        "Train: [2][10/90]\tBT 0.250 (0.625)\tDT 0.125 (0.250)\tloss 6.250 (6.750)\tAcc@1 11.5 (9.5)\n",
        {
            "step": [10, 100],
            "train/loss": [6.5, 6.25],
            "perf/step_time": [0.5, 0.25],
            "data_time": [0.125, 0.125],
            "Acc@1": [10.5, 11.5],
        },
    ),
    Case(
        "keras",  # Keras 3 in a file from which the escape characters were lost
        "[1mEpoch 1/2[0m\n"
        "[1m1/2[0m [32m━━━━━━━━━━[0m[37m━━━━━━━━━━[0m [1m1s[0m 80ms/step - accuracy: 0.2500 - loss: 9.5\r"
        "[1m2/2[0m [32m━━━━━━━━━━━━━━━━━━━━[0m[37m[0m [1m0s[0m 80ms/step - accuracy: 0.5000 - loss: 1.5\n"
        "[1mEpoch 2/2[0m\n"
        "[1m2/2[0m [32m━━━━━━━━━━━━━━━━━━━━[0m[37m[0m [1m0s[0m 80ms/step - accuracy: 0.7500 - loss: 1.25\n",
        {"step": [1, 2], "total": [2, 2], "train/loss": [1.5, 1.25], "accuracy": [0.5, 0.75]},
    ),
    Case(
        "keras",  # Keras 3 on Windows, where its bars become equals signs
        "Epoch 1/2\n  1/100 ==================== 7:57 5s/step - accuracy: 0.0625 - loss: 1.75\n"
        "100/100 ==================== 10s 48ms/step - accuracy: 0.5000 - loss: 1.5 - val_loss: 1.75\n"
        "Epoch 2/2\n  1/100 ==================== 6s 68ms/step - accuracy: 0.5000 - loss: 1.5\n"
        "100/100 ==================== 4s 44ms/step - accuracy: 0.7500 - loss: 1.25 - val_loss: 1.5\n",
        {"step": [1, 2], "total": [2, 2], "train/loss": [1.5, 1.25]},
        {"val/loss": [1.75, 1.5]},
    ),
    Case(
        "keras",  # each picture on a line of its own: the last tells the validation, and other means
        "Epoch 1/2\n1/2 [=====>.....] - ETA: 0s - accuracy: 0.1250 - loss: 9.5\n"
        "2/2 [===========] - ETA: 0s - accuracy: 0.2500 - loss: 2.5\n"
        "2/2 [===========] - 1s 80ms/step - accuracy: 0.5000 - loss: 1.5 - val_accuracy: 0.25 - val_loss: 1.75 - lr: 0.001\n"
        "Epoch 2/2\n2/2 [===========] - ETA: 0s - accuracy: 0.5000 - loss: 1.5\n"
        "2/2 [===========] - 1s 80ms/step - accuracy: 0.7500 - loss: 1.25 - val_accuracy: 0.5 - val_loss: 1.5 - lr: 0.001\n"
        "2/2 [===========] - 0s 3ms/step - accuracy: 0.5 - loss: 1.75\n",
        {"step": [1, 2], "train/loss": [1.5, 1.25], "train/learning_rate": [0.001, 0.001]},
        {"val/loss": [1.75, 1.5], "evaluate/loss": [1.75]},
    ),
    Case(
        "keras",  # the carriage returns between the pictures were lost
        "Epoch 1/2\n 1/10 [==>........] - ETA: 9s - loss: 9.5000 9/10 [========>..] - ETA: 1s - loss: 2.5000"
        "10/10 [===========] - 1s 80ms/step - loss: 1.5000 - val_loss: 1.7500\n"
        "Epoch 2/2\n 1/10 [==>........] - ETA: 9s - loss: 8.500010/10 [===========] - 1s 80ms/step - loss: 1.2500"
        " - val_loss: 1.5000\n",
        {"step": [1, 2], "train/loss": [1.5, 1.25]},
        {"val/loss": [1.75, 1.5]},
    ),
    Case(
        "keras",  # losses of a model with a train_step of its own
        "Epoch 1/2\n9/9 [===========] - 1s 80ms/step - d_loss: 0.5 - g_loss: 2.5\n"
        "Epoch 2/2\n9/9 [===========] - 1s 80ms/step - d_loss: 0.25 - g_loss: 1.5\n",
        {"step": [1, 2], "d_loss": [0.5, 0.25], "g_loss": [2.5, 1.5]},
    ),
    Case(
        "openmmlab",  # the workflow validates too: a loss of its own
        "2030-01-02 03:04:05,678 - mmdet - INFO - Epoch [1][50/271]\tlr: 4.875e-04, eta: 2:21:04, time: 0.750, "
        "acc: 75.5, loss_cls: 0.25, loss: 0.6875\n"
        "2030-01-02 03:04:06,678 - mmdet - INFO - Epoch(val) [1][20]\tacc: 50.5, loss_cls: 0.5, loss: 0.75, bbox_mAP: 0.125\n",
        {"step": [50], "train/loss": [0.6875], "acc": [75.5]},
        {"val/loss": [0.75], "val/loss_cls": [0.5], "val/acc": [50.5], "val/bbox_mAP": [0.125]},
    ),
    Case(
        "caffe",
        "I0102 03:04:05.678901  5405 solver.cpp:330] Iteration 0, Testing net (#0)\n"
        "I0102 03:04:05.678901  5405 solver.cpp:397]     Test net output #0: accuracy = 0.125\n"
        "I0102 03:04:05.678901  5405 solver.cpp:397]     Test net output #1: loss = 2.5 (* 1 = 2.5 loss)\n"
        "I0102 03:04:05.678901  5405 solver.cpp:218] Iteration 0 (-nan iter/s, 0s/10 iters), loss = 2.25\n"
        "I0102 03:04:06.678901  5405 solver.cpp:330] Iteration 10, Testing net (#0)\n"
        "I0102 03:04:06.678901  5405 solver.cpp:397]     Test net output #0: accuracy = 0.25\n"
        "I0102 03:04:06.678901  5405 solver.cpp:397]     Test net output #1: loss = 1.5 (* 1 = 1.5 loss)\n"
        "I0102 03:04:06.678901  5405 solver.cpp:218] Iteration 10 (5 iter/s, 2s/10 iters), loss = 1.25\n",
        {"step": [0, 10], "train/loss": [2.25, 1.25]},
        {"val/accuracy": [0.125, 0.25], "val/loss": [2.5, 1.5]},
    ),
    Case(
        "swav",  # the number of batches is not told
        "INFO - 01/02/30 03:04:05 - 0:00:10 - Epoch: [0][50]\tTime 0.5 (0.6)\tData 0.1 (0.1)\tLoss 7.5000 (7.6250)\tLr: 0.3000\n"
        "INFO - 01/02/30 03:04:06 - 0:00:11 - Epoch: [0][100]\tTime 0.5 (0.6)\tData 0.1 (0.1)\tLoss 7.2500 (7.5000)\tLr: 0.3000\n",
        {
            "step": [50, 100],
            "train/epoch": [0, 0],
            "train/loss": [7.5, 7.25],
            "perf/step_time": [0.5, 0.5],
            "train/learning_rate": [0.3, 0.3],
        },
    ),
    Case(
        "stable-baselines3",  # Spinning Up
        "---------------------------------------\n|             Epoch |               0 |\n|      AverageEpRet |            20.5 |\n"
        "| TotalEnvInteracts |           4e+03 |\n|             LossV |           152.5 |\n---------------------------------------\n"
        "---------------------------------------\n|             Epoch |               1 |\n|      AverageEpRet |            22.5 |\n"
        "| TotalEnvInteracts |           8e+03 |\n|             LossV |           140.5 |\n---------------------------------------\n",
        {"step": [4000, 8000], "AverageEpRet": [20.5, 22.5], "LossV": [152.5, 140.5], "train/epoch": [0, 1]},
    ),
    Case(
        "stable-baselines3",  # a box of each of two processes under mpirun
        "[1,0]<stdout>:------------------------\n[1,1]<stdout>:------------------------\n"
        "[1,0]<stdout>:| EpRewMean      | 20.5 |\n[1,1]<stdout>:| EpRewMean      | 10.5 |\n"
        "[1,0]<stdout>:| TimestepsSoFar | 2048 |\n[1,1]<stdout>:| TimestepsSoFar | 2048 |\n"
        "[1,0]<stdout>:------------------------\n[1,1]<stdout>:------------------------\n",
        {"step": [2048, 2048], "EpRewMean": [20.5, 10.5], "rank": [0, 1]},
    ),
    Case(
        "darknet",
        "Region 82 Avg IOU: 0.25, Class: 0.5, Obj: 0.5, No Obj: 0.5, .5R: 0.25, .75R: 0.0,  count: 4\n"
        "1: 725.500000, 730.250000 avg, 0.000000 rate, 5.5 seconds, 64 images\n"
        "Loaded: 0.000031 seconds\n"
        " 2: 700.500000, 727.250000 avg loss, 0.001000 rate, 5.25 seconds, 128 images, 1.5 hours left\n"
        " mean average precision (mAP@0.50) = 0.625, or 62.50 % \n",
        {
            "step": [1, 2],
            "train/loss": [725.5, 700.5],
            "avg loss": [730.25, 727.25],
            "train/learning_rate": [0, 0.001],
            "perf/step_time": [5.5, 5.25],
        },
        {"val/mAP50": [0.625]},
    ),
    Case(
        "darknet",  # a classifier
        "10, 0.125: 2.500000, 2.750000 avg, 0.100000 rate, 0.5 seconds, 1280 images\n"
        "11, 0.137: nan, nan avg, 0.100000 rate, 0.5 seconds, 1408 images\n",
        {"step": [10, 11], "train/loss": [2.5, NAN]},
    ),
    Case(
        "basicsr",
        "2030-01-02 03:04:05,678 INFO: [train..][epoch:  0, iter:     900, lr:(2.000e-04,)] [eta: 1 day, 3:04:05, "
        "time (data): 0.500 (0.002)] l_pix: 6.2500e-02 l_percep: 1.2500e+00 \n"
        "2030-01-02 03:04:06,678 INFO: Validation Set5\n\t # psnr: 30.5000\tBest: 30.5000 @ 900 iter\n"
        "2030-01-02 03:04:07,678 INFO: [train..][epoch:  1, iter:   1,000, lr:(1.000e-04,1.000e-04,)] [eta: 3:04:05, "
        "time (data): 0.250 (0.002)] l_pix: 3.1250e-02 l_percep: 1.0000e+00 \n",
        {
            "step": [900, 1000],
            "l_pix": [0.0625, 0.03125],
            "train/learning_rate": [2e-4, 1e-4],
            "perf/step_time": [0.5, 0.25],
        },
        {"val/psnr": [30.5]},
    ),
    Case(
        "detectron2",  # before there is a time to reckon with
        "[01/02 03:04:05 d2.utils.events]: eta: N/A  iter: 0  total_loss: 2.5  loss_cls: 1.5  time: N/A  data_time: N/A  lr: 0.0005\n"
        "[01/02 03:04:06 d2.utils.events]: eta: 0:10:00  iter: 20  total_loss: 1.5  loss_cls: 1.25  time: 0.5  data_time: 0.25  lr: 0.0005\n",
        {
            "step": [0, 20],
            "train/loss": [2.5, 1.5],
            "train/learning_rate": [5e-4, 5e-4],
            "perf/step_time": [0.5],
        },
    ),
    Case(
        "torchvision",  # what COCO's API prints of boxes and of masks
        "Epoch: [0]  [10/40]  eta: 0:00:10  lr: 0.1  loss: 2.5 (2.5)  time: 0.5  data: 0.1  max mem: 900\n"
        "IoU metric: bbox\n"
        " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.250\n"
        " Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.750\n"
        "IoU metric: segm\n"
        " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.125\n"
        " Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.750\n",
        {"step": [10], "train/loss": [2.5]},
        {"val/bbox/mAP50-95": [0.25], "val/segm/mAP50-95": [0.125]},
    ),
    Case(
        "yolox",
        "INFO | yolox.core.trainer:after_iter:250 - epoch: 2/90, iter: 10/45, iter_time: 0.125s, total_loss: 2.5\n"
        " Average Precision  (AP) @[ IoU=0.50:0.95 | area=   all | maxDets=100 ] = 0.375\n"
        " Average Precision  (AP) @[ IoU=0.50      | area=   all | maxDets=100 ] = 0.750\n",
        {"step": [55], "train/loss": [2.5]},
        {"val/mAP50-95": [0.375]},
    ),
    Case(
        "detectron2",  # scores of a task without a table, and of one that has it
        "[01/02 03:04:05 d2.utils.events]:  eta: 0:07:20  iter: 39  total_loss: 2.125  lr: 0.00125\n"
        "[01/02 03:05:05 d2.evaluation.coco_evaluation]: Evaluation results for bbox: \n"
        "|   AP   |  AP50  |\n"
        "|:------:|:------:|\n"
        "| 12.500 | 25.250 |\n"
        "[01/02 03:05:05 d2.evaluation.testing]: copypaste: Task: bbox\n"
        "[01/02 03:05:05 d2.evaluation.testing]: copypaste: AP,AP50\n"
        "[01/02 03:05:05 d2.evaluation.testing]: copypaste: 12.5000,25.2500\n"
        "[01/02 03:05:05 d2.evaluation.testing]: copypaste: Task: sem_seg\n"
        "[01/02 03:05:05 d2.evaluation.testing]: copypaste: mIoU,fwIoU\n"
        "[01/02 03:05:05 d2.evaluation.testing]: copypaste: 45.5000,60.2500\n",
        {"step": [39], "train/loss": [2.125]},
        {"val/bbox/AP": [12.5], "val/sem_seg/mIoU": [45.5], "val/sem_seg/fwIoU": [60.25]},
    ),
    Case(
        "torchvision",  # LAVIS
        "Train: data epoch: [0]  [  0/500]  eta: 0:10:00  lr: 0.001  loss: 2.5  time: 1.25  data: 0.5  max mem: 1200\n"
        "Train: data epoch: [0] Total time: 0:05:12 (0.6240 s / it)\n"
        "Train: data epoch: [1]  [ 50/500]  eta: 0:10:00  lr: 0.001  loss: 1.5  time: 1.25  data: 0.5  max mem: 1200\n",
        {"step": [0, 550], "train/loss": [2.5, 1.5], "train/epoch": [0, 1]},
    ),
    Case(
        "torchvision",  # DINOv2
        "I20300102 03:04:05 1234 dinov2 helpers.py:102] Training  [  40/125000]  eta: 1 day, 0:10:00  lr: 0.001 (0.001)  "
        "wd: 0.04 (0.04)  total_loss: 10.5 (10.75)  ibot_loss: 2.5 (2.75)  time: 0.5  data: 0.25  max mem: 1200\n",
        {"step": [40], "total": [125000], "train/loss": [10.5], "ibot_loss": [2.5], "perf/step_time": [0.5]},
    ),
]
