"""Gradient boosting, an own line a round. argv: directory, which library."""

import sys

import numpy as np
from truth import Truth

top, which = sys.argv[1:3]
ROUNDS = 60
truth = Truth(ROUNDS)
rng = np.random.default_rng(0)
x = rng.normal(size=(400, 6))
y = x.sum(1) + rng.normal(size=400)


class Noted:
    """Notes the round before, whose line was printed, however a library calls its callbacks."""

    def __call__(self, env):
        """LightGBM's, behind its line."""
        truth.loss(f"{env.evaluation_result_list[0][2]:g}")
        truth.reach(env.iteration + 1)

    def after_iteration(self, info):
        """CatBoost's, before its line."""
        if info.iteration > 1:
            truth.reach(info.iteration - 1)
        return True


if which == "xgboost":
    import xgboost

    class Rounds(xgboost.callback.TrainingCallback):
        """Notes a round before the next one."""

        def before_iteration(self, model, epoch, evals_log):
            """Note the round before and the loss as it was printed."""
            if epoch:
                truth.loss(f"{evals_log['train']['rmse'][-1]:.5f}")
                truth.reach(epoch)
            return False

    train, held = xgboost.DMatrix(x[:300], y[:300]), xgboost.DMatrix(x[300:], y[300:])
    settings = {"max_depth": 2, "nthread": 1, "eval_metric": "rmse"}
    sets = [(train, "train"), (held, "eval")]
    xgboost.train(settings, train, ROUNDS, evals=sets, callbacks=[Rounds()])
elif which == "lightgbm":
    import lightgbm

    train = lightgbm.Dataset(x[:300], y[:300])
    held = lightgbm.Dataset(x[300:], y[300:], reference=train)
    settings = {"num_leaves": 4, "num_threads": 1, "metric": "l2"}
    calls = [lightgbm.log_evaluation(1), Noted()]
    named = {"valid_sets": [train, held], "valid_names": ["training", "valid_1"]}
    lightgbm.train(settings, train, ROUNDS, **named, callbacks=calls)
elif which == "catboost":
    import catboost

    model = catboost.CatBoostRegressor(iterations=ROUNDS, depth=2, thread_count=1, verbose=1, train_dir=top)
    model.fit(x[:300], y[:300], eval_set=(x[300:], y[300:]), callbacks=[Noted()])
else:
    from sklearn.ensemble import GradientBoostingRegressor

    def monitor(rounds, model, names):
        """Note the round, whose line was printed."""
        truth.loss(f"{model.train_score_[rounds]:.4f}")
        truth.reach(rounds + 1)

    GradientBoostingRegressor(n_estimators=ROUNDS, max_depth=2, verbose=2).fit(x, y, monitor=monitor)
