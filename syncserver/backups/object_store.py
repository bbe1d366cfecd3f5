"""The S3-compatible store for copies of restore points: put, get, list, remove, errors in words.

Only this module knows the client library, which comes with the extra `s3`.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import urlsplit

import urllib3
from minio import Minio
from minio.error import MinioException, S3Error

from syncserver.backups.store_failures import NotStored, StoreFailed, StoreUnreachable
from syncserver.collections import atomic_files
from syncserver.settings import Settings

CONNECT_SECONDS: Final = 10.0
READ_SECONDS: Final = 30.0
# Of one request, a little apart; whoever calls comes back later anyway.
RETRIES: Final = urllib3.Retry(
    total=2, backoff_factor=0.5, status_forcelist=(500, 502, 503, 504), allowed_methods=None
)
# Larger files go in parts of this size, which are in memory one at a time.
PART_BYTES: Final = 16 * 1024 * 1024
READ_BYTES: Final = 1024 * 1024
NO_SUCH_OBJECT: Final = frozenset({"NoSuchKey", "NoSuchObject"})
WRONG_KEY: Final = frozenset({"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"})


class ObjectStore:
    """The objects in one bucket whose names begin with the installation's prefix."""

    def __init__(self, settings: Settings) -> None:
        address = urlsplit(settings.offsite_url)
        self._bucket = settings.offsite_bucket
        self._prefix = settings.offsite_prefix
        self._client = Minio(
            address.netloc,
            access_key=settings.offsite_access_key,
            secret_key=settings.offsite_secret_key.get_secret_value(),
            secure=address.scheme == "https",
            region=settings.offsite_region,
            http_client=urllib3.PoolManager(
                timeout=urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS),
                retries=RETRIES,
            ),
        )

    def put(self, name: str, content: BinaryIO, size: int) -> None:
        """Store `size` bytes under a name. Raises StoreFailed."""
        with self._explained():
            self._client.put_object(
                self._bucket,
                self._prefix + name,
                content,
                size,
                part_size=PART_BYTES,
                num_parallel_uploads=1,  # else seven parts are in memory
            )

    def put_file(self, name: str, path: Path) -> None:
        """Store a file under a name. Raises StoreFailed, FileNotFoundError."""
        with path.open("rb") as file:
            self.put(name, file, path.stat().st_size)

    def put_bytes(self, name: str, content: bytes) -> None:
        """Store some bytes under a name. Raises StoreFailed."""
        self.put(name, io.BytesIO(content), len(content))

    def size(self, name: str) -> int | None:
        """Return the size of an object, None if there is none. Raises StoreFailed."""
        try:
            with self._explained():
                return self._client.stat_object(self._bucket, self._prefix + name).size
        except NotStored:
            return None

    def get(self, name: str, target: Path) -> None:
        """Fetch an object into a temporary file. Raises NotStored, StoreFailed, DiskFull."""
        with self._explained():
            response = self._client.get_object(self._bucket, self._prefix + name)
            try:
                atomic_files.write_parts(target, response.stream(READ_BYTES))
            finally:
                response.close()
                response.release_conn()

    def names(self, prefix: str) -> list[str]:
        """Return the names that begin with `prefix`, in order. Raises StoreFailed."""
        with self._explained():
            found = self._client.list_objects(
                self._bucket, prefix=self._prefix + prefix, recursive=True
            )
            return sorted(str(one.object_name)[len(self._prefix) :] for one in found)

    def remove(self, name: str) -> None:
        """Remove an object, if it is there. Raises StoreFailed."""
        with self._explained():
            self._client.remove_object(self._bucket, self._prefix + name)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except S3Error as problem:
            raise self._refusal(problem) from None
        except (MinioException, urllib3.exceptions.HTTPError) as problem:
            raise StoreUnreachable(f"the store cannot be used: {problem}") from None
        except ValueError as problem:
            raise StoreFailed(f"the store cannot be used: {problem}") from None

    def _refusal(self, problem: S3Error) -> StoreFailed:
        if problem.code in NO_SUCH_OBJECT:
            return NotStored("there is no such object in the store")
        if problem.code in WRONG_KEY:
            return StoreFailed(f"the store refuses the key ({problem.code})")
        if problem.code == "NoSuchBucket":
            return StoreFailed(f"the store has no bucket {self._bucket!r}")
        return StoreFailed(f"the store refuses: {problem.code}: {problem.message}")
