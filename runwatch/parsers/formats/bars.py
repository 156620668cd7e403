"""Progress bars that carry the metrics: PyTorch Lightning, kohya, own tqdm loops; Keras."""

from runwatch.parsers.bars import KerasReader, TqdmReader
from runwatch.parsers.formats import Format

TQDM = Format(
    name="progress-bar",
    title="PyTorch Lightning, kohya and other tqdm bars with metrics",
    example="Epoch 0:  11%|#         | 2/18 [00:11<01:33,  5.82s/it, loss=10.224, v_num=193315]",
    matchers=(),
    readers=(TqdmReader,),
    weak=True,
)

KERAS = Format(
    name="keras",
    title="Keras",
    example="1875/1875 [==============================] - 30s 16ms/step - loss: 0.4137 - val_loss: 0.4354",
    matchers=(),
    readers=(KerasReader,),
)
