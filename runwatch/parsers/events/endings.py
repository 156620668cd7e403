"""Sentences that say that training is over, or that it stops because it gets no better; in some languages.

That it gets no better stops nothing, and how patient a program is stops nothing either: a sentence names
the stop, or both that and its reason.
"""

_STOP = (
    rb"(?:[Ee]arly[ _-]?[Ss]top(?:p(?:ing|ed))?|EARLY[ _-]?STOP(?:PING|PED)?"
    rb"|[Ss]topp(?:ing|ed) (?:training )?early)"
)
_WHY = (
    rb"(?:\b[Nn]o (?:further |more )?improvement\b|\b(?:did|does|do|has|have|had)(?: not|n't) improved?\b"
    rb"|\bwithout (?:any |further )?improvement\b|\b(?:not|stopped|no longer) improving\b"
    rb"|\b[Pp]atience (?:limit )?(?:is |was |has been )?(?:exceeded|reached|exhausted|expired|ran out)\b"
    # or it is as good as it has to be
    rb"|\b(?:[Cc]onverge(?:d|nce)|(?:has )?plateaued)\b"
    rb"|\b[Tt]arget (?:\S+ ){0,4}?(?:is |was |has been )?(?:reached|achieved|met)\b"
    rb"|\b[Rr]eached (?:the )?target\b"
    # or could get no better
    rb"|\b(?:[Ll]earning[ _]rate|LR|lr) (?:is |was |has become |became |fell )?"
    rb"(?:too (?:small|low)\b|below (?:the )?(?:minimum|min_lr|threshold)\b))"
)
_BEGINS = rb"(?:\A|[^\w\s]\s*|\d\s)"
_COUNTS = rb"(?!.*?(?<!\d)(?P<%s>\d+) ?(?:/|out of) ?(?!(?P=%s)\b)\d)"
"""Not a count that has not come to its end."""
_NOW = (
    rb"(?:[Tt]raining (?:stops|stopped|ends|ended|terminates|terminated)"
    rb"|[Ss]top(?:ping|ped)?|[Tt]erminat(?:e|ing|ed)|[Ee]xit(?:ing|ed)?|[Ee]nd(?:ing|ed)?|[Hh]alt(?:ing|ed)?"
    rb"|[Bb]reaking|[Qq]uitting|[Aa]borting|[Gg]iving up)(?: (?:the )?(?:training|early|run|loop|now))*"
)
_AT = rb"(?:at|in|on) (?:the )?(?:[Ee]poch|[Ss]tep|[Ii]ter(?:ation)?|[Rr]ound|[Uu]pdate)\b"
_AT_OTHERS = (
    r"(?:en(?: la)?|em|na|no|bei|nach|in der|(?:(?:à|a) l|nell|all)(?:'|’)|на|в|w) ?"
    r"(?:(?:É|é|[Ee])po[cqk]\S{0,3}|эпох(?:е|и)|шаге) ?[:#]? ?\d"
).encode()
"""The same in other languages, which keep the English words for the stop."""
EARLY = (
    _STOP + rb"(?::? ?(?:is |was |has been |criteri(?:on|a) |condition )*"
    rb"(?:triggered|activated|reached|met)\b(?! (?:if|when)\b)| (?:at|after|conditioned) |:? " + _AT
    + rb"|\.* ?@ ?\d|,? " + _AT_OTHERS + rb")",
    rb"\d: early stopping|[Tt]raining stopped early|Exiting from training early|Signaling Trainer to stop",
    rb"Stopping training early|[Ee]arly stopping, best iteration is",
    # alone, or with its reason, or with what was best
    _BEGINS + _STOP + rb"(?:(?<=[dgyDG])[.!]*|!|: " + _NOW + rb"[.!]*)\s*\Z",
    _BEGINS + _STOP + rb"(?: (?:because|due to|since) | ?\W{1,3}(?:[\w/-]{1,30} ){0,4}?" + _WHY + rb")"
    + _COUNTS % (b"of", b"of"),
    _BEGINS + _STOP + rb"[:,]? (?:with |the ){0,2}best[ _]\w[^\d=:]{0,30}[=:]? ?\d",
    _BEGINS + _STOP + rb" ?\(patience ?[=:] ?\d+\)[.!]*\s*\Z",
    rb"\[EARLY STOP\] |EarlyStopping counter: (?P<whole>\d+) out of (?P=whole)\b|^Stopping\. Best iteration",
    _WHY + rb"[^=|]{0,80}?(?:[.,:;!)-] ?|-> ?| so )(?:" + _STOP + b"|" + _NOW + rb")[\s.!]*\Z",
    rb"\b(?:[Ss]top(?:ping|ped)?|Terminat(?:ing|ed)|Halt(?:ing|ed)|End(?:ing|ed)) (?:the )?training"
    rb"(?: because| due to| since| as|[:,;.-]| \()[^=|]{0,80}?" + _WHY + _COUNTS % (b"count", b"count"),
    "早停(?:机制)?(?:已|被)?(?:触发|生效)|触发(?:了)?早停|提前停止训练".encode(),
    "早期終了しました|조기 종료(?:됨|되었|합니다)".encode(),
    r"\A.{0,80}?\b(?:[Pp]arada (?:temprana|antecipada)|[Aa]rr(?:ê|e)t (?:pr(?:é|e)coce|anticip(?:é|e))) "
    r"(?:(?:activad|ativad|d(?:é|e)clench|en la |na |(?:à|a) l'|no )).{0,40}\Z".encode(),
)  # fmt: skip
"""Training stops before its end, as it gets no better."""
EARLY_NEEDLES = (
    "arly|ARLY|Stopping. Best|Signaling|mprov|atience|too small|onverge|lateaued|arget |arada "
    "|rrêt |rret |too low|below |早停|提前停止|早期終了|조기 종료"
).encode()
_EPOCHS = "轮|折|эпох|에포크|에폭|エポック|(?:[ÉéEe]|É|é)po[ck]|(?i:fold)"
_OF_OTHERS = (
    "[Ee]ntrenamiento(?: ha sido)? (?:complet(?:ado|o)|finalizado|terminado|concluido)",
    "[Tt]reinamento(?: foi)? (?:conclu(?:í|i)do|finalizado|complet(?:ado|o)|terminado)",
    "[Ee]ntra(?:î|i)nement(?: est)? (?:termin(?:é|e)|achev(?:é|e)|fini|complet)",
    "[Aa]ddestramento(?: (?:è|e'))? (?:completato|terminato|concluso|finito)",
    "[Tt]raining(?: (?:ist|wurde))? (?:abgeschlossen|beendet|fertig)",
    "(?:О|о)бучение (?:завершено|окончено|закончено)",
    "(?:학습|훈련)(?:이|을)? ?(?:완료|종료)",
    "学習(?:が|は)?(?:終了|完了)",
)
OVER = (
    f"\\A(?:(?!{_EPOCHS}).)*?(?:(?:训练|实验)(?:已|全部)?(?:完成|结束|完毕)"
    f"|(?<![A-Za-z-])(?:{'|'.join(_OF_OTHERS)})(?!.{{0,24}}po[ck]))"
).encode()
"""Training is over, in other languages than English."""
OVER_NEEDLES = (
    "ntrenamiento |reinamento |traînement |trainement |ddestramento |训练|实验|бучение |학습|훈련|学習"
).encode()
