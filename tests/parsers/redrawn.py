"""Logs of programs that redraw bars and print tables, with all that may stand between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

NOISE = (
    "",
    "a note: 12 of 3.5 read | all fine",
    "01/02/2030 03:04:05 - INFO - Saving current state to out/checkpoint-2",
    "\x1b[32mcoloured 7\x1b[0m",
    "Epoch 3 has begun - at last",
    "ConnectionResetError: [Errno 104]",
    "12 500 1.5 what",
    "----------------------------------------",
    " 50%|#####     | 5/10 [00:01<00:01,  4.20it/s]",
    "Evaluating: 3/10",
    "`Trainer.fit` stopped: `max_epochs=1` reached.",
)
SPLINTERS = (
    "",
    " ",
    "\t",
    "+",
    "-",
    ".",
    "e",
    "/",
    ":",
    "e-05",
    "1e5",
    "nan ",
    " -inf ",
    "\x1b[0m",
    "|",
    "]",
    "1,2",
    "7" * 9,
)
FILLINGS = "▏▎▍▌▋▊▉"


def value(rng: Random, digits: int = 3) -> str:
    """A number as programs print losses, now and then an odd one."""
    if rng.random() < 0.004:
        return rng.choice(("nan", "inf", "-inf", "1e-07", "-0.0", "1,234.5", "12345678901234567890"))
    return f"{rng.expovariate(1 / rng.choice((1, 20))):.{digits}f}"


def odd(rng: Random, row: str) -> str:
    """A row of numbers, now and then with something odd in it."""
    if rng.random() < 0.97:
        return row
    at = rng.choice([i for i, char in enumerate(row) if char in " 0123456789"])
    return row[:at] + rng.choice(SPLINTERS) + row[at + rng.choice((0, 1)) :]


def filling(rng: Random, share: float, width: int = 10) -> str:
    """What tqdm fills a bar with."""
    full = int(share * width)
    return ("█" * full + rng.choice((*FILLINGS, "")) + " " * width)[:width]


def tqdm(rng: Random, steps: int) -> Iterator[str]:
    """Epochs of bars, drawn up to three times a step, with validation values from the second on."""
    per, head = rng.choice((40, 300)), rng.choice(("Epoch {0}: ", "Epoch {0}/9: ", "", "steps: "))
    for step in range(steps):
        epoch, done = divmod(step, per)
        for _ in range(rng.choice((1, 1, 2, 3))):
            pace = rng.choice((f"{rng.random() * 9:5.2f}s/it", f"{1 + rng.random() * 9:5.2f}it/s", " ?it/s"))
            text = f"loss={value(rng)}, v_num={rng.randrange(9)}"
            text += f", val_loss={1 + epoch / 8}" if epoch and rng.random() < 0.98 else ""
            bar = f"{done / per:4.0%}|{filling(rng, done / per)}| {done}/{per} [00:{step % 60:02}<01:02, {pace}, {text}]"
            yield head.format(epoch) + bar + rng.choice(("\r", "\r", "\n", " \r", "\r\n"))
        if rng.random() < 0.01:
            yield f"Validation: {done / per:4.0%}|###| {done}/{per} [00:01<00:02, 3.0it/s, loss=1.0]\r"
        if rng.random() < 0.01:
            yield head.format(epoch) + bar + "Saving current state to out/checkpoint-2\n"


def rich(rng: Random, steps: int) -> Iterator[str]:
    """Lightning's other bar; some lines broken by a narrow terminal."""
    for step in range(steps):
        epoch, done = divmod(step, 60)
        line = f"Epoch {epoch}/{steps // 60} {'━' * (done // 9)}╸{'━' * (7 - done // 9)} {done}/60 0:00:01 • 0:00:02 "
        line += f"{rng.choice((0.0, 1, 7)) * rng.random():.2f}it/s"
        yield (
            line
            + f" train_loss: {value(rng)}"
            + ("" if rng.random() < 0.9992 else "\n          ")
            + " acc: 0.5\n"
        )


def keras(rng: Random, epochs: int) -> Iterator[str]:
    """Epochs and evaluations, drawn in one of the ways there are."""
    fill = rng.choice(("[{0}>{1}]", "━{0}━{1}"))
    for epoch in range(1, epochs + 1):
        if rng.random() < 0.97:
            yield f"Epoch {(epoch - 1) % 7 + 1}/{epochs}\n"
        total = 8 if rng.random() < 0.99 else rng.choice((7, 9))
        for done in range(1, total + 1):
            bar = fill.format("=" * done, "." * (20 - done))
            rest = f"{epoch % 70}s 3ms/step - loss: {value(rng)} - mae: {value(rng)}"
            sure = "Unknown" if rng.random() < 0.02 and done < total else total
            yield f"{done}/{sure} {bar} - {rest}\r"
        if rng.random() < 0.98:
            yield f"{total}/{total} {bar} - {rest} - val_loss: {value(rng)}"
        yield "\n"
        if rng.random() < 0.1:
            yield f"{total}/{total} - 5s - 3ms/step - loss: {value(rng)} - mae: {value(rng)}\n"
        if rng.random() < 0.05:
            yield f" - 5s 3ms/step - loss: {value(rng)}\n"


def cifar(rng: Random, epochs: int) -> Iterator[str]:
    """Epochs of pytorch-cifar, a bar that trains and one that tests, as a file or a terminal has them."""
    copied = rng.random() < 0.5
    for epoch in range(epochs):
        if rng.random() < 0.97:
            yield f"\nEpoch: {epoch % 50}\n"
        for total in (8 if rng.random() < 0.99 else 7, 3):
            for done in range(1, total + 1):
                bar, count = "=" * (6 * done) + ">" + "." * (6 * (8 - done)), f" {done}/{total} "
                rest = f"  Step: {rng.randrange(900)}ms | Tot: {done}s4ms | Loss: {value(rng)}"
                rest += f" | Acc: {value(rng)}% ({done}/64)" + ("" if rng.random() < 0.99 else " | L2: 0.5")
                if copied:
                    yield f" [{bar[:20]}{count}{bar[27:]}]{rest}" + "\r" * (done < total)
                else:
                    yield f" [{bar}]{rest}{' ' * 9}{chr(8) * 40}{count}" + "\r" * (done < total)
            yield "\n"
        if rng.random() < 0.3:
            yield "Saving..\n"


def yolo(rng: Random, epochs: int) -> Iterator[str]:
    """Rows redrawn until the epoch ends, each epoch under its header, then its validation."""
    names = ["box_loss", "cls_loss", "dfl_loss", "Instances", "Size"]
    for epoch in range(1, epochs + 1):
        if rng.random() < 0.03:
            names = ["obj_loss", *names] if len(names) < 8 else names[-5:]
        yield f"      Epoch    GPU_mem{''.join(f'{name:>11}' for name in names)}\n"
        for done in range(rng.choice((1, 5, 20))):
            losses = "".join(f"{10 ** rng.uniform(-6, 4):11.4g}" for _ in names[:-2])
            row = f"{epoch:7}/{epochs} {rng.random() * 9:9.3g}G{losses} {rng.randrange(99):10} {640:10}:"
            bar = f"{done / 20:5.0%}|{filling(rng, done / 20)}| {done}/20 [00:02<00:00,  1.23it/s]"
            bar = f"{done / 20:5.0%} {'━' * 12} {done}/20 1.2it/s 0.1s" if rng.random() < 0.1 else bar
            yield odd(rng, ("", "\x1b[K")[rng.random() < 0.1] + row + bar) + "\r"
        yield "\n                 Class     Images  Instances      Box(P          R      mAP50  mAP50-95)\n"
        yield f"                   all        128        929      {rng.random():.3f}      0.536      0.612      0.455\n"


def spacy(rng: Random, rows: int) -> Iterator[str]:
    """Rows under a header, printed again when training goes on, perhaps of other components."""
    names = ["LOSS TOK2VEC", "LOSS NER"]
    yield f"E    #       {'  '.join(names)}  ENTS_F  SCORE \n---  ------  ------------  --------  ------  ------\n"
    for row in range(rows):
        if rng.random() < 0.0014:
            names = rng.choice((["LOSS NER"], ["LOSS TOK2VEC", "LOSS NER"], ["LOSS TAGGER", "LOSS NER"]))
            yield f"E    #       {'  '.join(names)}  ENTS_F  SCORE\n"
        losses = " ".join(f"{value(rng, 2):>13}" for _ in names)
        yield (
            odd(rng, f"{row // 9:3} {row * 200:7} {losses} {rng.random() * 100:7.2f} {rng.random():7.2f}")
            + "\n"
        )


def boxes(rng: Random, count: int) -> Iterator[str]:
    """Boxes of stable-baselines3, wider ones where a long name comes; some without a step."""
    ending = rng.choice(("\n", "\n", "\r\n"))
    for step in range(count):
        names = ["fps", "total_timesteps", "iterations"] if rng.random() < 0.98 else ["fps"]
        cells = [("time/", ""), *((f"   {name}", value(rng)) for name in names), ("train/", "")]
        cells += [("   learning_rate", f"{10 ** rng.uniform(-6, 3):.3g}")]
        cells += [(f"   {name}", value(rng)) for name in ("loss", "value_loss") if rng.random() < 0.99]
        cells = [(n, str(step) if n.endswith("timesteps") else v) for n, v in cells]
        wide = 30 if rng.random() < 0.02 else 20
        rule = "-" * (wide + 19) + ending
        yield rule if rng.random() < 0.9 else ""
        rows = [odd(rng, f"| {name:{wide}}| {number:12} |") for name, number in cells]
        if rng.random() < 0.1:
            rows.insert(rng.choice((0, 0, 3)), rng.choice((*NOISE, f"| {names[0]:{wide}}| 7 |")))
        yield "".join(f"{row}{ending}" for row in rows) + rule


KINDS: dict[str, tuple[Callable[[Random, int], Iterator[str]], int]] = {
    "progress-bar": (tqdm, 1300),
    "lightning-rich": (rich, 1600),
    "keras": (keras, 140),
    "pytorch-cifar": (cifar, 60),
    "yolo": (yolo, 70),
    "spacy": (spacy, 1600),
    "stable-baselines3": (boxes, 250),
}
"""What draws a log of each format, and how much of it makes some 64 KiB or a settled format."""


def log(kind: str, seed: int, noise: float = 0.02) -> bytes:
    """Return a log of a format."""
    rng = Random(seed)
    draw, size = KINDS[kind]
    parts: list[str] = []
    for part in draw(rng, size):
        parts.append(part)
        if rng.random() < noise:
            parts.append(("\n" if rng.random() < 0.7 else "") + rng.choice(NOISE) + "\n")
    return "".join(parts).encode()
