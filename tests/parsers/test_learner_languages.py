"""Names in other languages are read, whatever script they are in, and Chinese in either encoding."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runwatch.parsers.inference.fields import fields
from runwatch.parsers.lexicon.languages import spelled, with_ascii_colon
from runwatch.parsers.lexicon.names import canonical

from .logs import parse

LINES = {
    "chinese": "当前Batch：{batch}/200 | 当前epoch:{epoch}/3 | 当前损失值：{loss} | 当前准确率：{score}%",
    "chinese, spaced": "迭代 {step} 训练损失 {loss} 准确率 {score}",
    "chinese, ordinal in english": "损失：{loss}，第{step}个step，准确率：{score}",
    "chinese, ordinal": "第 {step}/30 轮 损失：{loss} 学习率：0.001",
    "japanese": "エポック {step}/30 損失: {loss} 精度: {score}",
    "korean": "에포크 {step}/30 - 손실: {loss} - 정확도: {score}",
    "russian": "Эпоха {step}/30, Потери: {loss}, Точность: {score}",
    "russian, of": "Эпоха {step} из 30: потери на обучении {loss}, точность {score}",
    "german": "Epoche {step} von 30 | Trainingsverlust: {loss} | Validierungsverlust: {score}",
    "spanish": "Época {step} de 30: pérdida entrenamiento {loss}, pérdida validación {score}",
    "french": "Epoque {step}/30 - perte entraînement : {loss} - perte validation : {score}",
    "italian": "Epoca {step}/30 - perdita: {loss} - perdita validazione: {score}",
    "polish": "Epoka {step}/30: strata treningowa={loss}, strata walidacyjna={score}",
    "turkish": "Epoch {step}/30 - Eğitim Kaybı: {loss} - Doğrulama Kaybı: {score}",
    "indonesian": "Iterasi {step}/30 - kerugian: {loss} - akurasi: {score}",
    "vietnamese": "Vòng {step}/30: loss = {loss}, độ chính xác = {score}",
    "vietnamese, all of it": "Vòng {step}/30 | mất mát: {loss} | mất mát kiểm định: {score}",
    "arabic": "الحقبة {step}/30 - الخسارة: {loss} - الدقة: {score}",
    "greek": "Εποχή {step}/30 απώλεια={loss} ακρίβεια={score}",
    "ukrainian": "Епоха {step}/30: втрати {loss}, точність {score}",
    "hungarian": "Epoch {step}: tanítási veszteség {loss}, pontosság {score}",
    "czech": "Epocha {step} z 30 | ztráta: {loss} | přesnost: {score}",
    "swedish": "Epok {step} av 30: förlust = {loss}, noggrannhet = {score}",
    "dutch": "Epoche {step} van 30: trainingsverlies {loss}, validatieverlies {score}",
    "spanish, glued": "Época 1: paso {step} pérdida_entrenamiento={loss} tiempo=9.5s",
    "spanish, cost": "Iteración {step} - costo: {loss} - precisión: {score}",
    "french, cost": "Itération {step}/30 : coût = {loss}, coût de validation = {score}",
}


def _log(line: str) -> tuple[str, list[float]]:
    """Return 30 records (3 epochs of 10 where it prints batches) and their losses."""
    losses = [round(9 / (i + 1), 4) for i in range(30)]
    return "".join(
        line.format(step=i + 1, epoch=i // 10, batch=20 * (i % 10), loss=loss, score=f"0.{i + 10}") + "\n"
        for i, loss in enumerate(losses)
    ), losses


@pytest.mark.parametrize(
    ("name", "encoding"),
    [(name, "utf-8") for name in LINES] + [("chinese", "gb18030"), ("chinese, spaced", "gb18030")],
)
def test_logs_in_other_scripts(name, encoding):
    text, losses = _log(LINES[name])
    parsed = parse(text.encode(encoding), formats=())
    places = [i * 20 for i in range(30)] if "batch" in LINES[name] else list(range(1, 31))
    assert parsed.column("step").tolist() == places
    assert parsed.column("train/loss").tolist() == losses


def test_names_are_shown_as_the_log_spells_them():
    assert spelled("准确率".encode("gb18030")) == spelled("准确率".encode()) == "准确率"
    assert spelled(b"caf\xe9") == "caf\ufffd"


def test_a_score_of_validation_is_one_in_any_language():
    for printed in ("当前模型在验证集上的准确率为", "валидационная точность", "Vaildation accuracy"):
        assert canonical(printed) == "val/accuracy"
    for printed in (
        "验证集上的准确率 5",
        "验证F1",
        "测试集上的准确率",
    ):  # of five guesses, another, of a test
        assert canonical(printed) == printed


def test_a_wide_colon_is_one():
    for encoding in ("utf-8", "gb18030"):
        assert with_ascii_colon("Batch： ".encode(encoding)) == b"Batch:"
    assert with_ascii_colon(b"Batch ") == b"Batch "


@given(st.binary(max_size=60))
@settings(max_examples=60)
def test_any_bytes_before_a_number_have_a_name_that_can_be_shown(text):
    for field in fields(text + b" 12.5"):
        assert isinstance(spelled(field.name), str)
