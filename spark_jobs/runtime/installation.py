"""What an installed Spark needs before its first use: the jars, and this project's configuration.

The set-up of a checkout runs this module. An installed package does the same with its first command that starts Spark.

Why the folder `conf` of the installed Spark is a link: Spark reads its configuration from SPARK_CONF_DIR, or else from
that folder. A bare `spark-submit`, a notebook and Airflow's operator start Spark without SPARK_CONF_DIR.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from spark_jobs.errors import PipelineError
from spark_jobs.project import PROJECT
from spark_jobs.runtime import environment, jars

SPARK = environment.find_own_spark()
CONF = SPARK / "conf"
PROGRAMS = ("spark-submit", "spark-sql")
TOOL = Path(__file__).with_name("spark-tool.sh")
UNQUOTED = re.compile(r"^( *)\. \$\{SPARK_ENV_SH\}$", re.MULTILINE)


def main() -> int:
    """Complete the Spark of this environment; let its spark-submit and spark-sql always run this Spark."""
    try:
        _link_configuration()
        _link_programs()
        jars.install_jars()
    except OSError as error:
        raise PipelineError(
            f"{error.filename}: {error.strerror}. The first command completes the installed Spark: run pipeline doctor "
            "once as the user who installed the package."
        ) from error
    return 0


def complete_package() -> None:
    """Complete the Spark of an installed package, with a line on stderr; do nothing where it is complete.

    A process of its own does it, whose JVM ends with it: the JVM of this process must start with the new jars. Raises
    PipelineError with the reason.
    """
    if not PROJECT.is_package or (jars.are_present() and _is_linked()):
        return
    sys.stderr.write("the first command fetches the jars of Delta, once …\n")
    log = environment.find_log_folder(os.environ, PROJECT) / "setup.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as out:
        command = [sys.executable, "-P", "-m", "spark_jobs.runtime.installation"]
        done = subprocess.run(command, stdout=out, stderr=out, check=False)
    if done.returncode:
        raise PipelineError(f"{log.read_text(encoding='utf-8').splitlines()[-1]} (all messages: {log})")


def _link_programs() -> None:
    """Replace pyspark's scripts, next to this Python or, in an image, elsewhere on PATH."""
    for name in PROGRAMS:
        beside = Path(sys.executable).parent / name
        program = beside if beside.exists() or beside.is_symlink() else Path(shutil.which(name) or beside)
        program.unlink(missing_ok=True)
        program.symlink_to(TOOL)


def _link_configuration() -> None:
    if CONF.exists() and not CONF.is_symlink():
        raise PipelineError(
            f"{CONF} is a folder of another software, and the pipeline needs its own configuration there; install the "
            "package into an environment of its own."
        )
    if not _is_linked():
        CONF.unlink(missing_ok=True)
        CONF.symlink_to(PROJECT.conf)
    # Spark does not quote the path of spark-env.sh, so it would not find it below a folder with a blank in its name.
    loader = SPARK / "bin" / "load-spark-env.sh"
    text = loader.read_text(encoding="utf-8")
    if UNQUOTED.search(text):
        loader.write_text(UNQUOTED.sub(r'\1. "${SPARK_ENV_SH}"', text), encoding="utf-8")


def _is_linked() -> bool:
    return CONF.is_symlink() and CONF.resolve() == PROJECT.conf.resolve()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except PipelineError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
