"""Orders as EDI: ANSI X12 850 (005010) and UN/EDIFACT ORDERS (D.96A, EAN008). Why no library writes them: docs/adr/0009.

Both are segments of elements. What must hold, and is tested by reading the files with independent readers: control
numbers and counts agree, a separator never stands in a value unmarked, lengths stay in their limits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from shelfcast.domain.errors import BadParameter
from shelfcast.pipeline.order_formats import Envelope, OrderLine, orders, plain

UNITS = {"each": ("EA", "PCE"), "kg": ("KG", "KGM"), "l": ("LT", "LTR"), "m": ("MR", "MTR"), "g": ("GR", "GRM")}
"""Stock unit -> code in X12 (element 355) and EDIFACT (6411)."""
ASSIGNED_BY_BUYER = "92"


def unit_codes(unit: str) -> tuple[str, str]:
    """
    Raises:
        BadParameter: a unit EDI has no code for here.
    """
    name = (unit or "each").strip().lower()
    if name not in UNITS:
        raise BadParameter.unknown(
            "stock unit", unit, UNITS, "Set `unit` of the item to one of these, or send CSV or JSON."
        )
    return UNITS[name]


def _fits(value: str, most: int, what: str) -> str:
    if not 0 < len(value) <= most:
        raise BadParameter(f"{what} {value!r} has {len(value)} characters; EDI allows 1 to {most}. Send CSV or JSON.")
    return value


# X12


def as_x12(lines: Sequence[OrderLine], envelope: Envelope) -> bytes:
    """One interchange, one group, a transaction set 850 for each order."""
    element, ender, component = _separators(lines, envelope)
    made, control = envelope.made_at, f"{envelope.number % 10**9:09d}"
    sender, recipient = (_fits(one, 15, "party").ljust(15) for one in (envelope.sender, envelope.recipient))
    head = [
        ["ISA", "00", " " * 10, "00", " " * 10, "ZZ", sender, "ZZ", recipient, f"{made:%y%m%d}", f"{made:%H%M}", "U", "00501",
         control, "0", "P", component],
        ["GS", "PO", envelope.sender, envelope.recipient, f"{made:%Y%m%d}", f"{made:%H%M}", str(envelope.number), "X", "005010"],
    ]  # fmt: skip
    sets = orders(lines, envelope)
    body = [
        segment for number, (name, group) in enumerate(sets, 1) for segment in _x12_set(number, name, group, envelope)
    ]
    tail = [["GE", str(len(sets)), str(envelope.number)], ["IEA", "1", control]]
    return "".join(element.join(segment) + ender + "\n" for segment in [*head, *body, *tail]).encode()


def _x12_set(number: int, name: str, group: Sequence[OrderLine], envelope: Envelope) -> Iterable[list[str]]:
    first, control = group[0], f"{number:04d}"
    ordered = first.order_date or envelope.made_at.date()
    found = [
        ["ST", "850", control],
        ["BEG", "00", "NE", _fits(name, 22, "order number"), "", f"{ordered:%Y%m%d}"],
        ["CUR", "BY", envelope.currency],
    ]
    if first.delivery_date:
        found.append(["DTM", "002", f"{first.delivery_date:%Y%m%d}"])
    found += [
        ["N1", "ST", "", ASSIGNED_BY_BUYER, _fits(first.destination_id, 80, "location")],
        ["N1", "VN", "", ASSIGNED_BY_BUYER, _fits(first.source_id, 80, "source")],
    ]
    for place, line in enumerate(group, 1):
        price = ["", ""] if line.unit_cost is None else [plain(line.unit_cost), ""]
        found.append(
            [
                "PO1",
                str(place),
                plain(line.qty),
                unit_codes(line.unit)[0],
                *price,
                "BP",
                _fits(line.item_id, 80, "item"),
            ]
        )
        found.append(["REF", "LI", _fits(line.order_ref, 80, "order_ref")])
    found.append(["CTT", str(len(group))])
    return [*found, ["SE", str(len(found) + 1), control]]


def _separators(lines: Sequence[OrderLine], envelope: Envelope) -> tuple[str, str, str]:
    """Separators no value holds: X12 can't mark them inside a value, but may declare others.

    Raises:
        BadParameter: the values hold all there are.
    """
    used = set(envelope.sender + envelope.recipient + envelope.currency)
    for line in lines:
        used |= set(line.order_ref + line.source_id + line.destination_id + line.item_id)
    if used & {"\n", "\r"}:
        raise BadParameter("an id of an order line holds a line break, which X12 can't carry. Send CSV or JSON.")
    free = [[one for one in choice if one not in used] for choice in ("*|^!", "~'\x1d", ">:\\\x1f")]
    if not all(free):
        raise BadParameter("the ids of the order lines hold every separator X12 has. Send CSV or JSON.")
    return free[0][0], free[1][0], free[2][0]


# EDIFACT


def as_edifact(lines: Sequence[OrderLine], envelope: Envelope) -> bytes:
    """One interchange, a message ORDERS for each order. Latin-1 where it holds all characters, else UTF-8 (UNOW)."""
    made, reference = envelope.made_at, f"{envelope.number}"
    sets = orders(lines, envelope)
    messages = [
        segment
        for number, (name, group) in enumerate(sets, 1)
        for segment in _edifact_message(number, name, group, envelope)
    ]
    text = "".join(messages)
    try:
        text.encode("latin-1")
        syntax, encoding = _composite("UNOC", "3"), "latin-1"
    except UnicodeEncodeError:
        syntax, encoding = _composite("UNOW", "4"), "utf-8"
    parties = [_composite(_fits(one, 35, "party"), "ZZZ") for one in (envelope.sender, envelope.recipient)]
    head = "UNA:+.? '" + _segment("UNB", syntax, *parties, _composite(f"{made:%y%m%d}", f"{made:%H%M}"), reference)
    return (head + text + _segment("UNZ", str(len(sets)), reference)).encode(encoding)


def _edifact_message(number: int, name: str, group: Sequence[OrderLine], envelope: Envelope) -> list[str]:
    first = group[0]
    ordered = first.order_date or envelope.made_at.date()
    found = [
        _segment("UNH", str(number), _composite("ORDERS", "D", "96A", "UN", "EAN008")),
        _segment("BGM", "220", _marked(_fits(name, 35, "order number")), "9"),
        _segment("DTM", _composite("137", f"{ordered:%Y%m%d}", "102")),
    ]
    if first.delivery_date:
        found.append(_segment("DTM", _composite("2", f"{first.delivery_date:%Y%m%d}", "102")))
    for role, party in (("BY", first.destination_id), ("SU", first.source_id), ("DP", first.destination_id)):
        found.append(_segment("NAD", role, _composite(_fits(party, 35, "party"), "", ASSIGNED_BY_BUYER)))
    found.append(_segment("CUX", _composite("2", envelope.currency, "9")))
    for place, line in enumerate(group, 1):
        found += [
            _segment("LIN", str(place)),
            _segment("PIA", "1", _composite(_fits(line.item_id, 35, "item"), "IN")),
            _segment("QTY", _composite("21", plain(line.qty), unit_codes(line.unit)[1])),
        ]
        if line.unit_cost is not None:
            found.append(_segment("PRI", _composite("AAA", plain(line.unit_cost))))
        found.append(_segment("RFF", _composite("LI", _fits(line.order_ref, 35, "order_ref"))))
    found += [_segment("UNS", "S"), _segment("CNT", _composite("2", str(len(group))))]
    return [*found, _segment("UNT", str(len(found) + 1), str(number))]


def _segment(tag: str, *elements: str) -> str:
    """Elements are composites or marked texts already."""
    return "+".join((tag, *elements)) + "'"


def _composite(*parts: str) -> str:
    return ":".join(_marked(one) for one in parts)


def _marked(text: str) -> str:
    """Separators inside a value get the release character in front.

    >>> _marked("A+B'C?")
    "A?+B?'C??"
    """
    return "".join("?" + one if one in "?+:'" else one for one in text)
