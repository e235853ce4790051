"""The counts by event type of `daily_interactions`, as the settings declare the types."""

from pyspark.sql import DataFrame

from spark_jobs.errors import SettingsError
from spark_jobs.settings import Settings
from spark_jobs.transforms.interactions import fill_counts, list_counted_types


def complete_counts(interactions: DataFrame, settings: Settings) -> DataFrame:
    """Return the rows with a count for each declared event type; 0 where a row is older than the type.

    Raises SettingsError where the table counts a type that the settings do not declare: its events would be lost.
    """
    types = settings.events.names
    if unknown := sorted(set(list_counted_types(interactions)) - set(types)):
        raise SettingsError(
            f"events.types: {', '.join(unknown)} is missing, but daily_interactions counts its events. Declare it; to "
            "reject new events of a type, leave it out of events.allowed_types."
        )
    return fill_counts(interactions, types)
