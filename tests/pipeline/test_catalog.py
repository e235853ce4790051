"""items.csv in the raw folder supplies the metadata of `items`, and the events supply missing values."""

from decimal import Decimal

import pytest

from spark_jobs.postgres.loader import PostgresLoader
from tests.conftest import Pipeline
from tests.events import HEAD, event_line

EVENTS = HEAD + "".join(
    [
        event_line(time="09:01:00", item_id=1001, category_code="electronics.smartphone", brand="acme", price="10.00"),
        event_line(time="09:02:00", item_id=1002, category_code="electronics.audio", brand="", price="20.00"),
        event_line(time="09:03:00", item_id=1003, category_code="", brand="", price="0.00"),
    ]
)
ITEMS = "SELECT item_id, name, category, brand, price, description, image_url FROM items ORDER BY 1"
FROM_EVENTS = [
    (1001, "acme smartphone", "electronics.smartphone", "acme", 10, None, None),
    (1002, "audio", "electronics.audio", None, 20, None, None),
    (1003, "item 1003", None, None, 0, None, None),
]


@pytest.fixture
def loaded_pipeline(pipeline, postgres) -> Pipeline:
    pipeline.put("a.csv", EVENTS)
    pipeline.land()
    pipeline.validate()
    pipeline.load()
    assert postgres(ITEMS) == FROM_EVENTS
    return pipeline


def load_catalog(pipeline: Pipeline, text: str | bytes) -> list[str]:
    """Load with this items.csv and return the messages."""
    pipeline.put("items.csv", text)
    pipeline.messages.clear()
    assert pipeline.land()["files_landed"] == 0
    pipeline.load()
    return pipeline.messages


def test_values_from_items_csv_take_precedence_and_the_events_supply_the_rest(loaded_pipeline, postgres):
    text = (
        "\ufeffprice, item_id ,name,description,brand,image_url,colour\r\n"
        '12.345,1001,"Phone ""X""","two\r\nlines, one item",,https://img/1.jpg,red\r\n'
        ",1003,,,zeta,,\r\n"
        "7,9000,Lamp,,,,\r\n"
    )
    assert load_catalog(loaded_pipeline, text) == ["items.csv: 3 items loaded."]
    expected = [
        (1001, 'Phone "X"', "electronics.smartphone", "acme", 12.35, "two\r\nlines, one item", "https://img/1.jpg"),
        FROM_EVENTS[1],
        (1003, "zeta", None, "zeta", 0, None, None),
        (9000, "Lamp", None, None, 7, None, None),
    ]
    assert [(*row[:4], float(row[4]), *row[5:]) for row in postgres(ITEMS)] == expected
    assert load_catalog(loaded_pipeline, text) == []  # the same content is not loaded twice
    assert load_catalog(loaded_pipeline, "item_id,name\n1002,Radio\n") == ["items.csv: 1 items loaded."]
    assert postgres(ITEMS) == [FROM_EVENTS[0], (1002, "Radio", *FROM_EVENTS[1][2:]), FROM_EVENTS[2]]


def test_later_events_do_not_overwrite_values_from_items_csv(loaded_pipeline, postgres):
    load_catalog(loaded_pipeline, "item_id,name,price\n1001,Phone,1.50\n1004,Lamp,\n")
    loaded_pipeline.put(
        "b.csv", HEAD + event_line(time="09:05:00", item_id=1001, category_code="a.b", brand="beta", price="99.00")
    )
    loaded_pipeline.put(
        "c.csv", HEAD + event_line(time="09:06:00", item_id=1004, category_code="a.lamp", brand="", price="3.00")
    )
    loaded_pipeline.land()
    loaded_pipeline.validate()
    loaded_pipeline.load()
    assert postgres(ITEMS) == [
        (1001, "Phone", "a.b", "beta", Decimal("1.50"), None, None),
        *FROM_EVENTS[1:],
        (1004, "Lamp", "a.lamp", None, 3, None, None),
    ]


@pytest.mark.parametrize(
    "text, said",
    [
        ("name\nLamp\n", "the required column item_id is missing from the header; known: item_id, name, category"),
        ("item_id,name,name\n1,a,b\n", "the header names the column name twice; name it once."),
        (
            "item_id\n1001\nx1\n",
            'after the header, line 2, column item_id: invalid input syntax for type bigint: "x1"; '
            "fix it: no row of the file was loaded.",
        ),
        ('item_id\n"x\ny"\n', 'column item_id: invalid input syntax for type bigint: "x y"; fix it'),
        ("item_id\n" + "x" * 999 + "\n", "column item_id: invalid input syntax for type bigint: [...]; fix it"),
        ("name,item_id\nLamp,\n", 'line 1: null value in column "item_id"'),
        (
            "item_id\n0\n",
            'line 1: new row for relation "items.csv" violates check constraint "item_id is greater than 0"',
        ),
        ("item_id\n9223372036854775808\n", 'line 1, column item_id: value "9223372036854775808" is out of range'),
        ("item_id,price\n1001,-1\n", 'violates check constraint "price is 0 or greater"'),
        ("item_id,price\n1001,NaN\n", 'violates check constraint "price is 0 or greater"'),
        ("item_id,price\n1001,100000000\n", "line 1, column price: numeric field overflow"),
        (
            "item_id,name\n1001," + "x" * 201 + "\n",
            "line 1, column name: value too long for type character varying(200)",
        ),
        (
            "item_id,name\n1001,a\n01001,b\n",
            'line 2: duplicate key value violates unique constraint "item_id occurs once"',
        ),
        ("item_id,name\n1001,a,b\n", "line 1: extra data after last expected column"),
        (b"item_id,name\n1001,\xff\n", "not valid UTF-8"),
        ("", "the file is empty; it must begin with a header."),
    ],
)
def test_an_unusable_items_csv_is_refused_in_one_line_and_changes_nothing(postgres, database, text, said, tmp_path):
    from spark_jobs.errors import SourceError
    from spark_jobs.postgres.catalog import digest, replace
    from spark_jobs.postgres.database import choose_address
    from spark_jobs.sources import files

    path = tmp_path / "items.csv"
    with PostgresLoader(choose_address(database, "local")) as loader:

        def load_content(content: str | bytes) -> None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            found = files.examine(str(path))
            if found.refusal:
                raise SourceError(found.refusal)
            with loader.transaction() as cursor, files.open_content(str(path), found.body_from) as body:
                replace(cursor, body, found.header, found.digest)

        load_content("item_id,name\n1001,Phone\n")
        before = postgres(ITEMS), digest(loader.connection.cursor())
        with pytest.raises(SourceError) as caught:
            load_content(text)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)
        assert (postgres(ITEMS), digest(loader.connection.cursor())) == before


def test_a_refused_items_csv_does_not_stop_the_load_of_events(loaded_pipeline, postgres):
    assert load_catalog(loaded_pipeline, "item_id\nx\n") == [
        'refused: items.csv: after the header, line 1, column item_id: invalid input syntax for type bigint: "x"; '
        "fix it: no row of the file was loaded."
    ]
    assert postgres(ITEMS) == FROM_EVENTS
