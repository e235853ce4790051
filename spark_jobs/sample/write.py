"""The writer of a sample: arrays to a CSV file in Kaggle's format, piece by piece."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from spark_jobs.sample.catalog import Catalog
from spark_jobs.sample.events import TYPES, Content, Events

PIECE = 500_000
HEX = np.frombuffer(b"".join(b"%02x" % i for i in range(256)), np.uint8).reshape(256, 2)
NO_SESSION_EVERY = 4_000_037  # two of 42 million rows have none


def write(events: Events, shop: Catalog, path: Path, content: Content, seed: int) -> None:
    """Write the file under a name that readers ignore, then rename it. Raises OSError where it cannot be written."""
    part = path.with_name("_" + path.name + ".part")
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    with part.open("wb") as file:
        for number, table in enumerate(_build_tables(events, shop, content, seed)):
            if number == 0:
                file.write((",".join(table.column_names) + "\n").encode())
            csv.write_csv(table, file, options)
    part.replace(path)


def _build_tables(events: Events, shop: Catalog, content: Content, seed: int) -> Iterator[pa.Table]:
    codes = pa.array(shop.category_code, pa.string())
    brands = pa.array(shop.brands, pa.string())
    types = pa.array((*TYPES, *content.further))
    for begin in range(0, len(events.time), PIECE):
        piece = slice(begin, begin + PIECE)
        item = events.item[piece]
        category = shop.category[item]
        columns = {
            "event_time": pc.strftime(pa.array(events.time[piece], pa.timestamp("s")), "%Y-%m-%d %H:%M:%S UTC"),
            "event_type": types.take(pa.array(events.kind[piece])),
            "product_id": pa.array(shop.item_id[item]),
            "category_id": pa.array(shop.category_id[category]),
            "category_code": codes.take(pa.array(category)),
            "brand": brands.take(pa.array(shop.brand[item])),
            "price": _format_decimal(events.price[piece]),
            "user_id": pa.array(events.user[piece]),
            "user_session": _format_uuids(events.session[piece], seed),
        }
        if content.ratings:
            ratings_of_piece = events.rating[piece]
            columns["rating"] = pa.array(ratings_of_piece, mask=ratings_of_piece == 0)
        yield pa.table(columns)


def _format_decimal(cents: np.ndarray) -> pa.Array:
    """Return cents as text with two decimals."""
    whole, rest = pc.cast(pa.array(cents // 100), pa.string()), pc.cast(pa.array(cents % 100), pa.string())
    return pc.binary_join_element_wise(whole, pc.utf8_lpad(rest, 2, "0"), ".")


def _format_uuids(session: np.ndarray, seed: int) -> pa.Array:
    """Mix each session's number into 16 bytes and return them as a UUID; null where the session has none."""
    number = session.astype(np.uint64)
    halves = [_mix_bits(number * np.uint64(2) + np.uint64(i), seed) for i in range(2)]
    raw = np.stack(halves, axis=1).astype(">u8").view(np.uint8).reshape(-1, 16)
    text = np.full((len(raw), 36), ord("-"), np.uint8)
    digits = HEX[raw].reshape(-1, 32)
    for target, source, width in ((0, 0, 8), (9, 8, 4), (14, 12, 4), (19, 16, 4), (24, 20, 12)):
        text[:, target : target + width] = digits[:, source : source + width]
    offsets = pa.py_buffer(np.arange(0, 36 * (len(text) + 1), 36, dtype=np.int32))
    texts = pa.StringArray.from_buffers(len(text), offsets, pa.py_buffer(text.tobytes()))
    return pc.if_else(pa.array(session % NO_SESSION_EVERY == NO_SESSION_EVERY - 1), pa.scalar(None, pa.string()), texts)


def _mix_bits(number: np.ndarray, seed: int) -> np.ndarray:
    """Return 64 well-mixed bits from a counter (SplitMix64)."""
    mixed = number + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
