"""Settings that may say how many steps or epochs are planned."""

import re

NEEDLES = (
    b"_iter|_step|_timestep|-timestep|_update|-iter|-step|-update|_ITER|_STEP|niter|_epo|-epo|nepo|pochs|"
    b"och_num|poch(s)|#epo|al epo|al Epo|otal t|otal s|POCHS|_EPOCH|um epo|max iter|um ste|ax epo|amespace|"
    b"rogress on: -|raining"
)
_SETTING = (
    rb"(?<![A-Za-z0-9_])((?:max|total|num|train|training)[_-](?:[a-z]{5,8}[_-])?"
    rb"(?:iter|(?:time)?step|update)[a-z]{0,6}"
    rb"|MAX_(?:ITER|STEP)S?|(?:MAX|NUM|N|TOTAL)_EPOCHS?|EPOCHS|n_?iters?|num_iters"
    rb"|[Nn]umber of (?:training )?epochs"
    rb"|(?:(?:max|num|n|total|train|training|num[_-]train(?:ing)?)[_-]|n)epochs?"
    rb"|epoch_num|#epochs?|[Tt]otal (?:training )?(?:[Ee]pochs?|steps)|(?:[Nn]um|[Mm]ax) epochs|Num steps"
    rb"|(?:^|(?<=--)|(?<=  )|(?<=[(,'\"*|:\]-] )|(?<=[('\"]))%s)['\"]?"
    rb"(?:[ \t]{0,40}[=:][ \t]{0,40}| ?\.{3,60} ?| {1,40}(?:\| {1,40}|\()?)['\"]?"
    rb"(\d[\d_]{0,14}(?:,\d{3}){0,4})(?:\.0)?(?![\d.eE*/%%])"
)
_OF_NAMESPACE = rb"(?<=Namespace\().{0,4000}?\b(epoch)=(\d{1,6})(?=[,)])"
_FOR = (
    rb"(?<=\bmax: )(\d{1,6}) (epochs)\b|(?<=per epoch\. )(\d{1,9}) (max iterations)\b"
    rb"|\b[Tt]rain[^\n=:%]{0,60}? for (\d{1,6}) (epochs|epoch(?=\(s\)))(?:\(s\))?"
    rb"(?=(?:[ .!]|\xe2\x80\xa6)*\Z| (?:with|on|using|started|begins)\b)"
    rb"|\b[Tt]raining\b[^\n=:%\d]{0,40}? for (\d{1,3}(?:,\d{3}){1,3}|\d{1,12}) (steps|iterations)"
    rb"(?=(?:[ .!]|\xe2\x80\xa6)*\Z| (?:with|on|using)\b)"
    rb"|\b(?:[Bb]egin|[Ss]tart)(?:ning|ing)? training (\d{1,6}) (epochs)\b"
    rb"|\b(Progress on): -/(\d{1,12}) rate:"  # tqdm_loggable before its first step; later it rounds
)
PLAN = re.compile(rb"|".join((_SETTING % b"[Ee]pochs", _OF_NAMESPACE, _FOR)))
"""A setting that may say how many steps or epochs are planned, and its value."""
PATTERNS = (
    # `epochs 12` alone may be anything; next to another setting it is one, as `--epochs 12` is
    _SETTING % rb"(?:(?<=--)epochs|[Ee]pochs(?=['\":=]|\.{3}|[ \t]{1,40}[:=|]))",
    _OF_NAMESPACE,
    _FOR,
)
"""The same in a line of its own."""
