"""What is measured, one module for each, in the order in which they run."""

from bench.measurements.measurement import Measurement
from bench.measurements.one_client import ONE_CLIENT

MEASUREMENTS: tuple[Measurement, ...] = (ONE_CLIENT,)
