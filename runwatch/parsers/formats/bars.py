"""Progress bars that carry the metrics: PyTorch Lightning, kohya, own tqdm loops; OpenPCDet; Keras."""

from runwatch.parsers.formats import Format
from runwatch.parsers.keras import KerasReader
from runwatch.parsers.pcdetbars import PcdetReader
from runwatch.parsers.richbars import RichReader
from runwatch.parsers.tqdmbars import TqdmReader

TQDM = Format(
    name="progress-bar",
    title="PyTorch Lightning, kohya and other tqdm bars with metrics",
    example="Epoch 0:  25%|##5       | 5/20 [00:10<00:30,  2.00s/it, loss=2.125, v_num=7]",
    matchers=(),
    readers=(TqdmReader,),
    weak=True,
)

PCDET = Format(
    name="openpcdet-bars",
    title="OpenPCDet up to 0.5 (two bars)",
    example="epochs:   2%|2         | 2/90 [00:05<00:30,  2.50s/it, loss=2.125, lr=0.00125]",
    matchers=(),
    readers=(PcdetReader,),
)

RICH = Format(
    name="lightning-rich",
    title="PyTorch Lightning's rich progress bar",
    example="Epoch 0/2  \u2501\u2501\u2578\u2501 9/32 0:00:01 \u2022 0:00:01 22.5it/s train_loss: 0.5",
    matchers=(),
    readers=(RichReader,),
    weak=True,
)

KERAS = Format(
    name="keras",
    title="Keras",
    example="900/900 [==============================] - 9s 10ms/step - loss: 0.6250 - val_loss: 0.7500",
    matchers=(),
    readers=(KerasReader,),
)
