"""An archive of the JVM's classes, which halves the time that spark-submit needs before the job's first line.

The JVM does not use an archive if the class path has a folder with files, such as Spark's conf/. Therefore every file
of conf/ is passed by name.
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


def configure_environment(folder: Path) -> None:
    """Make this process and its children pass conf/ by name, and let the JVM of this session record its classes."""
    conf = folder / "conf"
    conf.mkdir()
    (conf / "spark-env.sh").write_text(ENVIRONMENT.format(root=ROOT, folder=conf))
    os.environ["SPARK_CONF_DIR"] = os.environ["PIPELINE_SPARK_CONF"] = str(conf)
    os.environ["SPARK_SUBMIT_OPTS"] = RECORD


def write_archive(spark: SparkSession, path: Path) -> None:
    """Archive the classes that the session has loaded so far, like `jcmd VM.cds dynamic_dump` (a JRE has no jcmd)."""
    jvm = spark._jvm
    command = _java_array(spark, jvm.String, "dynamic_dump", str(path))
    values, kinds = _java_array(spark, jvm.Object, command), _java_array(spark, jvm.String, "[Ljava.lang.String;")
    bean = jvm.javax.management.ObjectName("com.sun.management:type=DiagnosticCommand")
    server = jvm.java.lang.management.ManagementFactory.getPlatformMBeanServer()
    methods = jvm.Class.forName("javax.management.MBeanServer").getMethods()
    invoke = next(method for method in methods if method.getName() == "invoke")
    invoke.invoke(server, _java_array(spark, jvm.Object, bean, "vmCds", values, kinds))


def _java_array(spark: SparkSession, kind: Any, *values: Any) -> Any:
    array = spark.sparkContext._gateway.new_array(kind, len(values))
    for position, value in enumerate(values):
        array[position] = value
    return array


def jvm_options(path: Path) -> str:
    """Return the options that make a JVM use the archive; a JVM that cannot use it starts silently without it."""
    return f"-XX:SharedArchiveFile={path} -Xlog:cds*=off"
