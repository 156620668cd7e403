"""No secret comes back: not by its look, and not where a server repeats what it was sent."""

import base64
import html
import json
import string
import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runwatch.alerts.channels.http import judge
from runwatch.alerts.channels.slack.webhook import SlackChannel
from runwatch.core.redaction import MARK, quoted, redact

HEX40 = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    "said",
    [
        f"WANDB_API_KEY={HEX40}",
        f"{'of_a_long_name_' * 4}API_KEY=hush-hush-1",
        f"wandb login {HEX40}",
        f"wandb login --relogin {HEX40}",
        f"the api key is {HEX40}",
        f"key: '{HEX40}'",
        "Authorization: Basic dXNlcjpodXNo",
        "'Authorization': 'Basic dXNlcjpodXNo'",
        "curl -H 'Basic dXNlcjpodXNo'",
        "train.py --password hush1 --lr 1e-3",
        "train.py --password='hush it is' --lr 1e-3",
        "train.py --hub-token=hush-hush-1",
        "train.py --hub-token hush-hush-1",
        "train.py --wandb-key hush-hush-1",
        '{"password": "hush it is", "lr": 1}',
        "https://x.blob.core.windows.net/c/f?sv=2022&sig=hush%2Bhushhushhushhush%3D&se=1",
        "sig=hushhushhushhushhushhush",
        "https://b.s3.amazonaws.com/k?X-Amz-Signature=hush&X-Amz-Date=1",
        "AccountKey=hushhushhush==;EndpointSuffix=core",
        "https://prod-1.westeurope.logic.azure.com:443/workflows/hush/triggers/manual",
        "https://api.telegram.org/bot123456789:hushhushhushhushhushhushhushhush12/getMe",
        "clientsecret=hushhush",
        "APIKEY='hush it'ishush",
        '{"api_key": "hush it is"}',
    ],
)
def test_what_looks_like_a_secret_is_cut_out(said):
    assert MARK in redact(said)
    assert not any(part in redact(said) for part in ("hush", HEX40, "dXNlcjpodXNo"))
    assert redact(redact(said)) == redact(said)


@pytest.mark.parametrize(
    "said",
    [
        f"commit {HEX40}",
        f"HEAD is now at {HEX40}",
        f"loaded checkpoint {HEX40}.pt",
        "total_tokens=123456 tokens: 51200 token=7",
        "max_token=4096 tokens_per_sec: 1.2M",
        "--max-tokens 4096 --tokenizer gpt2 --pad-token <|endoftext|>",
        "tokenizer=meta-llama/Llama-3 pad_token=<|eot_id|>",
        "basic training started",
        "hf_hub_download hf_datasets sk-learning",
        "sig=0.00012345678901234567",
        "password=None api_key=null",
        "step 100 | loss 2.31 | lr 1e-3",
    ],
)
def test_what_is_none_stays(said):
    assert redact(said) == said


TOKEN = st.text(string.ascii_letters + string.digits + "-_+/.=~!@#$%^&*", min_size=8, max_size=40)
SPELLINGS = {
    "plain": lambda s: s,
    "percent": lambda s: quote(s, safe=""),
    "percent, small": lambda s: quote(s, safe="").lower(),
    "every byte in percent": lambda s: "".join(f"%{byte:02x}" for byte in s.encode()),
    "percent twice": lambda s: quote(quote(s, safe=""), safe=""),
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64 for addresses": lambda s: base64.urlsafe_b64encode(s.encode()).decode().rstrip("="),
    "user and password in base64": lambda s: base64.b64encode(f"user:{s}".encode()).decode(),
    "hexadecimal": lambda s: s.encode().hex(),
    "JSON": lambda s: json.dumps(s).replace("/", "\\/"),
    "JSON, all escaped": lambda s: "".join(f"\\u{ord(c):04X}" for c in s),
    "HTML": html.escape,
    "folded": lambda s: "\r\n  ".join(s[i : i + 7] for i in range(0, len(s), 7)),
    "in invisible characters": "\u200b".join,
    "upper case": str.upper,
}


def leaks(said: str, secret: str) -> bool:
    """Return whether a text holds the secret in any of the spellings."""
    dense = "".join(said.split()).casefold()
    return any("".join(spell(secret).split()).casefold() in dense for spell in SPELLINGS.values())


@given(TOKEN, st.sampled_from(sorted(SPELLINGS)), st.text(max_size=60), st.text(max_size=60))
def test_no_spelling_of_a_known_secret_is_quoted(secret, spelling, before, after):
    said = quoted(f"{before} {SPELLINGS[spelling](secret)} {after}", (secret,), 200)
    assert not leaks(said, secret)
    assert not any(ord(c) < 32 for c in said)


@given(
    st.text(string.ascii_letters + string.digits, min_size=12, max_size=30),
    st.sampled_from(sorted(SPELLINGS)),
    st.integers(0, 120),
)
def test_a_part_of_an_address_is_not_quoted_wherever_the_answer_is_cut(part, spelling, shift):
    address = f"https://hooks.example.com/services/T0/{part}"
    for sent in (part, f"/services/T0/{part}", address):
        body = "x" * shift + SPELLINGS[spelling](sent)
        for outcome in (
            judge("it", 400, body, {}, (address,)),
            SlackChannel(address)._judge(500, body, {}),
        ):
            reason = outcome.reason
            assert not any(part[:n] in reason for n in range(8, len(part) + 1))


def test_the_words_of_a_server_stay():
    assert quoted("no_service", ("https://hooks.slack.com/services/T0/B0/hush",), 80) == "no_service"
    assert quoted(f"bad token hush-hush\x1b[2J {HEX40}", ("hush-hush",), 80) == f"bad token {MARK} {MARK}"


def test_an_answer_of_64_kib_is_judged_in_one_go():
    body = "%41" * 20_000
    assert quoted(body, ("A" * 30,), 80) == ""
    assert sys.getsizeof(quoted("x" * 65_536, ("A" * 30,), 80)) < 400
