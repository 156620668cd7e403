"""Progress bars that carry the metrics: Lightning, kohya, own tqdm loops; Keras.

And those that say which epoch is trained, and no loss.
"""

from runwatch.parsers.api import Format, Sample
from runwatch.parsers.progress.keras import KerasReader
from runwatch.parsers.progress.lightning import RichReader
from runwatch.parsers.progress.tqdm import LosslessReader, TqdmReader

TQDM = Format(
    name="progress-bar",
    title="PyTorch Lightning, kohya and other tqdm bars with metrics",
    example="Epoch 0:  25%|##5       | 5/20 [00:10<00:30,  2.00s/it, loss=2.125, v_num=7]",
    readers=(TqdmReader,),
    weak=True,
)

RICH = Format(
    name="lightning-rich",
    title="PyTorch Lightning's rich progress bar",
    example="Epoch 0/2  \u2501\u2501\u2578\u2501 9/32 0:00:01 \u2022 0:00:01 22.5it/s train_loss: 0.5",
    readers=(RichReader,),
    weak=True,
    distinct=True,
)

KERAS = Format(
    name="keras",
    title="Keras",
    example="900/900 [==============================] - 9s 10ms/step - loss: 0.6250 - val_loss: 0.7500",
    readers=(KerasReader,),
)

EPOCH = Format(
    name="epoch-bar",
    title="tqdm's bar of an epoch without a loss, as PyTorch Lightning and scripts draw it",
    example="Epoch 3/40:  25%|##5       | 5/20 [00:10<00:30,  2.00s/it]",
    readers=(LosslessReader,),
    weak=True,
    samples=(
        Sample(
            "".join(
                f"\rEpoch {epoch}:  {20 * n}%|##   | {n}/5 [00:0{n}<00:0{5 - n},  1.00it/s, v_num=7{score}]"
                for epoch, score in enumerate(("", ", val_acc=0.250", ", val_acc=0.500"))
                for n in range(1, 6)
            )
            + "\n",
            {"step": list(range(1, 16)), "total": [5] * 5 + [10] * 5 + [15] * 5},
            {"step": [6, 11], "val/acc": [0.25, 0.5]},
        ),
        Sample(
            "".join(
                f"\rEpoch {epoch}/3:  {20 * n}%|##   | {n}/5 [00:0{n}<00:0{5 - n},  1.00it/s]"
                for epoch in range(1, 4)
                for n in range(1, 6)
            )
            + "\n",
            {"step": list(range(1, 16)), "total": [15] * 15},
        ),
    ),
)
