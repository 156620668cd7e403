"""What a log says in words becomes events."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.events.milestones import MILESTONES
from runwatch.parsers.events.signatures import Signatures
from runwatch.parsers.events.triggers import TRIGGER
from runwatch.parsers.events.trouble import TROUBLE

from .logs import parse


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 16.00 GiB.", "oom"),
        (b"[rank7]:[E521] Process group watchdog thread terminated with exception", "nccl"),
        (
            b"slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2026-04-07T08:18:54 DUE TO TIME LIMIT ***",
            "scheduler",
        ),
        (b"Killed", "killed"),
        (b"Segmentation fault (core dumped)", "segfault"),
        (b"free(): invalid pointer", "error"),
        (b"12:00:01 -run-ERROR-main:unsupported operand type(s) for /: 'str' and 'int'", "error"),
        (b"[12:00:01][CRITICAL] 'NoneType' object has no attribute 'shape'", "error"),
        (b"Error reading file a.parquet: nested data", "error"),
        (b"12:00 NaN detected in the loss of step 3, aborting.", "error"),
        (b"nan loss - terminating", "error"),
        (b"The loss has diverged; stopping training", "error"),
        (b"ERROR training was aborted: see above", "error"),
        (b"An error occurred during training: bad batch", "error"),
        (b"Abort trap: 6", "segfault"),
        (b"Error while loading dataset: it is empty", "error"),
        (b"Batch 300: Invalid loss, terminating training", "error"),
        (b"WARNING: CUDA out of memory on batch 312, skipping it", "skip"),
        (b"| WARNING | fairseq.trainer | attempting to recover from OOM in forward/backward pass", "skip"),
        (b"CUDA out of memory. Tried to allocate 2 GiB. See documentation for details", "oom"),
        (b"slurmstepd: error: execve(): python: No such file or directory", "traceback"),
        (b"[rank3]: KeyboardInterrupt", "signal"),
        (b"call.py:54: UserWarning: Detected KeyboardInterrupt, attempting graceful shutdown...", "signal"),
        (b"[CUDA ERROR] at file train_gpt2.cu:1024: misaligned address", "cuda_error"),
        (b"[Sun Feb 23 16:24:30 2025] NVRM: Xid (PCI:0000:9b:00): 119, pid=2024380", "xid"),
        (b"OSError: [Errno 28] No space left on device", "error"),
        (
            b"2026-01-01 - nanochat.checkpoint_manager - INFO - Saved model file to: /x/model_021400.pt",
            "checkpoint",
        ),
        (b"Finished training, saving model...", "finished"),
        (b"Resuming from checkpoint at step 500", "resume"),
        (b"  Continuing training from global step 500", "resume"),
        (b" loading checkpoint from /ckpt at iteration 500", "load"),
        (b"Restoring states from the checkpoint path at /x/last.ckpt", "resume"),
        (b"RuntimeError: DataLoader worker (pid 4242) is killed by signal: Killed.", "worker"),
        (b"RuntimeError: DataLoader worker (pid(s) 4242) exited unexpectedly", "worker"),
        (b"ERROR: Unexpected bus error encountered in worker.", "worker"),
        (
            b"slurmstepd: error: *** STEP 1.0 ON n1 CANCELLED AT 2030-01-02T03:04:05 DUE TO PREEMPTION ***",
            "scheduler",
        ),
        (b"slurmstepd: error: *** JOB 1 ON n1 CANCELLED AT 2030-01-02T03:04:05 ***", "scheduler"),
        (b"slurmstepd-c17: error: *** JOB 1 ON c17 CANCELLED AT 2030-01-02T03:04:05 ***", "scheduler"),
        (
            b"slurmstepd-gpu-box: error: *** JOB 1 ON gpu-box CANCELLED AT 2030-01-02T03:04:05 ***",
            "scheduler",
        ),
        (b"=>> PBS: job killed: walltime 3600 exceeded limit 3600", "scheduler"),
        (
            b"slurmstepd: error: Detected 1 oom_kill event in StepId=1.0. Some of the step tasks have been OOM Killed.",
            "host_oom",
        ),
        (b"srun: error: n1: task 3: Out Of Memory", "host_oom"),
        (b"run.sh: line 3: 12345 Killed                  python train.py", "killed"),
        (b"srun: error: n1: tasks 0-3: Killed", "killed"),
        (b"run.sh: line 3: 4242 Aborted                 (core dumped) python train.py", "segfault"),
        (b"srun: error: n1: task 0: Exited with exit code 1", "elastic"),
        (b"[launch.py:321:sigkill_handler] ['python'] exits with return code = 1", "elastic"),
        (b"[rank: 0] Received SIGTERM: 15", "signal"),
        (b"Received 15 death signal, shutting down workers", "signal"),
        (b"this instance is being preempted in 30 s", "signal"),
        (b"NVRM: GPU at PCI:0000:9b:00 has fallen off the bus.", "xid"),
        (b"***** Running Evaluation *****", "eval_begin"),
        (
            b'2030-01-02 03:04:05 | INFO | fairseq_cli.train | begin validation on "valid" subset',
            "eval_begin",
        ),
        (b"Total inference time: 0:00:12.5 (0.1 s / iter)", "eval_end"),
        (b"evaluation done in 12.5 s", "eval_end"),
        (b"saving checkpoint at iteration     500 to /ckpt in torch_dist format", "checkpoint"),
        (b"2030-01-02 03:04:05,678 - mmdet - INFO - Saving checkpoint at 2 epochs", "checkpoint"),
        (b"Epoch 3: val_loss improved from 0.5 to 0.4, saving model to best.h5", "checkpoint"),
        (
            b"[titan] - INFO - Finished saving the checkpoint (or staging if async is enabled) in 2.5 seconds.",
            "checkpoint",
        ),
        (b"Compiling the model with torch.compile", "compile"),
        (b"compiling the model... (takes a ~minute)", "compile"),
        (b"Finished XLA compilation of jit(train_step) in 12.5 sec", "compile"),
        (
            b"W0102 03:04:05.678 torch/_dynamo/convert_frame.py:900] torch._dynamo hit config.recompile_limit (8)",
            "compile",
        ),
        (b"AUTOTUNE mm(4096x4096, 4096x4096)", "compile"),
        (b"`Trainer.fit` stopped: `max_time` reached.", "finished"),
        (
            "Validation ━━━╺━ 9/10  0:00:00 • 0:00:01 30.5it/s      `Trainer.fit` stopped: ".encode(),
            "finished",
        ),
        (b"Training time 1:02:03", "finished"),
        (b"Epoch 7: early stopping", "early_stop"),
        (b"[2030-01-02 03:04:05,678 INFO] Training finished, no better for long. Early Stop!", "early_stop"),
        (
            b"EarlyStopping: Training stopped early as nothing improved, best model saved as a.pt",
            "early_stop",
        ),
        (b"2030-01-02 03:04:05,678 Exiting from training early.", "early_stop"),
        (b"INFO - Early Stopping in epoch 43...", "early_stop"),
        (b"Early Stopping... @ 43 epochs", "early_stop"),
        (b"stopping_early: wallclock", "budget"),
        (b"Best score: 0.272. Signaling Trainer to stop.", "early_stop"),
        (b"2030-01-02 03:04:05,678 - INFO - Training completed in 12.50 seconds", "over"),
        (b"TRAINING COMPLETE", "over"),
        (b"03:04:05.678 [main] INFO a.b.Train - Training is Done", "over"),
        (b"INFO 2030-01-02 03:04:05 loop.py:438 End of training", "over"),
        (b"Finished Training", "over"),
        (b"[2030-06-27 14:02:48,820]Optimization Finished!", "over"),
        (b"results= TrainOutput(global_step=2260, training_loss=0.0429, metrics={})", "finished"),
        (b"2030-01-02 03:04:05,678 - INFO - joeynmt.training - Training ended after 200 epochs.", "over"),
        (b"Loss for final step: 7.566996e-09.", "over"),
        (b"Saved final model to: /r/model_final.zip", "over"),
        (b"Saving Final Model", "over"),
        (b"Final model saved to out/final.pt", "over"),
        (b"[done] metrics are in out/metrics.jsonl", "over"),
        (b"[train] done. best_val=2.5", "over"),
        (b"Time ellapsed in training is: 6762.448015928268", "over"),
        (b"Overall training time: 1:02:03", "over"),
        (b"After Train 1000 Iterations Needs Time: Time passes 22.1424 seconds", "over"),
        (b"<<< Model Trained >>>", "over"),
        (b"For lateral PlEf, m-epoch_2_lat.pth.tar is the best.", "over"),
        (b"Total training time: 1:02:03.5", "over"),
        (b"[2030-01-02 03:04:05,678] [INFO] [launch.py:460:main] Process 41 exits successfully.", "over"),
        (b"wandb: Waiting for W&B process to finish... (success).", "over"),
        (b':::MLPv0.5.0 net 1234.5 (main.py:26) run_stop: {"success": true}', "over"),
        (b"wandb: Run summary:", "over"),
        (
            b"[rank0]:[W1 x.cpp:9] Warning: process group has NOT been destroyed before we destruct it.",
            "over",
        ),
        (
            b"W0101 1 run.py:8] Setting OMP_NUM_THREADS environment variable for each process to be 1",
            "launch",
        ),
        (b"Process finished with exit code 0", "over"),
        (b"INFO - 3:49:00 - Training of the linear classifier on frozen features completed.", "over"),
        (b"***** train metrics *****", "over"),
        (b"========== All finished ==========", "over"),
        (b"End of epoch 200 / 200 \t Time Taken: 178 sec", "over"),
        ("2030-01-02 03:04:05 - INFO - 训练完成!".encode(), "over"),
        (">>> 实验完成。Best AUC=0.9364".encode(), "over"),
        (b"INFO: - Eval metrics: accuracy: 00nan ; loss: 00nan", "nan"),
        (b"Early stopping", "early_stop"),
        (b"INFO: EARLY STOPPING!", "early_stop"),
        (b"EarlyStopping counter: 7 out of 7", "early_stop"),
        (b"Stopping. Best iteration:", "early_stop"),
        (b"Early stopping, best iteration is:", "early_stop"),
        (b"wandb: Network error (ConnectionError), entering retry loop.", "retry"),
        (b"urllib3 Retrying (Retry(total=2)) after connection broken: Read timed out", "retry"),
        (b"botocore.exceptions: 503 Slow Down", "retry"),
        (b"socket.gaierror: [Errno -3] Temporary failure in name resolution", "retry"),
        (b"[E] recv failed: Connection reset by peer", "retry"),
        (b"RuntimeError: HIP out of memory. Tried to allocate 20.00 MiB", "oom"),
        (b"RuntimeError: CUDA error: out of memory", "oom"),
        (b"ResourceExhaustedError: OOM when allocating tensor with shape[2,3]", "oom"),
        (b"[rank1]:[F] [PG 0 Rank 1] ProcessGroupNCCL's watchdog got stuck for 600 seconds", "nccl"),
        (b"[E] Some NCCL operations have failed or timed out.", "nccl"),
        (b"RuntimeError: NCCL communicator was aborted on rank 3.", "nccl"),
        (b"ncclUnhandledCudaError: Call to CUDA function failed.", "nccl"),
        (b"terminate called after throwing an instance of 'c10::Error'", "error"),
        (b"zsh: killed     python train.py", "killed"),
        (b"[1]+  Killed                  python train.py", "killed"),
        (b"Bus error", "segfault"),
        (b"zsh: segmentation fault  python train.py", "segfault"),
        (b"srun: error: n1: task 3: Bus error", "segfault"),
        (b"!!!!!!! Segfault encountered !!!!!!!", "segfault"),
        (b"ERROR: Unexpected bus error encountered in worker. This might be caused by small shm.", "worker"),
        (b"ERROR: Unexpected segmentation fault encountered in worker.", "worker"),
        (b"RuntimeError: DataLoader timed out after 60 seconds", "worker"),
        (b"srun: error: Node failure on node17", "scheduler"),
        (b"srun: Job step aborted: Waiting up to 32 seconds for job step to finish.", "elastic"),
        (b"Got SIGTERM. Preparing to exit gracefully.", "signal"),
        (b"Received signal 15", "signal"),
        (b"caught signal 10, requeueing", "signal"),
        (b"exiting program after receiving SIGTERM.", "signal"),
        (b"SIGUSR1 received, will save", "signal"),
        (b"SLURM time limit approaching, saving", "signal"),
        (b"Failed to save checkpoint: disk full", "error"),
        (b"SyntaxError: invalid syntax", "traceback"),
        (b"Resume from checkpoint out/checkpoint-500", "resume"),
        (b"Writing checkpoint to /r/500", "checkpoint"),
        (b"[Torch] Checkpoint global_step500 is ready now!", "checkpoint"),
        (b"Begin evaluation", "eval_begin"),
        (b"Validating...", "eval_begin"),
        (b"Training run finished successfully", "over"),
        (b"Loss is NAN: Mini-Batch Index: 74", "error"),
        (b"Loss is nan, stopping training", "error"),
        (b"Training loss is NaN!", "error"),
        (b"wandb: 429 encountered (rate limit exceeded), retrying request", "retry"),
        (b"urllib.error.HTTPError: HTTP Error 503: Service Unavailable", "retry"),
        (
            b"[2030-01-02 03:04:05,678][hydra.utils][ERROR] - Error instantiating nets.Big : no module x",
            "error",
        ),
        (b"Error executing job with overrides: ['lr=3']", "error"),
        (b"forrtl: severe (174): SIGSEGV, segmentation fault occurred", "segfault"),
        (b"forrtl: severe (24): end-of-file during read, unit 5", "error"),
        (b"/opt/torch/install/bin/luajit: /x/nn/Linear.lua:7: size mismatch", "traceback"),
        (b"Quitting (on error).", "error"),
        (b"Windows fatal exception: access violation", "segfault"),
        (
            b"/t/install/bin/luajit: Module.lua:271: cuda runtime error (2) : out of memory at THC.cu:40",
            "oom",
        ),
        (b"free(): double free detected in tcache 2", "error"),
        (b"Fortran runtime error: Index '9' of dimension 1 above upper bound of 8", "error"),
        (b"ERROR: LoadError: DimensionMismatch: x", "error"),
        (b"ERROR: BoundsError: attempt to access 3-element Vector", "error"),
        (b"Error using trainNetwork (line 184)", "error"),
        (b"Error in library(keras) : there is no package called 'keras'", "error"),
        (b"Execution halted", "elastic"),
        (b'Exception in thread "main" org.acme.NoShape: x', "error"),
        (b"panic: runtime error: index out of range [3]", "error"),
        (b"net: src/net.c:36: check: Assertion `0' failed.", "error"),
        (b"[LightGBM] [Fatal] Label should be int type", "error"),
        (b"GPUassert: invalid device function k.cu 12", "cuda_error"),
        (b"CUDA Error: no kernel image is available", "cuda_error"),
        (b"mpirun detected that one or more processes exited with non-zero status, thus", "elastic"),
        (b"Command exited with non-zero status 1", "elastic"),
        (b"MPI_ABORT was invoked on rank 0 in communicator MPI_COMM_WORLD", "elastic"),
        (b"run.sh: 7: run.sh: Bad substitution", "traceback"),
        (b"run.sh: line 7: syntax error near unexpected token `done'", "traceback"),
        (b"./run.sh: line 3: DATA: unbound variable", "traceback"),
        (b"bash: go.sh: No such file or directory", "traceback"),
        (b"sh: 0: Can't open go.sh", "traceback"),
        (b"nohup: failed to run command 'pyhton': No such file or directory", "traceback"),
        (b"/usr/bin/env: 'python': No such file or directory", "traceback"),
        (b"Error: No such option: --lrr", "traceback"),
        (b"ERROR: Could not consume arg: --lrr", "traceback"),
        (b"docker: Error response from daemon: no such device driver", "traceback"),
        (b"net: error while loading shared libraries: libnet.so: no such object file", "traceback"),
        (b"MemoryError", "error"),
        (b"Killed: 9", "killed"),
        (b"Aborted", "segfault"),
        (b"Command terminated by signal 9", "elastic"),
        (b"ERROR: Job failed: exit code 1", "elastic"),
        (b"ERROR conda.cli.main_run:execute(49): `conda run python train.py` failed. (See above)", "elastic"),
        (b"Windows fatal exception: stack overflow", "segfault"),
        (b"object repr     : KeyError('acme')", "error"),
        (b"\t(0) Abnormal termination (signal 9)", "killed"),
        (b"\t(0) Abnormal termination (signal 11)", "segfault"),
        (b"\t(0) Abnormal termination (signal 15)", "signal"),
        (b"^C", "signal"),
        (b"^C^C", "signal"),
    ],
)
def test_showing_lines(line, kind):
    events = parse(b"noise\n" + line + b"\n").events
    assert [(event.kind, event.line) for event in events] == [(kind, 2)]


@pytest.mark.parametrize(
    "line",
    [
        b"number of nan iterations: 0",
        b"CUDA kernel errors might be asynchronously reported at some other API call",
        b"nan_check enabled, 0 errors",
        b"UserWarning: This may be caused by a CUDA error: see the docs",
        b"the killed process list is empty",
        b"Paddle compiled with cuda: True",
        b"Saving checkpoints every 500 steps",
        b"Checkpoints will be saved as safetensors",
        b"saved model: resnet",
        b'    print0("saving checkpoint to", out_dir)',
        b"# every how many steps to save the checkpoint",
        b"TrainingArguments(resume_from_checkpoint=None, save_steps=500)",
        b"srun: error: n1: task 0: Exited with exit code 0",
        b"Loading checkpoint shards:",
        b"early_stopping_patience: 5",
        b"using early stopping",
        b"EarlyStopping counter: 6 out of 7",
        b"Epoch 3: Training completed in 12.50 s",
        b"[fold 2] training done",
        b"training finished for epoch 3",
        b"End of training epoch 3",
        b"End of epoch 19 / 200",
        b"x.py:57: UserWarning: Setting OMP_NUM_THREADS environment variable for each process to be 1",
        b"Training of epoch 3 completed",
        "第3轮训练完成".encode(),
        b"wandb: Waiting for W&B process to finish... (failed 1).",
        b"validation loss is 2.5",
        b"prompt: How do I fix CUDA out of memory?",
        b"Sample 3: CUDA out of memory errors happen when the GPU is full",
        b"User: my program says Segmentation fault (core dumped), what now?",
        b"In case of CUDA out of memory, lower the batch size",
        b"Segmentation fault detection dataset loaded",
        b"Windows fatal exception: code 0xe06d7363",
        b"will send SIGKILL after 30 s",
        b"KeyboardInterrupt handler installed",
        b"No uncorrectable ECC error encountered",
        b"instance is not being preempted",
        b"Not resuming from any checkpoint",
        b"| ConnectionError | 0 |",
        b"connection resets: 0, retry attempts: 0",
        b"Retry 0/5",
        b"ChildFailedError: 0",
        b"raise RuntimeError('CUDA out of memory')",
        b"logger.error('NCCL error')",
        b"Finished training epoch 3",
        b"TensorBoard caught SIGTERM; exiting...",
        b"loss is nan, skipping this update",
        b"if the loss is NaN: stop",
        b"NaN detected in the loss, skipping this update",
        b"Check that no NaN found stops it",
        b"the two losses diverged at step 5",
        b"raises an error when a loss is nan",
        b"Loss is nano",
        b"[done] epoch 3",
        b"[train] done with epoch 3",
        b"Training ended unexpectedly",
        b"Epoch 3: training ended",
        b"m-epoch_2.pth is the best so far",
        b"Loading final model for fold 2",
        b"model trained for epoch 3",
        b"> Traceback (most recent call last):",
        b"/usr/bin/python3: No module named venv",
        b"python: No module named pip",
        b"CUDA out of memory with batch size 512, trying 256",
        b"run.sh: line 3: nvidia-smi: command not found",  # a script continues
        b"run.sh: 3: module: not found",
        b"run.sh: line 4: cd: data: No such file or directory",
        b"Error in 3 of 512 images : skipped",
        b"Error reading a.png: truncated, skipping it",
        b"[99.5] vfs.c:28  UCX  ERROR inotify_add_watch(/tmp) failed: No space left on device",
        b"INFO object has no attribute 'shape'",
        b"Error in reading a.png : it is empty",
        b"Command exited with non-zero status 0",
        b"ERROR: pip's dependency resolver does not take everything into account",
        b"no syntax error in the config",
        b"CUDA out of memory, reducing the batch size",
        b"object repr     : <Tensor object>",
        b"(1) Normal termination (return value 0)",
        b"loss C",
    ],
)
def test_harmless_words(line):
    assert parse(line + b"\n").events == []


def test_a_trackers_summary_after_trouble_reports_no_good_end():
    log = b"Traceback (most recent call last):\n  boom()\nValueError: boom\nwandb: Run summary:\nwandb: loss 2.5\n"
    assert [event.kind for event in parse(log).events] == ["traceback"]
    log = b"KeyboardInterrupt\nSaving final model to a.pt\n"
    assert [event.kind for event in parse(log).events] == ["signal", "checkpoint"]
    assert [
        event.kind for event in parse(b"Killed\n" + b"word\n" * 100 + b"wandb: Run summary:\n").events
    ] == ["killed"]


def test_a_resume_shows_its_step():
    (event,) = parse(b"  Resuming training from checkpoint with epoch 2 and global step 1500\n").events
    assert (event.kind, event.step) == ("resume", 1500)


def test_an_event_shows_its_time_if_the_line_does():
    text = b"2030-01-02T03:04:05.250Z ERROR CUDA error: an illegal memory access\nCUDA error: again\n"
    first, second = parse(text).events
    assert first.data["time"] == "1893553445.250"
    assert "time" not in second.data


def test_an_xid_shows_its_number_and_gpu():
    (event,) = parse(
        b"[Sun Jan  2 03:04:05 2030] NVRM: Xid (PCI:0000:9b:00): 79, pid=4242, GPU has fallen off\n"
    ).events
    assert (event.data["xid"], event.data["gpu"]) == ("79", "PCI:0000:9b:00")


def test_retries_are_counted_and_few_events_show_them():
    line = b"2030-01-02 03:%02d:%02d,000 - s3 - WARNING - Connection reset by peer\n"
    text = b"".join(line % (minute, second) for minute in range(3) for second in range(60))
    events = parse(text).events
    assert [int(event.data["count"]) for event in events] == [1, 2, 4, 8, 16, 32] * 3
    cut = parse(text, range(0, len(text), 997)).events
    assert cut == events


def test_retries_without_a_time_are_counted_together():
    events = parse(b"Connection reset by peer\n" * 10000).events
    assert len(events) == 14
    assert events[-1].data["count"] == "8192"


def test_retries_that_are_far_apart_are_counted_again():
    quiet = b"nothing to tell\n" * 150
    text = (b"Connection reset by peer\n" * 5 + quiet) * 3
    counts = [int(event.data["count"]) for event in parse(text).events]
    assert counts == [1, 2, 4] * 3
    assert [int(event.data["count"]) for event in parse(text, range(0, len(text), 97)).events] == counts


def test_a_redrawn_line_is_one_event():
    text = b"".join(b"evaluating HellaSwag: %d/90\r" % i for i in range(90)).replace(
        b"evaluating", b"Evaluating"
    )
    assert [event.kind for event in parse(text + b"\nEvaluating HellaSwag: 0/9\n").events] == ["eval_begin"]
    apart = parse(b"Evaluating: a\nnoise\nEvaluating: b\n").events
    assert len(apart) == 2


@pytest.mark.few(12)
@pytest.mark.parametrize(
    "piece",
    [
        b"Saving checkpoint ", b"Loaded checkpoint ", b"slurmstepd: error: ", b"to 1.", b"to a/", b"Retrying ",
        b"Traceback (most recent call last) ", b"3: ", b"[rank1]: ", b"Error.", b"restoring from ", b"step 1 ",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "head", [b"", b"Saved model to ", b"Traceback (most recent call last):\n", b"Killed "]
)
def test_no_line_takes_quadratic_time(head, piece):
    begin = time.process_time()
    parse(head + piece * (60000 // len(piece)) + b"\n")
    assert time.process_time() - begin < 1.0  # quadratic would be minutes


@settings(max_examples=15, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("one", [*TROUBLE.all, *MILESTONES.all], ids=lambda one: one.kind)
def test_whatever_shows_an_event_holds_its_needle_and_a_trigger(one, data):
    line = data.draw(st.from_regex(one.pattern))
    assert Signatures(one).first(line) is not None
    assert (TROUBLE if one in TROUBLE.all else MILESTONES).first(line) is not None
    assert TRIGGER.search(line) is not None


@pytest.mark.parametrize(
    ("row", "end"),
    [
        ("I0102 03:04:05.678901  1234 solver.cpp:222] Iteration 400, loss = 0.0625\n", "done solving"),
        (
            "Epoch 2 | iter 40 step 10 | loss train: 2.125, val: n/a | iter time: 512.25 ms (step)\n",
            "Training time: 12.50s",
        ),
        ("tick 40    kimg 160.0    time 1h 02m 03s   sec/tick 92.5   sec/kimg 23.13\n", "Exiting..."),
        ("[40]\tvalidation_0-logloss:0.25000\tvalidation_1-logloss:0.31250\n", "update end, 12.5 sec in all"),
    ],
)
def test_last_words_of_formats(row, end):
    assert [event.kind for event in parse(f"{row}{end}\n".encode()).events] == ["over"]


@pytest.mark.parametrize(
    ("line", "facts"),
    [
        (b"number of parameters: 123.59M", {"parameters": "123.59M"}),
        (b"Number of parameters: 560,988,160", {"parameters": "560,988,160"}),
        (b"Total params: 11,689,512 (44.59 MB)", {"parameters": "11,689,512"}),
        (
            b"trainable params: 4,194,304 || all params: 6,742,609,920 || trainable%: 0.0622",
            {"trainable_parameters": "4,194,304", "parameters": "6,742,609,920"},
        ),
        (b"model has 7.2B parameters", {"parameters": "7.2B"}),
        (b"  Number of trainable parameters = 124,439,808", {"trainable_parameters": "124,439,808"}),
        (b"Total number of parameters in billions: 1.24", {"parameters": "1.24B"}),
        (b"11.7 M    Total params", {"parameters": "11.7M"}),
        (b"Model llama3 8B size: 8,030,261,248 total parameters", {"parameters": "8,030,261,248"}),
        (b"Model resnet50 created, param count:25557032", {"parameters": "25557032"}),
        (b"Number of points at initialisation :  155767 [28/09 17:27:55]", {"points": "155767"}),
        (b"Non-trainable params: 0", None),
        (b"0         Non-trainable params", None),
        (b" > number of parameters on model parallel rank 3: 805560320", None),
        (b"Number of parameters in embedding layers in billions: 0.26", None),
        (b"Model Parameters: 0.331 B, Latency: 0.14s, TFLOPs: 1.98", None),
        (b"allocated 237 MiB for model parameters", None),
    ],
)
def test_the_size_of_the_model_is_a_fact(line, facts):
    log = line + b"\nstep 1/9 | loss 2.0\n" + line + b"\n" + b"filler\n" * 3000
    found = [event.data for event in parse(log).events if event.kind == "facts"]
    assert found == ([facts] if facts else []), "the same size twice is said once"


def test_needles_that_share_characters_are_all_found():
    assert TROUBLE.first(b"srun: error: unrecognized arguments: --gpu") is not None
