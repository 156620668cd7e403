"""scikit-learn's MLPs: `Iteration 40, loss = 0.06250000`, as Caffe prints it behind a stamp."""

from runwatch.parsers.api import Format
from runwatch.parsers.body.matchers import evaluation, training

FORMAT = Format(
    name="sklearn-mlp",
    title="scikit-learn's MLPs (verbose=True)",
    example="Iteration 40, loss = 0.06250000",
    matchers=(
        training(  # never behind a logger's stamp, as Caffe's are, and always to eight digits
            rb"Iteration {step}, loss = (?P<loss>\d+\.\d{8}|nan|inf)\s*$"
        ),
        evaluation(rb"Validation score: {score}\s*$", "score", aliases={"score": "val/score"}),
    ),
    markers=(
        (b"Validation score did not improve more than tol=", "early_stop"),
        (b"Training loss did not improve more than tol=", "early_stop"),
    ),
    alone=True,
)
