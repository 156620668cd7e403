"""Names of numbers in other languages than English: how they are found, and what they mean.

Text is UTF-8, or Chinese in GB18030: no word of the latter is right UTF-8, so neither is taken for the other.
"""

from __future__ import annotations

import re
from functools import lru_cache

from runwatch.core.text import shown

_MEANT = {
    "loss": "损失 損失 손실 потер pérdida kayıp kayb kaybı mất%mát tổn%thất coût втрат ztráta "
    "förlust veszteség απώλεια الخسارة خسارة",
    "error": "误差 誤差 오차 ошибк σφάλμα الخطأ",
    "accuracy": "准确率 精度 정확도 точност précision precisión acurácia exactitud doğruluk dokładność "
    "độ%chính%xác точніст přesnost pontosság ακρίβεια الدقة دقة",
    "best": "最佳 最优 最高 最低 最良 최고 최적 лучш",
    "reward": "奖励 報酬 보상 наград",
    "lr": "学习率 學習率 学習率 학습률 скорость%обучени öğrenme%oranı współczynnik%uczenia",
    "grad norm": "梯度范数 梯度範數 勾配ノルム 기울기%노름 그래디언트%노름 норма%градиент",
    "step time": "每步耗时 每步时间 单步耗时 单步时间 每步耗時 ステップ時間 스텝%시간 время%шага",
    "sample": "样本 樣本 サンプル 샘플",
    "s": "秒 초",
    "train": "训练 訓練 学習 학습 훈련 обучени тренировочн entraînement eğitim huấn%luyện "
    "навчан trénovací tränings tanítási tanító εκπαίδευση التدريب",
    "val": "验证 検証 검증 валидац проверочн validação validación doğrulama avaliação évaluation evaluación "
    "kiểm%định валідац validační validációs επικύρωση التحقق",
    "test": "测试 テスト 테스트 тест",
    "epoch": "轮次 轮 エポック 에포크 에폭 эпох época époque épocas vòng епох εποχή الحقبة حقبة",
    "round": "라운드 ラウンド",
    "client": "客户端 客戶端 클라이언트 クライアント",
    "episode": "回合 エピソード 에피소드 эпизод",
    "step": "步数 步 ステップ 스텝 шаг",
    "iteration": "迭代 반복 итерац",
    "batch": "批次 バッチ 배치 батч",
}
"""English words, and stems of those that mean the same; % means a space."""

_LATIN = {
    "loss": "perda perdida perdita perte verlust kayip strata straty kerugian "
    "costo custo kosten cout verlies ztrata forlust",
    "error": "fehler erreur errore erro blad galat chyba",
    "accuracy": "exactitud exactitude genauigkeit dogruluk accuratezza acuracia dokladnosc akurasi "
    "nauwkeurigheid noggrannhet presnost",
    "best": "mejor meilleur meilleure beste bester bestes melhor migliore najlepszy najlepsza terbaik",
    "train": "trainings treino treinamento entrenamiento entrainement apprentissage addestramento egitim "
    "treningowa treningowy uczenia latih pelatihan trainging trainning traning",
    "val": "validierungs validierung validacion validacao validazione "
    "walidacyjna walidacyjny walidacji dogrulama validasi avaliacao evaluacion valutazione "
    "auswertung validatie validering "
    "vaildation vaild validtion valdation",
    "lr": "lernrate",
    "mean": "moyenne moyen promedio durchschnitt mittlere ortalama srednia",
    "epoch": "epoche epoca epok epoka epoque epocha",
    "iteration": "iteracion iteracao iterazione iteracja iterasi",
    "step": "schritt paso passo krok etape langkah",
}
"""The same for words of letters that ASCII has, and for those that are often misspelled; these are whole."""
_PHRASES = {
    "lr": "taux%d'apprentissage tasa%de%aprendizaje taxa%de%(?:aprendizado|aprendizagem) "
    "(?:tasso|velocita)%di%apprendimento ogrenme%orani laju%pembelajaran",
    "grad norm": "norme%du%gradient norma%del%gradiente norma%do%gradiente gradienten-?norm",
    "step time": "(?:temps|duree)%par%(?:pas|etape) tiempo%por%paso tempo%(?:por|per)%passo zeit%pro%schritt",
}
"""The same for several words at once."""
_OF_WORDS = [
    (
        re.compile(rb"(?i)(?<![a-z])(?:%b)(?![a-z])" % "|".join(said.split()).replace("%", "[ _]").encode()),
        word.encode(),
    )
    for word, said in _PHRASES.items()
]
LATIN = {word.encode(): english.encode() for english, words in _LATIN.items() for word in words.split()}
COMPOUND = re.compile(rb"(trainings|validierungs|validatie|test)(verlust|verlies|fehler|genauigkeit)")
"""Two such words written as one."""


def _spellings() -> dict[bytes, bytes]:
    """Return every stem in each encoding and case, and the word that it means."""
    known = {}
    for word, stems in _MEANT.items():
        for stem in stems.replace("%", "\0").split():
            plain = stem.replace("\0", " ")
            for text in (plain, plain.capitalize(), plain.upper()):
                known[text.encode()] = b" %b " % word.encode()
            if "\u4e00" <= plain[0] <= "\u9fff" and len(plain) > 1:
                known[plain.encode("gb18030")] = b" %b " % word.encode()
    return known


_WORDS = _spellings()
_LONGEST_FIRST = sorted(_WORDS, key=len, reverse=True)
_KNOWN = re.compile(b"|".join(map(re.escape, _LONGEST_FIRST)))
_LETTER = rb"(?:[\xce-\xd2\xd8-\xdb][\x80-\xbf]|\xe3[\x81-\xbf][\x80-\xbf]|[\xe4-\xed][\x80-\xbf]{2})"
_TWO_BYTES = rb"(?:[\xb0-\xf7][\xa1-\xfe])"
_COLON = re.compile(rb"(?:\xef\xbc\x9a|\xa3\xba|(?<=[\w)])(?:\xe4\xb8\xba|\xe6\x98\xaf)[:=]?)\s*$")
"""A wide colon, in either encoding, or a Chinese `is` behind an English name."""
_MARK = rb"(?P<mark>['\"]?,?\s*(?:(?:[:=]>?|==|->)\s*)?)['\"\[({<]*\s*$"
"""Between a name and its number."""
_NAME = re.compile(
    rb"(?P<name>" + _LETTER + rb"{1,24}(?: " + _LETTER + rb"{1,24}){0,2}|" + _TWO_BYTES + rb"{2,12})"
    rb"(?P<unit>)" + _MARK
)
_ACCENT = rb"(?:[\xc3-\xc6][\x80-\xbf]|\xe1[\xba\xbb][\x80-\xbf])"
_ACCENTED = re.compile(
    rb"(?<![\w/\x80-\xff])(?P<name>(?:[A-Za-z]+[ _]){0,2}[A-Za-z]*(?:" + _ACCENT + rb"[A-Za-z]*)+"
    rb"(?:[ _](?:[A-Za-z]|" + _ACCENT + rb")+){0,3})(?P<unit>)" + _MARK
)
_ORDINAL = "第".encode(), "第".encode("gb18030")
_COUNTED = re.compile(
    rb"\s*(?:\xe4\xb8\xaa)?(?P<name>\xe8\xbd\xae(?:\xe6\xac\xa1)?|"
    + _LETTER
    + rb"{1,8}|"
    + _TWO_BYTES
    + rb"{1,4}|[A-Za-z]{4,9})"
)


def with_ascii_colon(gap: bytes) -> bytes:
    """Return the text before a number, with the colon at its end as ASCII has it."""
    return _COLON.sub(b":", gap)


def named(gap: bytes) -> re.Match[bytes] | None:
    """Return the name at the end of the text before a number; groups: name, unit (empty), mark."""
    return _NAME.search(gap)


def accented(gap: bytes) -> re.Match[bytes] | None:
    """Return the name with accents at the end of the text before a number, if a word of it is known."""
    found = _ACCENTED.search(gap)
    return found if found is not None and knows(found["name"]) else None


def ordinal(gap: bytes, line: bytes, end: int) -> bytes:
    """Return what is counted where the number's text says `the fifth` of it; else nothing."""
    counted = _COUNTED.match(line, end) if gap.rstrip().endswith(_ORDINAL) else None
    return counted["name"] if counted else b""


def translated(name: bytes) -> bytes:
    """Return a name with the words that are known in English."""
    for said, word in _OF_WORDS:
        name = said.sub(word, name)
    return name if name.isascii() else _KNOWN.sub(lambda found: _WORDS[found[0]], name)


def is_foreign(name: str) -> bool:
    """Whether a word of a name is of another language than English, or misspelled."""
    known = any(word.encode() in LATIN for word in re.findall(r"[a-z]+", name.lower()))
    return known or not name.isascii()


def knows(line: bytes) -> bool:
    """Whether a line that is not ASCII holds a word that is known."""
    return _KNOWN.search(line) is not None


@lru_cache(1024)
def spelled(name: bytes) -> str:
    """Return a printed name as safe text."""
    try:
        return shown(name.decode().strip())
    except UnicodeDecodeError:
        return shown(name.decode("gb18030" if _NAME.search(name) else "utf-8", "replace").strip())
