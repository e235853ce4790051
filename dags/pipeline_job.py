"""The tasks of all DAGs: spark-submit with its window, pool and exit codes, the sensors, and the texts in the UI."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.providers.common.compat.openlineage.utils import spark as spark_lineage
from airflow.providers.openlineage import conf as openlineage
from airflow.providers.standard.sensors.bash import BashSensor
from airflow.sdk import Asset, BaseSensorOperator, Context, Param
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRuntimeError,
    AirflowSensorTimeout,
    AirflowSkipException,
)
from airflow.sdk.log import mask_secret

FILES = Path(__file__).resolve().parents[1]  # a checkout, or the files in an installed package
JOBS = next(path / "jobs" for path in (FILES / "spark_jobs", FILES.parent) if (path / "jobs").is_dir())
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FORMATS = {HOUR: "%Y-%m-%dT%H", DAY: "%Y-%m-%d"}
WRONG_SETTING, NOT_ARRIVED = 2, 4  # exit codes of the jobs; docs/reference/exit-codes.md
DONE, MISSING, STOPPED = "done", "missing", "stopped"  # outcomes of the jobs; spark_jobs/observability/outcome.py
POKE, POKE_MOST, PATIENCE = timedelta(minutes=1), timedelta(minutes=5), timedelta(hours=6)
SETTLING = timedelta(minutes=2)  # after its start, Airflow creates the runs that are due within this time
LISTENER = "io.openlineage.spark.agent.OpenLineageSparkListener"
API_KEY = "spark.openlineage.transport.auth.apiKey"
RUNS = 4  # so that a run that waits for its hours does not block a manual one; the pools keep tasks in order

DEFAULTS = {
    "owner": "data-team",
    "depends_on_past": False,
    "email_on_failure": False,
    "email_on_retry": False,
    "retries": 2,
    "retry_delay": timedelta(minutes=5),
    "priority_weight": 10,  # above maintenance, which may be due at the same start
    "weight_rule": "upstream",  # in a pool's queue, runs that have begun are finished first
    "execution_timeout": timedelta(hours=6),
}
MOMENT: dict[str, Any] = {"type": ["null", "string"], "pattern": r"^(\d{4}-\d{2}-\d{2}(T\d{2})?)?$"}
PARAMS = {
    "start": Param(None, **MOMENT, description="first hour or day, UTC: 2019-10-01 or 2019-10-01T05"),
    "end": Param(None, **MOMENT, description="the hour or day after the last one; empty: one hour or day"),
}


def hours(dag_run: Any, params: Any) -> list[str]:
    """Return --start and --end of a collection run, in the format of the jobs."""
    return _choose_window(dag_run, params, HOUR)


def days(dag_run: Any, params: Any) -> list[str]:
    """Return --start and --end of a preprocessing run, in the format of the jobs."""
    return _choose_window(dag_run, params, DAY)


def _choose_window(dag_run: Any, params: Any, unit: timedelta) -> list[str]:
    """Return the parameters if given; else the hour or day of the run's date; without a date, the last full one."""
    if params.get("start") or params.get("end"):
        return [params.get("start") or "", params.get("end") or ""]  # the job chooses a missing one
    last = _floor(dag_run.run_after, unit) - unit
    first = min(_floor(dag_run.logical_date, unit), last) if dag_run.logical_date else last
    return [f"{moment:{FORMATS[unit]}}" for moment in (first, first + unit)]


def _build_arguments(window: str) -> list[str]:
    """Return the options of a job over a window, as templates that call `hours` or `days`."""
    return ["--start", f"{{{{ {window}(dag_run, params)[0] }}}}", "--end", f"{{{{ {window}(dag_run, params)[1] }}}}"]


def _floor(moment: datetime, unit: timedelta) -> datetime:
    return moment.replace(hour=0 if unit == DAY else moment.hour, minute=0, second=0, microsecond=0)


# The arguments of all DAGs, and of the DAGs over a window.
POLICY: dict[str, Any] = {"catchup": False, "default_args": DEFAULTS}
WINDOWED: dict[str, Any] = POLICY | {
    "start_date": datetime(2019, 10, 1, tzinfo=UTC),
    "max_active_runs": RUNS,
    "params": PARAMS,
    "user_defined_macros": {"hours": hours, "days": days},
}


def asset(job: str) -> Asset:
    """Return the asset for the tables that a job writes."""
    return Asset(f"pipeline_{job}")


def lineage(context: Context) -> dict[str, str]:
    """Return the options with which Spark reports to OpenLineage what a job reads and writes.

    The task is the parent of these events, and they go where Airflow sends its own. Without options where Airflow sends
    none, or where the provider cannot configure that transport for Spark. Each attempt has its own file next to
    Airflow's: Spark writes a long line in pieces, so lines in a common file would mix.
    """
    if openlineage.is_disabled():
        return {}
    parent = spark_lineage.inject_parent_job_information_into_spark_properties({}, context)
    transport = openlineage.transport()
    if transport.get("type") == "file":
        name = f"spark-{parent['spark.openlineage.parentRunId']}.ndjson"
        path = Path(transport["log_file_path"]).with_name(name)
        sent = {"spark.openlineage.transport.type": "file", "spark.openlineage.transport.location": str(path)}
    else:
        sent = spark_lineage.inject_transport_information_into_spark_properties({}, context)
        if key := sent.get(API_KEY):
            sent[API_KEY] = key.removeprefix("Bearer ")  # the listener adds the word
        mask_secret([value for key, value in sent.items() if key.endswith("apiKey") or ".headers." in key])
    listener = {"spark.extraListeners": LISTENER, "spark.openlineage.namespace": openlineage.namespace()}
    return listener | sent | parent if sent else {}


class PipelineJob(SparkSubmitOperator):
    """Submits one job. Its summary becomes the XCom and the asset's metadata; its outcome sets the task's state.

    `goes_on_with`: another outcome with which the task succeeds. With MISSING, it succeeds only at its last try.
    `verdict_of`: earlier tasks. When its own job is done, this task fails if one of them has stopped an hour, and is
    skipped if one of them has missed an hour.
    """

    custom_operator_name = "spark-submit"  # clearer in the UI than the name of the class

    def __init__(
        self,
        *,
        job: str,
        window: str | None = None,
        arguments: Sequence[str] = (),
        task_id: str = "",
        goes_on_with: str = DONE,
        verdict_of: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(
            task_id=task_id or job,
            name=job,
            application=str(JOBS / f"{job}.py"),
            application_args=[*arguments, *(_build_arguments(window) if window else [])],
            outlets=[asset(task_id or job)],
            **kwargs,
        )
        self.goes_on_with, self.verdict_of = goes_on_with, verdict_of

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]  # there it says None
        """Run the job to its end, and return what it read, wrote and rejected."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "summary.json"
            self.env_vars = (self.env_vars or {}) | {"PIPELINE_SUMMARY": str(path)}
            self.conf = (self.conf or {}) | lineage(context)
            try:
                super().execute(context)
            except AirflowException:
                if not path.exists():  # the job did not start, or was killed: keep the provider's error
                    raise
            if not path.exists():
                raise AirflowException(f"{self.task_id} has written no outcome; read its log above.")
            summary = json.loads(path.read_text(encoding="utf-8"))
        try:
            self._raise_for_outcome(summary, context["ti"])
        except AirflowException:
            try:
                context["ti"].xcom_push(key="return_value", value=summary)  # the work of the job is done
            except AirflowRuntimeError as error:  # the task still ends with the verdict
                self.log.warning("the summary could not be saved as XCom: %s", error)
            raise
        for asset in self.outlets:
            context["outlet_events"][asset].extra.update(summary)
        return summary

    def _raise_for_outcome(self, summary: Mapping[str, Any], task: Any) -> None:
        """Raise where this task is not successful, because of its job's outcome or that of an earlier task."""
        outcome, sentence = summary["outcome"], f"{self.task_id}: {summary.get('sentence', 'see the lines above')}"
        if outcome not in (DONE, self.goes_on_with):
            is_final = outcome == STOPPED or summary["exit_code"] == WRONG_SETTING  # a retry would fail again
            raise (AirflowFailException if is_final else AirflowException)(sentence)
        if outcome == MISSING and task.try_number <= task.max_tries:
            raise AirflowException(sentence)
        before = [task.xcom_pull(task_ids=name) or {} for name in self.verdict_of]
        if stopped := [each["stopped"] for each in before if each.get("outcome") == STOPPED]:
            raise AirflowFailException(
                f"stopped: {', '.join(stopped)}; all other hours are loaded. Fix or accept these, then clear the run."
            )
        if missing := [each["missing"] for each in before if each.get("outcome") == MISSING]:
            raise AirflowSkipException(f"not arrived: {', '.join(missing)}; a later run loads it when it arrives.")


class WaitForHours(BashSensor):
    """A sensor that is skipped after its timeout: a day without any hour is not red. An error is red."""

    def execute(self, context: Context) -> Any:
        """Ask once; Airflow schedules the task again until the answer is yes."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout:
            raise AirflowSkipException("no hour of the day has arrived; the day is built when one arrives.") from None


def wait_for_hours(pool: str) -> WaitForHours:
    """Return the sensor that asks the ledger whether the day is ready. It uses a slot only while it asks."""
    arguments = " ".join(f"'{argument}'" for argument in _build_arguments("days"))
    return WaitForHours(
        task_id="wait_for_data_collection",
        bash_command=f"exec spark-submit {quote(str(JOBS / 'wait_for_data_collection.py'))} {arguments}",
        retry_exit_code=NOT_ARRIVED,
        mode="reschedule",
        poke_interval=POKE,
        exponential_backoff=True,
        max_wait=POKE_MOST,
        timeout=PATIENCE.total_seconds(),
        pool=pool,
    )


class WaitForRuns(BaseSensorOperator):
    """Waits until no run of these DAGs is queued or running; after PATIENCE, continues while they run.

    After a start of Airflow, all missed runs are due at the same moment. The runs of these DAGs go first.
    """

    def __init__(self, *, dag_ids: Sequence[str], **kwargs: Any) -> None:
        wait = {"mode": "reschedule", "poke_interval": POKE.total_seconds(), "timeout": PATIENCE.total_seconds()}
        super().__init__(**{**wait, **kwargs})
        self.dag_ids = dag_ids

    def poke(self, context: Context) -> bool:
        """Return whether Airflow has created the runs that were due at its start, and all of them have ended."""
        begun = context["dag_run"].start_date
        if begun is None or datetime.now(UTC) - begun < SETTLING:
            return False
        count = context["ti"].get_dr_count
        return not any(count(dag_id=name, states=["queued", "running"]) for name in self.dag_ids)

    def execute(self, context: Context) -> Any:
        """Ask once; Airflow schedules the task again until the answer is yes."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout:
            self.log.warning("runs of %s have not ended within %s; not waiting any longer.", self.dag_ids, PATIENCE)
