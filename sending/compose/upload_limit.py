"""Uploads that are far too large are cut off while they come in, whatever their size says."""

from __future__ import annotations

from typing import Final

from django.core.files.uploadhandler import FileUploadHandler, StopUpload

# All files of a message together, and room for the form around them.
LIMIT: Final = 28 * 1000 * 1000


class BoundedUploads(FileUploadHandler):
    """The first handler of settings.FILE_UPLOAD_HANDLERS. The form arrives without the rest of its files."""

    chunk_size = 64 * 1024

    def __init__(self, request: object = None) -> None:
        super().__init__(request)  # type: ignore[arg-type]
        self._received = 0

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Pass it on to the handlers behind, up to the limit."""
        self._received += len(raw_data)
        if self._received > LIMIT:
            # What has come in goes no further; the rest is read and thrown away, so that the answer is heard.
            raise StopUpload(connection_reset=False)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The handlers behind keep it."""
