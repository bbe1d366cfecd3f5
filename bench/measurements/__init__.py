"""What is measured, one module for each, in the order in which they run."""

from bench.measurements.beside_others import BESIDE_OTHERS
from bench.measurements.many_users import MANY_USERS
from bench.measurements.measurement import Measurement
from bench.measurements.media import MEDIA
from bench.measurements.memory import MEMORY
from bench.measurements.one_client import ONE_CLIENT
from bench.measurements.sizes import SIZES
from bench.measurements.transfers import TRANSFERS

MEASUREMENTS: tuple[Measurement, ...] = (
    ONE_CLIENT,
    TRANSFERS,
    MANY_USERS,
    BESIDE_OTHERS,
    SIZES,
    MEDIA,
    MEMORY,
)
