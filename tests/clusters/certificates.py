"""One certificate authority per cluster, and what it signs; valid for a month, by openssl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clusters.programs import output_of

VALID_DAYS = "30"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc")
# Instead of the machine's own openssl.cnf, whose extensions differ.
CONFIGURATION = "[req]\ndistinguished_name = subject\n[subject]\n"


@dataclass(frozen=True)
class Certificate:
    """A certificate and its private key, as files."""

    certificate: Path
    key: Path


class CertificateAuthority:
    """Signs everything in one folder; components trust it alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._configuration = folder / "openssl.cnf"
        folder.mkdir(parents=True)
        self._configuration.write_text(CONFIGURATION)
        authority = ("-addext", "basicConstraints=critical,CA:TRUE")
        self.own = self._request("ca", "/CN=deploytune tests", *authority)

    def issue(self, name: str, subject: str, names: Sequence[str] = ()) -> Certificate:
        """Sign a certificate for a subject such as `/O=group/CN=user`, valid for some names."""
        extensions = ["-addext", "basicConstraints=critical,CA:FALSE"]
        if names:
            extensions += ["-addext", f"subjectAltName={','.join(names)}"]
        signer = ("-CA", self.own.certificate, "-CAkey", self.own.key)
        return self._request(name, subject, *signer, *extensions)

    def key_pair(self, name: str) -> tuple[Path, Path]:
        """Make a private key and its public half, for tokens."""
        private, public = self._folder / f"{name}.key", self._folder / f"{name}.pub"
        curve = ("-algorithm", "EC", *NEW_KEY[2:4])
        output_of(["openssl", "genpkey", *curve, "-out", private])
        output_of(["openssl", "pkey", "-in", private, "-pubout", "-out", public])
        return private, public

    def _request(self, name: str, subject: str, *options: str | Path) -> Certificate:
        made = Certificate(self._folder / f"{name}.crt", self._folder / f"{name}.key")
        files = ("-keyout", made.key, "-out", made.certificate)
        command = ("openssl", "req", "-x509", "-config", self._configuration, *NEW_KEY)
        output_of([*command, "-days", VALID_DAYS, "-subj", subject, *files, *options])
        return made
