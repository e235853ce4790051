"""An archive of the JVM's classes: with it spark-submit comes to its first line of work in half the time.

The JVM takes none while a folder that holds files is on the class path, as Spark's conf/ is; so conf/ is given by name.
"""

import os
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from spark_jobs.settings import ROOT

CONF = ["--properties-file", str(ROOT / "conf" / "spark-defaults.conf")]
ENVIRONMENT = """
. {root}/conf/spark-env.sh
SPARK_CONF_DIR={folder}/none
SPARK_SUBMIT_OPTS="$SPARK_SUBMIT_OPTS -Dlog4j2.configurationFile={root}/conf/log4j2.properties"
"""
RECORD = "-XX:+RecordDynamicDumpInfo"


def begin(folder: Path) -> None:
    """From here on this process and those that it starts find conf/ by name, and its own session can be archived."""
    conf = folder / "conf"
    conf.mkdir()
    (conf / "spark-env.sh").write_text(ENVIRONMENT.format(root=ROOT, folder=conf))
    os.environ["SPARK_CONF_DIR"] = os.environ["PIPELINE_SPARK_CONF"] = str(conf)
    os.environ["SPARK_SUBMIT_OPTS"] = RECORD


def dump(spark: SparkSession, path: Path) -> None:
    """Writes the classes that the session has loaded so far: `jcmd VM.cds dynamic_dump`, which a JRE does not bring."""
    jvm = spark._jvm
    command = _array(spark, jvm.String, "dynamic_dump", str(path))
    values, kinds = _array(spark, jvm.Object, command), _array(spark, jvm.String, "[Ljava.lang.String;")
    bean = jvm.javax.management.ObjectName("com.sun.management:type=DiagnosticCommand")
    server = jvm.java.lang.management.ManagementFactory.getPlatformMBeanServer()
    methods = jvm.Class.forName("javax.management.MBeanServer").getMethods()
    invoke = next(method for method in methods if method.getName() == "invoke")
    invoke.invoke(server, _array(spark, jvm.Object, bean, "vmCds", values, kinds))


def _array(spark: SparkSession, kind: Any, *values: Any) -> Any:
    made = spark.sparkContext._gateway.new_array(kind, len(values))
    for place, value in enumerate(values):
        made[place] = value
    return made


def options(path: Path) -> str:
    """What has a JVM use the archive; where it cannot, it says nothing and does without."""
    return f"-XX:SharedArchiveFile={path} -Xlog:cds*=off"
