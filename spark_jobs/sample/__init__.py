"""Generated events in Kaggle's format, calibrated on the published figures of October 2019 (see `figures`)."""

from spark_jobs.sample.generate import Span as Span
from spark_jobs.sample.generate import generate as generate
