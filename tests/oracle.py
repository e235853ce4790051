"""An independent oracle: every table from CSV text in plain Python, written from the rules and not from the jobs.

Slow and simple on purpose: dictionaries, Decimal, sorted lists. It reads files with LF or CRLF ends in Kaggle's form
or in the design's own, and answers with dictionaries keyed by id.
"""

import csv
import re
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from statistics import median

OURS = {"event_time": "timestamp", "product_id": "item_id", "user_session": "session_id"}
WEIGHTS = {"view": 1, "cart": 3, "rating": 4, "purchase": 5}
CENT, FOUR = Decimal("0.01"), Decimal("0.0001")
TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(?: UTC|Z|([+-])(\d\d):?(\d\d))?", re.ASCII)


def half_up(value: Decimal, unit: Decimal) -> Decimal:
    return value.quantize(unit, ROUND_HALF_UP)


def good_events(*paths: Path) -> list[dict]:
    """The rows that pass every rule (hours are not judged here)."""
    events = []
    for path in paths:
        lines = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n").split("\n")
        header = [OURS.get(name.strip(), name.strip()) for name in next(csv.reader(lines[:1]))]
        for line in lines[1:]:
            fields = next(csv.reader([line]), []) if line.strip() else []
            if len(fields) == len(header):
                event = _event(dict(zip(header, fields, strict=True)))
                events += [event] if event else []
    return events


def _event(row: dict) -> dict | None:
    text = {
        name: row.get(name) if (row.get(name) or "").strip() else None
        for name in ("session_id", "category_code", "brand")
    }
    numbers = {}
    for name in ("user_id", "item_id", "category_id"):
        value = (row.get(name) or "").strip()
        if value and not (re.fullmatch(r"-?[0-9]+", value) and abs(int(value)) < 2**63):
            return None
        numbers[name] = int(value) if value else None
    for name in ("price", "rating"):
        value = (row.get(name) or "").strip()
        if value and not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
            return None
        exact = Decimal(value) if value else None
        if name == "price" and exact is not None and exact < 0:
            return None
        numbers[name] = half_up(exact, CENT) if value else None
    kind = (row.get("event_type") or "").strip()
    moment = _moment((row.get("timestamp") or "").strip())
    bad = kind not in WEIGHTS or moment is None or not 2000 <= moment.year < 2100
    bad = bad or any((numbers[name] or 0) <= 0 for name in ("user_id", "item_id"))
    bad = bad or (numbers["rating"] is not None and not 1 <= numbers["rating"] <= 5)
    limits = {"session_id": 50, "category_code": 50, "brand": 100}
    bad = bad or any(value and (len(value) > limits[name] or "\0" in value) for name, value in text.items())
    return None if bad else {"event_type": kind, "timestamp": moment} | numbers | text


def _moment(text: str) -> datetime | None:
    match = TIME.fullmatch(text)
    try:
        day, clock, fraction, sign, hours, minutes = match.groups()
        moment = datetime.fromisoformat(f"{day} {clock}") + timedelta(
            microseconds=int(((fraction or ".0")[1:] + "000000")[:6])
        )
    except (AttributeError, ValueError):
        return None
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    return moment - offset if sign != "-" else moment + offset


def order(event: dict) -> tuple:
    """Latest first; ties: price descending, then the rest ascending, nulls last, text by its bytes."""

    def last(value):
        return (value is None, value.encode() if isinstance(value, str) else value or 0)

    ties = [last(event[name]) for name in ("session_id", "category_id", "category_code", "brand", "rating")]
    return (
        -(event["timestamp"] - datetime(1970, 1, 1)).total_seconds(),
        *last(None if event["price"] is None else -event["price"]),
        *ties,
    )


def deduped(events: list[dict]) -> list[dict]:
    best: dict[tuple, dict] = {}
    for event in events:
        key = (
            event["user_id"],
            event["item_id"],
            event["event_type"],
            event["timestamp"].replace(second=0, microsecond=0),
        )
        if key not in best or order(event) < order(best[key]):
            best[key] = event
    return list(best.values())


def cleaned(events: list[dict]) -> list[dict]:
    prices, ratings = defaultdict(list), defaultdict(list)
    for event in events:
        day = event["timestamp"].date()
        if event["price"]:
            for key in (("item", event["item_id"]), ("category", event["category_id"]), ("day", None)):
                prices[(day, *key)].append(event["price"])
        if event["rating"] is not None:
            for key in (("item", event["item_id"]), ("day", None)):
                ratings[(day, *key)].append(event["rating"])
    result = []
    for event in events:
        day, price, rating = event["timestamp"].date(), event["price"] or None, event["rating"]
        source = "given" if price else "none"
        ladder = [("item", event["item_id"]), ("category", event["category_id"]), ("day", None)]
        for name, key in ladder if not price else []:
            known = prices.get((day, name, key)) if name != "category" or key is not None else None
            if known:
                price, source = half_up(Decimal(median(known)), CENT), name
                break
        rated = "given" if rating is not None else "none"
        for name, key in (ladder[0], ladder[2]) if rating is None and event["event_type"] == "rating" else []:
            if known := ratings.get((day, name, key)):
                rating, rated = half_up(sum(known) / len(known), CENT), name
                break
        result.append(event | {"price": price, "price_source": source, "rating": rating, "rating_source": rated})
    return result


def matrix(events: list[dict]) -> dict[tuple[int, int], float]:
    cells: dict[tuple[int, int], float] = defaultdict(float)
    for event in events:
        cells[event["user_id"], event["item_id"]] += WEIGHTS[event["event_type"]]
    return dict(cells)


def _mean(values: list[Decimal]) -> Decimal | None:
    return half_up(sum(values) / len(values), FOUR) if values else None


def _counts(events: list[dict]) -> dict:
    counts = {f"{kind}_count": sum(e["event_type"] == kind for e in events) for kind in WEIGHTS}
    times = [event["timestamp"] for event in events]
    return counts | {"total_events": len(events), "first_seen": min(times), "last_seen": max(times)}


def _grouped(events: list[dict], name: str) -> dict[int, list[dict]]:
    groups = defaultdict(list)
    for event in events:
        groups[event[name]].append(event)
    return groups


def user_features(events: list[dict]) -> dict[int, dict]:
    result = {}
    for user, own in _grouped(events, "user_id").items():
        spent = [e["price"] for e in own if e["event_type"] == "purchase" and e["price"] is not None]
        days = len({e["timestamp"].date() for e in own})
        score: dict[int | None, int] = defaultdict(int)
        for e in own:
            score[e["category_id"]] += WEIGHTS[e["event_type"]]
        whole = sum(score.values())
        top = sorted(((-s, c) for c, s in score.items() if c is not None))[:5]
        parts = {"dawn": range(7), "morning": range(7, 13), "afternoon": range(13, 19), "evening": range(19, 24)}
        by_part = {name: sum(e["timestamp"].hour in hours for e in own) for name, hours in parts.items()}
        counts = _counts(own)
        result[user] = counts | {
            "unique_items": len({e["item_id"] for e in own}),
            "avg_price": _mean([e["price"] for e in own if e["price"] is not None]),
            "total_spent": sum(spent, Decimal("0.00")),
            "avg_purchase_amount": _mean(spent),
            "active_days": days,
            "purchase_frequency": half_up(Decimal(counts["purchase_count"]) / days, FOUR),
            "preferred_category": top[0][1] if top else None,
            "category_preference": [(c, -s / whole) for s, c in top],
            "preferred_time": max(by_part, key=by_part.get),
        }
    return result


def item_features(events: list[dict]) -> dict[int, dict]:
    groups = _grouped(events, "item_id")
    most = {
        kind: max(sum(e["event_type"] == kind for e in own) for own in groups.values()) for kind in ("view", "purchase")
    }
    result = {}
    for item, own in groups.items():
        counts, latest = _counts(own), sorted(own, key=order)
        price = _mean([e["price"] for e in own if e["price"] is not None])
        limits = [("budget", 30), ("mid", 100), ("premium", 300)]
        shares = {kind: counts[f"{kind}_count"] / most[kind] if most[kind] else 0.0 for kind in most}
        result[item] = counts | {
            "unique_users": len({e["user_id"] for e in own}),
            "unique_purchasers": len({e["user_id"] for e in own if e["event_type"] == "purchase"}),
            "avg_rating": _mean([e["rating"] for e in own if e["rating_source"] == "given"]),
            "avg_price": price,
            "price_range": next((n for n, limit in limits if price <= limit), "luxury") if price is not None else None,
            "popularity_score": 0.3 * shares["view"] + 0.7 * shares["purchase"],
            **{
                n: next((e[n] for e in latest if e[n] is not None), None)
                for n in ("category_id", "category_code", "brand")
            },
        }
    return result


def items(events: list[dict]) -> dict[int, tuple]:
    """PostgreSQL's items: name, category, brand, price, from the validated events."""
    result = {}
    for item, own in _grouped(events, "item_id").items():
        latest = sorted(own, key=order)
        category, brand = (next((e[n] for e in latest if e[n]), None) for n in ("category_code", "brand"))
        prices = [e["price"] for e in latest if e["price"] is not None]
        price = next((p for p in prices if p > 0), prices[0] if prices else None)
        name = " ".join(part for part in (brand, (category or "").rpartition(".")[2]) if part)
        result[item] = (name or f"item {item}", category, brand, price)
    return result
