"""The ledger: which files landed, which hours are committed, what each day was built from.

`spark_jobs/ledger_rows.py` has the type of each table's rows.
"""

from spark_jobs.ledger_rows import BuildRow, DayRow, FileRow, HourRow, LeaseRow, SuppressedUserRow
from spark_jobs.tables.model import AVERAGE, Field, LedgerTable

LANDED_FILES: LedgerTable[FileRow] = LedgerTable(
    "landed_files",
    "Every file ever seen in the raw folder: what was read from it, or why it was refused.",
    (
        Field("file_id", "INT", "Number of the file, never reused.", False),
        Field("path", "STRING", "Real path of the file, links resolved; the key.", False),
        Field("status", "STRING", "landed, refused, duplicate (same content under another name) or vanished.", False),
        Field(
            "sentence",
            "STRING",
            "Why it was refused or not read, or which columns were skipped. Null: nothing to report.",
        ),
        Field("size", "BIGINT", "Bytes on disk when last checked.", False),
        Field("modified", "BIGINT", "Modification time when last checked, microseconds since 1970.", False),
        Field("digest", "STRING", "SHA-256 of the uncompressed content. Null: refused."),
        Field("content_bytes", "BIGINT", "Bytes of uncompressed content read so far. Null: refused."),
        Field("header", "ARRAY<STRING>", "The header's column names, trimmed. Null: refused."),
        Field("part", "INT", "How many times it was read: the revision of its latest rows.", False),
        Field("rows", "BIGINT", "Records of this file in raw_events.", False),
        Field(
            "hours",
            "ARRAY<STRUCT<hour: TIMESTAMP, rows: BIGINT, low: BIGINT, high: BIGINT, unfinished: BOOLEAN>>",
            "Records and order-free digest per UTC hour (null: undated).",
            False,
        ),
        Field("unfinished_from", "BIGINT", "Offset of a last line without newline, bytes of content. Null: none."),
        Field("landed_at", "TIMESTAMP", "When this row last changed, UTC; outside every comparison.", False),
        Field("raw_version", "BIGINT", "Version of raw_events that this state belongs to.", False),
        Field("records", "BIGINT", "Records counted while the file was hashed. Null: landed before this was recorded."),
        Field("suppressed", "BIGINT", "Records skipped because their user was erased. Null: none, or not recorded."),
        Field(
            "suppressed_unfinished",
            "BOOLEAN",
            "True: the unfinished last line is one of these. Null: no, or not recorded.",
        ),
        Field(
            "name", "STRING", "Name when it first landed; a name ending in .gz means gzip. Null: the path's last part."
        ),
        Field(
            "rule_version",
            "INT",
            "Lowest version of the rules that parsed it; 0: the next landing reads it again. Null: 1.",
        ),
    ),
    key=("path",),
)

HOUR_STATUS: LedgerTable[HourRow] = LedgerTable(
    "hour_status",
    "The ledger of hours: one row for each UTC hour that has, or had, rows, and for each file's undated rows.",
    (
        Field("unit", "STRING", "The hour as 2019-10-01T00, or undated:<file_id>; the key.", False),
        Field("month", "STRING", "The UTC month as 2019-10, or undated; the partition.", False),
        Field("hour", "TIMESTAMP", "The UTC hour. Null: undated."),
        Field(
            "status",
            "STRING",
            "stopped, committed (in Delta) or loaded (in PostgreSQL too); undated rows: rejected.",
            False,
        ),
        Field("raw_rows", "BIGINT", "Rows of raw_events that were validated.", False),
        Field("raw_digest", "STRING", "Digest of those rows; a landing that changes it makes the hour dirty.", False),
        Field("valid_rows", "BIGINT", "Rows in user_events.", False),
        Field("rejected_rows", "BIGINT", "Rows in rejected_events.", False),
        Field(
            "reasons", "MAP<STRING, BIGINT>", "Rejected rows by reason; a row with two reasons counts in both.", False
        ),
        Field(
            "types", "MAP<STRING, BIGINT>", "Rows by event type. Null: stopped, or validated before this was recorded."
        ),
        Field("mean_price", AVERAGE, "Mean of the prices above 0 of the valid rows. Null: none, or not recorded."),
        Field(
            "content_digest",
            "STRING",
            "Digest of the hour's rows in user_events; PostgreSQL's ledger has the same.",
            False,
        ),
        Field("warnings", "ARRAY<STRING>", "Warnings of the verdict; empty: none.", False),
        Field(
            "verdict",
            "STRING",
            "What failed, as a sentence, for an hour that was stopped or accepted. Null: passed.",
        ),
        Field("accepted", "STRING", "The reason given with --accept-rejects. Null: not needed."),
        Field("updated_at", "TIMESTAMP", "When this row last changed, UTC; outside every comparison.", False),
        Field("rule_version", "INT", "Version of the validation rules that were applied. Null: 1."),
        Field(
            "writes",
            "MAP<STRING, BIGINT>",
            "Version of user_events and rejected_events with the rows; outside every comparison. Null: not recorded.",
        ),
    ),
    key=("unit",),
    partition="month",
)

DAY_BUILDS: LedgerTable[BuildRow] = LedgerTable(
    "day_builds",
    "The last build of each preprocessing step for each day, and what it was built from.",
    (
        Field("day", "DATE", "The UTC day.", False),
        Field(
            "step", "STRING", "remove_duplicates, handle_missing_values, or a snapshot's step (its as-of day).", False
        ),
        Field("status", "STRING", "built or stopped.", False),
        Field("input_digest", "STRING", "Digest of the content and the settings it was built from.", False),
        Field(
            "output_digest",
            "STRING",
            "Digest that the next step takes as its input; it changes when the build changes.",
            False,
        ),
        Field("rows_in", "BIGINT", "Rows read.", False),
        Field("rows_out", "BIGINT", "Rows written.", False),
        Field("counts", "MAP<STRING, STRING>", "The counts of the step, by name.", False),
        Field(
            "reads", "MAP<STRING, BIGINT>", "Version of each table that was read. Null: built before this was recorded."
        ),
        Field("verdict", "STRING", "For a stopped day, the expectation that failed, as a sentence. Null: passed."),
        Field("built_at", "TIMESTAMP", "Time of the build, UTC; outside every comparison.", False),
        Field(
            "writes",
            "MAP<STRING, BIGINT>",
            "Version of each table written; outside every comparison. Null: not recorded.",
        ),
        Field("rule_versions", "MAP<STRING, INT>", "Version of each rule set that was applied. Null: each is 1."),
    ),
    key=("day", "step"),
    partition="step",
)

DAY_STATUS: LedgerTable[DayRow] = LedgerTable(
    "day_status",
    "The state of each day: one row for each day with an hour that has, or had, rows.",
    (
        Field("day", "DATE", "The UTC day; the key.", False),
        Field("hours_loaded", "INT", "Hours whose events are in user_events and in PostgreSQL.", False),
        Field("hours_empty", "INT", "Hours without rows before the latest hour that landed.", False),
        Field("hours_stopped", "INT", "Hours that failed their verdict.", False),
        Field("hours_missing", "INT", "Hours not arrived or not yet loaded, stopped ones included.", False),
        Field("complete", "BOOLEAN", "True when each of the 24 hours is loaded or empty.", False),
        Field("dirty", "BOOLEAN", "True when hours changed since the day was last built.", False),
        Field("built", "BOOLEAN", "True when cleaned_events has the day.", False),
    ),
    key=("day",),
)

SUPPRESSED_USERS: LedgerTable[SuppressedUserRow] = LedgerTable(
    "suppressed_users",
    "Erased users: landing skips their records. The ids themselves are not stored.",
    (
        Field(
            "user_hmac", "STRING", "HMAC-SHA-256 of the user_id with the warehouse's key, hexadecimal; the key.", False
        ),
        Field("key_id", "STRING", "Which key: 16 digits of an HMAC of a fixed word. Any other key is refused.", False),
        Field(
            "suppressed_at",
            "TIMESTAMP",
            "When the user was added, UTC; outside every comparison.",
            False,
        ),
        Field("erased_at", "TIMESTAMP", "When no table had the user any more, UTC. Null: make forget is not finished."),
    ),
    key=("user_hmac",),
)

LEASES: LedgerTable[LeaseRow] = LedgerTable(
    "leases",
    "Which attempt may write as each writer: the latest, and no earlier one.",
    (
        Field("part", "STRING", "The writer: collection, preprocessing, matrix or features; the key.", False),
        Field(
            "epoch",
            "BIGINT",
            "Number of the attempt, higher for each one: seconds since 1970, or one more than the last.",
            False,
        ),
        Field("warehouse", "STRING", "Id of this warehouse, drawn once; PostgreSQL identifies it by that.", False),
        Field("host", "STRING", "Machine on which the attempt's driver runs.", False),
        Field("taken_at", "TIMESTAMP", "When the attempt began, UTC.", False),
        Field("layout", "INT", "Version of the tables' layout that it writes. Null: 1, not recorded yet."),
    ),
    key=("part",),
    partition="part",
)
