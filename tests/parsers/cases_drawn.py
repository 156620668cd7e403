"""Lines of bars, boxes, tables and blocks: what a reader puts together."""

from __future__ import annotations

from .case import NAN, Case

CASES = [
    Case(
        "keras",
        "Epoch 1/3\n7/6 - 3s - loss: 1.4740 - acc: 0.3053 - val_loss: 1.3883 - val_acc: 0.3333\n"
        "Epoch 2/3\n7/6 - 1s - loss: 1.4262 - acc: 0.2211 - val_loss: 1.3878 - val_acc: 0.2222\n",
        {"step": [1, 2], "train/loss": [1.474, 1.4262]},
        {"val/loss": [1.3883, 1.3878]},
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
        "yolo",
        "     Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n"
        "       1/90      2.5G      1.125      2.25      1.375         12        640:  50%|##  | 5/10 [00:01<00:01,  5.00it/s]\r"
        "       1/90      2.5G      1.0      2.125      1.25         4        640: 100%|####| 10/10 [00:02<00:00,  5.00it/s]\n"
        "                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95): 100%|##| 2/2 [00:01<00:00]\n"
        "                   all        107        938      0.5      0.25      0.375     0.125\n"
        "       2/90      2.5G      0.5      2.0      1.125         4        640: 100%|####| 10/10 [00:02<00:00,  5.00it/s]\n"
        "                   all        107        938      0.75      0.25      0.375     0.25\n"
        "       3/90      2.5G      0.5      2.0      1.125         4        640:  50%|##  | 5/10 [00:01<00:01,  5.00it/s]\n",
        {"step": [1, 2], "total": [90, 90], "train/box_loss": [1, 0.5], "train/dfl_loss": [1.25, 1.125]},
        {"step": [1, 2], "val/precision": [0.5, 0.75], "val/mAP50-95": [0.125, 0.25]},
    ),
    Case(
        "yolo",
        "     Epoch   gpu_mem       box       obj       cls     total    labels  img_size\n"
        "       0/5     2.62G   0.125   0.25   0.5    0.875         5       640: 100% 36/36 [18:42<00:00,  3.29it/s]\n",
        {"step": [0], "total": [5], "train/box_loss": [0.125], "train/loss": [0.875]},
    ),
    Case(
        "yolo",  # a log of stdout: rows, which stderr got, come behind it
        "      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n"
        "                   all        107        938      0.5      0.25      0.375     0.125\n"
        "      Epoch    GPU_mem   box_loss   cls_loss   dfl_loss  Instances       Size\n"
        "                   all        107        938      0.75      0.25      0.375     0.25\n"
        "2 epochs completed in 0.125 hours.\n"
        "      1/2      2.5G      1.125      2.25      1.375         12        640: 100%|####| 10/10 [00:02<00:00,  5.00it/s]\n"
        "      2/2      2.5G      1.0      2.125      1.25         4        640: 100%|####| 10/10 [00:02<00:00,  5.00it/s]\n",
        {"step": [1, 2], "total": [2, 2], "train/box_loss": [1.125, 1]},
        {"step": [1, 2], "val/precision": [0.5, 0.75], "val/mAP50-95": [0.125, 0.25]},
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
        "spacy",  # version 2
        "Itn  Tag Loss    NER Loss   NER P   Token %  CPU WPS\n---  ----------  ---------  ------  -------  -------\n"
        "  1     250.500   5000.125  80.250  100.000    12000\n  2     125.250   2500.125  81.500  100.000    12500\n",
        {"step": [1, 2], "Tag Loss": [250.5, 125.25], "NER Loss": [5000.125, 2500.125], "CPU WPS": [12000, 12500]},
    ),
    Case(
        "spacy",
        "E    #       LOSS TOK2VEC  LOSS NER  ENTS_F  SCORE \n---  ------  ------------  --------  ------  ------\n"
        "  0       0          0.00     36.75    0.00    0.00\n 66     200         16.25    933.50   47.00    0.47\n",
        {"step": [0, 200], "LOSS NER": [36.75, 933.5], "train/epoch": [0, 66], "val/SCORE": [0, 0.47]},
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
        {"step": [2, 4], "val/loss": [0.75, 0.625], "val/acc": [0.5]},
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
        "lightning-rich",  # where its output is no terminal: the last frame alone, behind its end
        "`Trainer.fit` stopped: `max_epochs=3` reached.\n"
        "Epoch 2/2  \u2501\u2501\u2501\u2501 32/32 0:00:05 \u2022 0:00:00 16.0it/s train_loss: 0.500\n"
        "                                                val_loss: 0.875  \n"
        "                                                train_acc: 0.750 \n",
        {"step": [96], "total": [96], "train/loss": [0.5], "train_acc": [0.75]},
        {"step": [96], "val/loss": [0.875]},
    ),
    Case(
        "yolo-results-txt",
        "     0/149     12.5G   0.0625   0.0125         0    0.0750        52       640    0.125     0.25    0.5    0.0625   0.0500    0.025         0\n"
        "     1/149     12.5G    0.050   0.0100         0    0.0600        27       640    0.250     0.50    0.5    0.1250   0.0375    0.010         0\n",
        {"step": [0, 1], "total": [149, 149], "train/box_loss": [0.0625, 0.05], "train/obj_loss": [0.0125, 0.01],
         "train/loss": [0.075, 0.06], "val/precision": [0.125, 0.25], "val/mAP50-95": [0.0625, 0.125],
         "val/box_loss": [0.05, 0.0375], "val/cls_loss": [0, 0]},
    ),
    Case(
        "yolo-results-txt",  # with landmarks
        "      3/9     1.25G   0.0625   0.0125     0.025    0.0500    0.1500        52       640    0.125     0.25    0.5    0.0625   0.0500    0.025         0\n",
        {"step": [3], "total": [9], "train/landmark_loss": [0.05], "train/loss": [0.15], "val/recall": [0.25]},
    ),
    Case(
        "yolo-results-txt",  # with key points
        "      3/9     1.25G   0.0625   0.0125     0.025    0.0500    0.025     0.1750        52       640    0.125     0.25    0.5    0.0625   0.0500    0.025         0\n",
        {"step": [3], "train/kpt_loss": [0.05], "train/kptv_loss": [0.025], "train/loss": [0.175], "val/recall": [0.25]},
    ),
    Case(
        "yolo-results-txt",  # with three losses of a fork
        "     0/299    0.182G   0.0625   0.0125    0.0500    0.0250    0.0125    0.0375     0.2000         5       608         0         0         0         0         0         0         0\n",
        {"step": [0], "total": [299], "train/box_loss": [0.0625], "train/6_loss": [0.0375], "train/loss": [0.2]},
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
