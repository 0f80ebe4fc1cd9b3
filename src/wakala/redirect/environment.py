"""What a program must be told so that its calls to Daraja come to the proxy, by environment variables alone."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from wakala.redirect import LIVE_HOST, SANDBOX_HOST
from wakala.redirect.authority import Authority

# Node's own https module asks no proxy. The proxy takes TLS as well, so its connections are led straight to it.
_PRELOAD = """\
'use strict';
const https = require('https');
const hosts = new Set(%(hosts)s);
const connect = https.Agent.prototype.createConnection;
https.Agent.prototype.createConnection = function (options, ...rest) {
  if (hosts.has(options.host) || hosts.has(options.hostname)) {
    const name = hosts.has(options.host) ? options.host : options.hostname;
    options = { ...options, host: '127.0.0.1', hostname: '127.0.0.1', port: %(port)s, servername: name, path: null };
  }
  return connect.call(this, options, ...rest);
};
"""


def variables(proxy_url: str, authority: Authority, preload: Path) -> dict[str, str]:
    """Python, curl, Go, Ruby, PHP and Node read these; Java and .NET have settings of their own."""
    return {
        "HTTPS_PROXY": proxy_url,
        "https_proxy": proxy_url,
        "SSL_CERT_FILE": str(authority.bundle),
        "REQUESTS_CA_BUNDLE": str(authority.bundle),
        "CURL_CA_BUNDLE": str(authority.bundle),
        "NODE_EXTRA_CA_CERTS": str(authority.certificate),
        "NODE_OPTIONS": f"--require={preload}",
    }


def write_preload(folder: Path, proxy_url: str) -> Path:
    """The few lines that lead Node's own https module to the proxy."""
    path = folder / "redirect.js"
    port = proxy_url.rpartition(":")[2]
    path.write_text(_PRELOAD % {"hosts": [SANDBOX_HOST, LIVE_HOST], "port": port})
    return path


def exports(values: Mapping[str, str]) -> str:
    """Lines for a shell."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in values.items())
