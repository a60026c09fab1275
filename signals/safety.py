"""Safety patterns of a text: refusals, personal data, secrets and prompt injection; and their redaction.

Patterns are regular expressions that polars runs (Rust, linear time). They begin with literals wherever they can, and
those about digits and addresses look only at texts in which the scan saw enough digits, or an @.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numba as nb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from records.columns import Columns
from records.hashing import column_bytes
from signals import scan

_DENIAL = r"(?:can(?:no|'|(?u:’))t|can not|won(?:'|(?u:’))t|will not|(?: am|'m|(?u:’)m| are|'re|(?u:’)re) (?:unable|not able))"
_SERVICE = (
    r"(?:help|assist|provide|fulfil|comply|answer|create|generate|write|support|discuss|share|offer|give|engage|"
    r"participate|access|perform|process|complete|continue|respond|recommend|disclose|do that|do this|browse)"
)
REFUSAL = (
    rf"(?-u:\b(?:I|[Ww]e) ?{_DENIAL}(?: to)?(?: [a-z]+)? {_SERVICE}"
    rf"|\b(?i:sorry|apologi[sz]e|afraid|unfortunately)[ ,;'A-Za-z-]{{0,40}}\b(?:I|we) ?(?:{_DENIAL}|do not have|don't have)\b"
    r"|\b[Aa]s an? (?:AI|artificial intelligence|(?:large )?language model)\b"
    r"|\bI (?:(?:must|have to|will have to)(?: respectfully| politely)?|respectfully|politely) decline\b"
    r"|\b(?:against|violates?) (?:my|our) (?:[a-z]+ )?(?:guidelines|programming|policy|policies|principles))"
)
_REFUSAL_NEEDS = (
    r"can(?:not|'t|’t| not) |won(?:'t|’t) |will not |unable|not able|orry|ORRY|pologi|POLOGI|fraid|FRAID|nfortunat|NFORTUNAT"
    r"| an? AI|artificial intelligence|language model| decline|against (?:my|our)|violates? (?:my|our)"
)
INJECTION = (
    r"(?i-u:\b(?:ignore|disregard|forget|override|bypass) (?:all |any |each |every |the |your |my |our |of |these |those )*"
    r"(?:previous|prior|above|earlier|preceding|former|system|initial|original|safety)(?: [a-z]+)?"
    r" (?:instruction|prompt|rule|direction|guideline|message|command|restriction|filter|context)"
    r"|\b(?:system prompt|hidden prompt|hidden instruction|secret prompt|secret instruction|your instructions\b)"
    r"|\bjailbreak|\bdo anything now\b|\byou are (?:now )?(?:DAN|in developer mode|unrestricted)\b"
    r"|\bdeveloper mode (?:enabled|on)\b|\bpretend (?:that )?you (?:have no|are not bound|do not have any) "
    r"|<\|im_start\|>|\[/?INST\])"
)
_INJECTION_NEEDS = (
    r"ignore |disregard |forget |override |bypass |system prompt|hidden prompt|hidden inst|secret prompt|secret inst"
    r"|your instructions|jailbreak|do anything now|you are now|you are dan|you are in dev|you are unr|developer mode "
    r"|pretend |im_start|inst\]"
)
EMAIL = r"(?-u:\b[A-Za-z0-9][A-Za-z0-9._%+-]*@(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b)"
_EXTENSION = r"(?: ?(?:x|ext\.?) ?[0-9]{1,6})?\b"
PHONE = (
    r"(?-u:(^|(?u:[^0-9A-Za-z.+*/=$<>-]))(?:"
    r"\+[0-9]{1,3}(?:[ .-]?\(0?[0-9]{0,4}\))?(?:[ .-]?[0-9]){6,12}|00[0-9]{1,3}[-. ][0-9](?:[-. ]?[0-9]){6,11}"
    r"|(?:(?:\+?1|001)[-. ])?(?:\([0-9]{3}\) ?|[0-9]{3}[-. ])[0-9]{3}[-. ][0-9]{4}"
    r"|\(0?[0-9]{2,4}\) ?[0-9]{3,4}[-. ]?[0-9]{3,4}"
    r"|0[0-9]{2,3}(?:[. ][0-9]{2,4}){2,3}|0[0-9]{2,3}-[0-9]{3,4}-[0-9]{2,4}|0[0-9]{1,2}[-. ][0-9]{4}[-. ][0-9]{4}"
    rf"|0[0-9]{{1,4}}[- ][0-9]{{5,8}}|0[0-9](?:[-. ][0-9]{{2}}){{4}}){_EXTENSION}"
    r"|((?i:\b(?:phone|tele|mobile|cell|fax|whatsapp|call|ring|dial)"
    r"(?:[ :#'-]|number|no\.|is|at|me|us|on|to|my)*))"
    rf"[0-9](?:[-. ]?[0-9]){{6,12}}{_EXTENSION})"
)
"""A number with a +, a trunk 0 or an area code in the usual groups; or any of 7 to 13 digits shortly after a word for it.
The groups are what stands before and is kept."""
CARD = (
    r"(?-u:(?:^|(?u:[^0-9A-Za-z.]))((?:[2-6][0-9]{12,18}|1800[0-9]{11}|[2-6][0-9]{3}[ -][0-9]{6}[ -][0-9]{4,5}"
    r"|[2-6][0-9]{3}(?:[ -][0-9]{4}){2}[ -](?:[0-9]{4}(?:[ -][0-9]{3})?|[0-9]{1,3})))\b)"
)
KEY = (
    r"(?-u:\b(?:sk-[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36,}|xox[abprs]-[A-Za-z0-9-]{10,}"
    r"|AIza[0-9A-Za-z_-]{35}|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"
    r"|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:[\x00-\x7F]*?-----END (?:[A-Z]+ )*PRIVATE KEY-----)?)"
)

_KEY_NEEDS = r"sk-|AKIA|gh[pousr]_|xox[abprs]-|AIza|eyJ|-----BEGIN "


@nb.njit(cache=True, nogil=True)
def _luhn(offsets: NDArray[np.int64], data: NDArray[np.uint8]) -> NDArray[np.bool_]:
    out = np.zeros(len(offsets) - 1, np.bool_)
    for i in range(len(out)):
        total, double, digits = np.int64(0), False, 0
        for j in range(offsets[i + 1] - 1, offsets[i] - 1, -1):
            digit = np.int64(data[j]) - 48
            if digit < 0 or digit > 9:
                continue
            value = 2 * digit if double else digit
            total += value - 9 if value > 9 else value
            double = not double
            digits += 1
        out[i] = total % 10 == 0 and 13 <= digits <= 19
    return out


def luhn(numbers: pl.Series) -> NDArray[np.bool_]:
    """Whether each number of 13 to 19 digits satisfies ISO/IEC 7812-1's check digit; what is no digit is skipped."""
    valid: NDArray[np.bool_] = _luhn(*column_bytes(numbers))
    return valid


def _has(pattern: str) -> Callable[[pl.Series], NDArray[np.bool_]]:
    return lambda column: column.str.contains(pattern).to_numpy()


def _has_card(column: pl.Series) -> NDArray[np.bool_]:
    out = column.str.contains(CARD).to_numpy(writable=True)
    rows = np.flatnonzero(out)
    if len(rows):
        found = column.gather(rows).str.extract_all(CARD)
        owners = np.repeat(rows, found.list.len().to_numpy())
        out[:] = False
        out[owners[luhn(found.explode())]] = True
    return out


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, and what is cheap to know of a text without which it cannot be there: an expression of the column
    `text`, or at least `least` in the column `seen` of the scan."""

    matches: Callable[[pl.Series], NDArray[np.bool_]]
    possible: pl.Expr | None = None
    seen: int = scan.WORDS
    least: int = 1


_TEXT = pl.col("text")
PATTERNS = {
    "refusal": Pattern(_has(REFUSAL), _TEXT.str.contains(_REFUSAL_NEEDS)),
    "injection": Pattern(_has(INJECTION), _TEXT.str.to_lowercase().str.contains(_INJECTION_NEEDS)),
    "key": Pattern(_has(KEY), _TEXT.str.contains(_KEY_NEEDS)),
    "email": Pattern(_has(EMAIL), seen=scan.AT_SIGNS),
    "phone": Pattern(_has(PHONE), seen=scan.PHONE_DIGITS, least=7),
    "card": Pattern(_has_card, seen=scan.CARD_DIGITS, least=13),
}


def measure(
    texts: pl.Series,
    null: NDArray[np.bool_],
    counts: NDArray[np.int32],
    wanted: Callable[[str], bool],
    out: Columns,
) -> None:
    """Add the wanted patterns of both sides as booleans, missing where `null`; `texts` are all prompts, then all
    responses, and `counts` their scan."""
    chosen = {name: p for name, p in PATTERNS.items() if wanted(f"prompt.{name}") or wanted(f"response.{name}")}
    looks = [pattern.possible.fill_null(False).alias(name) for name, pattern in chosen.items() if pattern.possible is not None]
    looked = texts.to_frame("text").select(looks)
    for name, pattern in chosen.items():
        possible = looked[name].to_numpy() if pattern.possible is not None else counts[:, pattern.seen] >= pattern.least
        rows = np.flatnonzero(possible)
        found = np.where(null, -1, 0).astype(np.int8)
        if len(rows):
            found[rows] = pattern.matches(texts.filter(pl.Series(possible)))
        out.boolean[f"prompt.{name}"], out.boolean[f"response.{name}"] = found[: out.n], found[out.n :]


def _mask_cards(column: pl.Series) -> pl.Series:
    found = column.str.extract_all(CARD)
    candidates = found.filter(found.list.len() > 0).explode().str.extract(r"([0-9].*)").unique()
    cards = candidates.filter(pl.Series(luhn(candidates))).to_list()
    return column.str.replace_many(dict.fromkeys(cards, "[card]"), leftmost=True) if cards else column


def redact(column: pl.Series) -> pl.Series:
    """The texts with each key, e-mail address, card number and phone number replaced by its name in brackets."""
    column = column.str.replace_all(KEY, "[key]").str.replace_all(EMAIL, "[email]")
    return _mask_cards(column).str.replace_all(PHONE, "${1}${2}[phone]")
