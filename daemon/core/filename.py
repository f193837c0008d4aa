"""Names of attachments: from what a mail claims to what a person may be shown and a disk may hold.

A name is a label only (attachments are stored by digest), but it is shown, logged and offered for
download: no path, no control or direction characters (RLO turns "gpj.exe" into "exe.jpg"), no
leading dot, at most 120 characters with its extension kept.
"""

from __future__ import annotations

import re

from daemon.core.clean import clean_line

NAME_CHARS = 120
_EXTENSION_CHARS = 12
_UNSAFE = re.compile(r"[^\w. -]", re.UNICODE)
_RUNS = re.compile(r"[_ ]{2,}")

_EXTENSIONS = {
    "application/gzip": "gz",
    "application/json": "json",
    "application/msword": "doc",
    "application/ms-tnef": "winmail.dat",
    "application/pdf": "pdf",
    "application/pgp-encrypted": "pgp",
    "application/pgp-keys": "asc",
    "application/pgp-signature": "signature.asc",
    "application/pkcs7-mime": "smime.p7m",
    "application/pkcs7-signature": "smime.p7s",
    "application/rtf": "rtf",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-tnef": "winmail.dat",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/x-pkcs7-mime": "smime.p7m",
    "application/x-pkcs7-signature": "smime.p7s",
    "application/zip": "zip",
    "audio/mpeg": "mp3",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/jpeg": "jpg",
    "image/jpg": "jpg",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tif",
    "image/webp": "webp",
    "message/rfc822": "eml",
    "text/calendar": "invite.ics",
    "text/csv": "csv",
    "text/html": "html",
    "text/plain": "txt",
    "text/rtf": "rtf",
    "text/vcard": "vcf",
    "text/x-vcard": "vcf",
    "text/xml": "xml",
    "video/mp4": "mp4",
}


def safe_name(claimed: str, *, content_type: str, part: str) -> str:
    """A name that is safe to show and to save under; made from the type and part number when none is left."""
    text = clean_line(claimed, 2_000).replace("\\", "/").rpartition("/")[2]
    text = _RUNS.sub("_", _UNSAFE.sub("_", text)).strip(". _-")
    if not re.search(r"\w", text):
        return _made_up(content_type, part)
    if len(text) <= NAME_CHARS:
        return text
    stem, dot, extension = text.rpartition(".")
    if dot and 0 < len(extension) <= _EXTENSION_CHARS:
        return f"{stem[: NAME_CHARS - len(extension) - 1]}.{extension}"
    return text[:NAME_CHARS]


def _made_up(content_type: str, part: str) -> str:
    extension = _EXTENSIONS.get(content_type, "bin")
    return extension if "." in extension else f"part-{part}.{extension}"
