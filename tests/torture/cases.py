"""The pairs of fault and moment that are tested, and the reason why the other pairs cannot behave differently."""

# Each failpoint with its job and the state of the run at that moment.
FAILPOINTS = {
    "undo.decided": ("extract_events", "rows of a killed landing found, not yet taken back"),
    "landing.read": ("extract_events", "files read, nothing written"),
    "landing.written": ("extract_events", "raw_events committed, the ledger not"),
    "landing.recorded": ("extract_events", "landed_files committed, day_status not"),
    "validation.read": ("validate_data_quality", "judged, nothing written"),
    "validation.events": ("validate_data_quality", "between the two Delta commits"),
    "validation.written": ("validate_data_quality", "rejected rows committed, the ledger not"),
    "validation.recorded": ("validate_data_quality", "hour_status committed, day_status not"),
    "load.read": ("load_to_database", "Delta done, PostgreSQL not begun"),
    "load.copy": ("load_to_database", "within COPY"),
    "load.copied": ("load_to_database", "COPY committed, its task not reported"),
    "load.uncommitted": ("load_to_database", "all rows in, PostgreSQL's commit not made"),
    "load.committed": ("load_to_database", "PostgreSQL committed, the ledger not"),
    "load.recorded": ("load_to_database", "hour_status committed, day_status not"),
    "build.written": ("remove_duplicates", "deduped_events committed, the ledger not"),
    "build.recorded": ("handle_missing_values", "all committed, day_status not"),
    "matrix.judged": ("create_user_item_matrix", "matrix judged, nothing written"),
    "matrix.users": ("create_user_item_matrix", "user_index committed, item_index not"),
    "matrix.items": ("create_user_item_matrix", "item_index committed, the matrix not"),
    "matrix.written": ("create_user_item_matrix", "matrix committed, the ledger not"),
    "features.judged": ("feature_engineering", "features judged, nothing written"),
    "features.sums": ("feature_engineering", "item_sums committed, user_features not"),
    "features.users": ("feature_engineering", "user_features committed, item_features not"),
    "features.written": ("feature_engineering", "item_features committed, the ledger not"),
}
EVERYWHERE = tuple(FAILPOINTS)
SNAPSHOTS = tuple(name for name in FAILPOINTS if name.startswith(("matrix.", "features.")))
SNAPSHOTS_VALIDATED = ("matrix.judged", "features.judged")
WHERE = {
    "JVM killed": EVERYWHERE,
    "driver killed": (
        *("landing.written", "validation.events", "load.copy", "load.uncommitted", "load.committed", "build.written"),
        *("matrix.items", "features.users"),
    ),
    "SIGTERM": ("landing.written", "load.copy", "build.written"),
    "PostgreSQL restarted": ("load.read", "load.copy", "load.uncommitted", "load.committed"),
    "PostgreSQL gone 30 s": ("load.copy", "load.uncommitted"),
    "disk full": ("landing.read", "validation.read", "validation.events", "build.written", *SNAPSHOTS_VALIDATED),
    "started twice": (
        *("landing.written", "validation.events", "load.uncommitted", "build.written"),
        *("matrix.items", "features.users"),
    ),
    "frozen, wakes later": (
        *(
            "undo.decided",
            "landing.read",
            "landing.written",
            "validation.read",
            "validation.events",
            "validation.written",
        ),
        *("load.read", "load.copy", "load.uncommitted", "load.committed", "build.written", *SNAPSHOTS),
    ),
}
LEFT_OUT = {
    "driver killed": "the JVM ends by itself then, so that what is left is what a killed JVM leaves: a moment of each "
    "kind shows that it does",
    "SIGTERM": "ends the driver where it is, as a kill does; a moment of each kind shows that its handler adds nothing",
    "PostgreSQL restarted": "no other moment has a connection that could break",
    "PostgreSQL gone 30 s": "before and after COPY and commit the next statement fails as after a restart",
    "disk full": "after the last write of a job there is nothing that could fail; between the writes of matrix and "
    "features it fails as before the first; PostgreSQL's disk is its server's",
    "started twice": "the lock is held from the job's first to its last line, wherever the first one stands",
    "frozen, wakes later": "after the last write of a job nothing is left that it could do on waking",
}
SHORT = (  # one case of each fault and one more kill; part of `make test-all`
    *(("JVM killed", "landing.written"), ("disk full", "landing.read"), ("driver killed", "validation.events")),
    *(("started twice", "load.uncommitted"), ("SIGTERM", "load.copy"), ("PostgreSQL restarted", "load.uncommitted")),
    *(("PostgreSQL gone 30 s", "load.copy"), ("frozen, wakes later", "load.uncommitted")),
    ("JVM killed", "load.uncommitted"),
)


def pairs() -> list[tuple[str, str]]:
    """List (fault, failpoint) of every case of a seed, ordered by job."""
    return [(fault, point) for point in FAILPOINTS for fault, points in WHERE.items() if point in points]
