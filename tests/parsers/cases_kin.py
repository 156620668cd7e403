"""Lines as kin, other versions and forks of known programs print them, and what must come out of them."""

from __future__ import annotations

from .case import Case

CASES = [
    Case(
        "progress-bar",  # torchtune: a bar an epoch, whose description tells the epoch and the step
        "1|1|Loss: 1.625:  50%|#####     | 1/2 [00:02<00:02,  2.00s/it]\r"
        "1|2|Loss: 1.5: 100%|##########| 2/2 [00:04<00:00,  2.00s/it]\n"
        "2|3|Loss: 1.25:  50%|#####     | 1/2 [00:02<00:02,  2.00s/it]\n",
        {"step": [1, 2, 3], "train/epoch": [1, 1, 2], "train/loss": [1.625, 1.5, 1.25]},
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
]
